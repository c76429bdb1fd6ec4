//! A builder for the OpenAPI description of one operation: one method of one path.

use super::examples;
use super::headers::Header;
use super::schemas::{Schemas, not_null};
use super::tag::Tag;
use crate::web::http::problem::Kind;
use crate::web::http::rate::Rate;
use actix_web::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Describes an operation. Each route is registered with one beside its handler.
pub type Describe = for<'a> fn(Operation<'a>) -> Operation<'a>;

/// The methods of a path, each with the rate limit that it counts against and its description.
pub type Operations = Vec<(Method, Rate, Describe)>;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    CartHolder,
    Operator,
    Warehouse,
}

/// The description of an operation, under construction.
pub struct Operation<'a> {
    schemas: &'a mut Schemas,
    method: Method,
    path: String,
    /// Whether requests count against the client's rate limit.
    rate_limited: bool,
    name: &'static str,
    summary: &'static str,
    description: &'static str,
    tag: Tag,
    access: Access,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Vec<(StatusCode, Map<String, Value>)>,
    problems: BTreeSet<Kind>,
}

impl<'a> Operation<'a> {
    /// Begins the description of `method` at `path`, whose requests count against `rate`.
    pub fn new(schemas: &'a mut Schemas, method: Method, path: &str, rate: Rate) -> Operation<'a> {
        let rate_limited = rate != Rate::Unlimited;
        let problems = [
            Kind::AddressTooLong,
            Kind::HeadersTooLarge,
            Kind::Internal,
            Kind::WrongHost,
        ];
        let operation = Operation {
            schemas,
            rate_limited,
            name: "",
            summary: "",
            description: "",
            tag: Tag::Service,
            access: Access::Public,
            parameters: path_parameters(path),
            body: None,
            responses: Vec::new(),
            problems: problems.into(),
            method,
            path: path.to_owned(),
        };
        let gate_problems: &[Kind] = match (operation.method.is_safe(), rate_limited) {
            (true, false) => &[],
            (true, true) => &[Kind::TooManyRequests],
            (false, false) => &[Kind::CrossSite],
            (false, true) => &[Kind::CrossSite, Kind::TooManyRequests],
        };
        let query_problems: &[Kind] = match operation.method {
            Method::OPTIONS => &[],
            _ if path.starts_with("/api/") => &[Kind::InvalidQuery],
            _ => &[],
        };
        operation.problems(gate_problems).problems(query_problems)
    }

    /// Sets the section, the `operationId` and the summary.
    pub fn named(mut self, tag: Tag, name: &'static str, summary: &'static str) -> Self {
        self.tag = tag;
        self.name = name;
        self.summary = summary;
        self
    }

    /// Sets the text below the summary.
    pub fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Requires the token of the cart in the path.
    pub fn requires_cart_token(mut self) -> Self {
        self.access = Access::CartHolder;
        self.problems(&[Kind::NotFound, Kind::LogUnavailable])
    }

    /// Requires the operator's token.
    pub fn requires_operator(mut self) -> Self {
        self.access = Access::Operator;
        self.problems(&[Kind::OperatorOnly, Kind::TooManyGuesses])
    }

    /// Requires the warehouse's token.
    pub fn requires_warehouse(mut self) -> Self {
        self.access = Access::Warehouse;
        self.problems(&[Kind::WarehouseOnly, Kind::TooManyGuesses, Kind::NotFound])
    }

    /// Adds the query parameters that `T` is read from.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        let schema = Schemas::request::<T>();
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let mut schema = not_null(property.clone());
            let description = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"));
            self.parameters.push(json!({
                "name": name,
                "in": "query",
                "description": description.unwrap_or_default(),
                "required": required.contains(&name.as_str()),
                "schema": schema,
            }));
        }
        self
    }

    /// Adds optional request headers.
    pub fn optional_headers(mut self, headers: &[Header]) -> Self {
        let parameters = headers.iter().map(|header| header.parameter(false));
        self.parameters.extend(parameters);
        self.problems(&[Kind::InvalidHeader])
    }

    /// Adds required request headers.
    pub fn required_headers(mut self, headers: &[Header]) -> Self {
        let parameters = headers.iter().map(|header| header.parameter(true));
        self.parameters.extend(parameters);
        self.problems(&[Kind::InvalidHeader])
    }

    /// Sets the JSON body that `T` is read from.
    pub fn body<T: JsonSchema>(mut self, required: bool) -> Self {
        self.body = Some(json!({
            "required": required,
            "content": { "application/json": { "schema": Schemas::request::<T>() } }
        }));
        self.reads_body()
    }

    /// Adds the problems of reading a body, which may have to be empty.
    pub fn reads_body(self) -> Self {
        self.problems(&[
            Kind::InvalidBody,
            Kind::BodyTooLarge,
            Kind::BodyTimeout,
            Kind::UnsupportedMediaType,
        ])
    }

    /// Begins a response. Headers and content that follow describe this response.
    pub fn responds(mut self, status: StatusCode, description: &str) -> Self {
        let mut headers = Header::components(&[Header::ContentTypeOptions], true);
        if self.rate_limited {
            let limits = [Header::RateLimitPolicy, Header::RateLimit];
            headers.extend(Header::components(&limits, false));
        }
        let response = [
            ("description".to_owned(), json!(description)),
            ("headers".to_owned(), Value::Object(headers)),
        ];
        self.responses
            .push((status, response.into_iter().collect()));
        self
    }

    /// Adds headers that the response always has.
    pub fn with_headers(self, headers: &[Header]) -> Self {
        self.add_headers(headers, true)
    }

    /// Adds headers that the response may have.
    pub fn may_have_headers(self, headers: &[Header]) -> Self {
        self.add_headers(headers, false)
    }

    fn add_headers(mut self, headers: &[Header], always: bool) -> Self {
        if let Some(Value::Object(described)) = self.response().get_mut("headers") {
            described.extend(Header::components(headers, always));
        }
        self
    }

    /// Adds JSON content of type `T`.
    pub fn json<T: JsonSchema>(self) -> Self {
        self.content::<T>("application/json")
    }

    /// Adds content of type `T` in a JSON media type.
    pub fn content<T: JsonSchema>(self, media_type: &str) -> Self {
        let schema = self.schemas.response::<T>();
        self.add_content(media_type, json!({ "schema": schema }))
    }

    /// Adds text content.
    pub fn text_content(self, media_type: &str) -> Self {
        self.add_content(media_type, json!({ "schema": { "type": "string" } }))
    }

    /// The response's body of bytes as `media_type`.
    pub fn binary_content(self, media_type: &str) -> Self {
        let schema = json!({ "contentMediaType": media_type });
        self.add_content(media_type, json!({ "schema": schema }))
    }

    fn add_content(mut self, media_type: &str, content: Value) -> Self {
        let response = self.response();
        let contents = response.entry("content").or_insert_with(|| json!({}));
        contents[media_type] = content;
        self
    }

    /// Links the response to `operations`, whose cart is at the runtime expression `id`.
    pub fn links_to(mut self, operations: &[&str], id: &str) -> Self {
        let links: Map<String, Value> = operations
            .iter()
            .map(|operation| {
                let link = json!({ "operationId": operation, "parameters": { "id": id } });
                ((*operation).to_owned(), link)
            })
            .collect();
        self.response()
            .insert("links".to_owned(), Value::Object(links));
        self
    }

    /// Adds the problems that the operation may respond with.
    pub fn problems(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds);
        self
    }

    fn response(&mut self) -> &mut Map<String, Value> {
        let (_, response) = self
            .responses
            .last_mut()
            .expect("responds() comes before what describes the response");
        response
    }

    /// The OpenAPI operation object, with the examples that were recorded for it.
    pub fn build(mut self) -> Value {
        assert!(
            !self.name.is_empty() && !self.responses.is_empty(),
            "an operation must have a name and a response"
        );
        self.add_examples();
        let mut operation = json!({
            "tags": [self.tag.name()],
            "operationId": self.name,
            "summary": self.summary,
        });
        if !self.description.is_empty() {
            operation["description"] = json!(self.description);
        }
        if !self.parameters.is_empty() {
            operation["parameters"] = json!(self.parameters);
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation["security"] = match self.access {
            Access::Public => json!([]),
            Access::CartHolder => json!([{ "cart_token": [] }, { "cart_cookie": [] }]),
            Access::Operator => json!([{ "operator_token": [] }, { "operator_cookie": [] }]),
            Access::Warehouse => json!([{ "warehouse_token": [] }]),
        };
        let mut responses: BTreeMap<String, Value> = BTreeMap::new();
        for (status, response) in self.responses {
            responses.insert(status.as_str().to_owned(), Value::Object(response));
        }
        let mut by_status: BTreeMap<u16, BTreeSet<Kind>> = BTreeMap::new();
        for kind in self.problems {
            let kinds = by_status.entry(kind.status().as_u16()).or_default();
            kinds.insert(kind);
        }
        for (status, kinds) in by_status {
            let response = self.schemas.problem_response(&kinds);
            responses.entry(status.to_string()).or_insert(response);
        }
        operation["responses"] = json!(responses);
        operation
    }

    /// The request is the first exchange's; each response has the first example of its kind.
    fn add_examples(&mut self) {
        let exchanges = examples::exchanges(self.name);
        let Some(first) = exchanges.first() else {
            return;
        };
        for parameter in &mut self.parameters {
            let part = |name: &str| parameter[name].as_str().unwrap_or_default();
            let sent = exchanges
                .iter()
                .find_map(|it| it.parameter(&self.path, part("in"), part("name")));
            if let Some(value) = sent {
                let is_number = parameter["schema"]["type"] == "integer";
                let number = value.parse::<u64>().ok().filter(|_| is_number);
                parameter["example"] = number.map_or_else(|| json!(value), |value| json!(value));
            }
        }
        if let (Some(body), Some(example)) = (&mut self.body, &first.request.body) {
            body["content"]["application/json"]["example"] = example.clone();
        }
        for (status, response) in &mut self.responses {
            let contents = response.get_mut("content").and_then(Value::as_object_mut);
            for (media_type, content) in contents.into_iter().flatten() {
                let recorded = |it: &&examples::Exchange| it.has(status.as_str(), media_type);
                let recorded = exchanges.iter().find(recorded);
                if let Some(example) = recorded.and_then(|it| it.response.body.as_ref()) {
                    content["example"] = example.clone();
                }
            }
        }
    }
}

/// The parameters in a path template.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        Some(name)
    });
    names
        .map(|name| {
            let (description, schema) = match name {
                "id" if path.starts_with("/api/orders/") => {
                    ("The order.", json!({ "type": "string", "format": "uuid" }))
                }
                "id" => ("The cart.", json!({ "type": "string", "format": "uuid" })),
                "sku" => (
                    "The product.",
                    json!({
                        "type": "string",
                        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
                    }),
                ),
                "token" => (
                    "The share's token.",
                    json!({ "type": "string", "pattern": "^[0-9a-f]{80}$" }),
                ),
                "version" => (
                    "The version of the cart after the event.",
                    json!({ "type": "integer", "minimum": 1, "examples": [1] }),
                ),
                "tile" => (
                    "Level, index and width of a tile as in C2SP tlog-tiles.",
                    json!({
                        "type": "string",
                        "pattern": "^([0-9]|[1-5][0-9]|6[0-3]|entries)(/x[0-9]{3})*/[0-9]{3}\
                                    (\\.p/([1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5]))?$",
                        "examples": ["0/000.p/1"]
                    }),
                ),
                "slug" => (
                    "The last segment of a problem's `type`.",
                    json!({
                        "type": "string",
                        "enum": Kind::ALL.iter().map(|kind| kind.slug()).collect::<Vec<_>>()
                    }),
                ),
                _ => ("Path of the file.", json!({ "type": "string" })),
            };
            json!({
                "name": name,
                "in": "path",
                "description": description,
                "required": true,
                "schema": schema,
            })
        })
        .collect()
}
