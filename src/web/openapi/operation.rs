//! A builder for the OpenAPI description of one operation: one method of one path.

use super::headers::Header;
use super::schemas::Schemas;
use super::tag::Tag;
use crate::web::http::problem::Kind;
use actix_web::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The cart id in the examples.
const EXAMPLE_CART: &str = "01a20c19-324e-76c9-b286-e42798811daa";

/// Describes an operation. Each route is registered with one beside its handler.
pub type Describe = for<'a> fn(Operation<'a>) -> Operation<'a>;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    CartHolder,
    Operator,
}

/// The description of an operation, under construction.
pub struct Operation<'a> {
    schemas: &'a mut Schemas,
    method: Method,
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
    /// Begins the description of `method` at `path`.
    pub fn new(schemas: &'a mut Schemas, method: Method, path: &str) -> Operation<'a> {
        let rate_limited = !method.is_safe() && path.starts_with("/api/carts");
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
        };
        let unsafe_problems: &[Kind] = match (operation.method.is_safe(), rate_limited) {
            (true, _) => &[],
            (false, false) => &[Kind::CrossSite],
            (false, true) => &[Kind::CrossSite, Kind::TooManyRequests],
        };
        let query_problems: &[Kind] = match operation.method {
            Method::OPTIONS => &[],
            _ if path.starts_with("/api/") => &[Kind::InvalidQuery],
            _ => &[],
        };
        operation.problems(unsafe_problems).problems(query_problems)
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
        self.problems(&[Kind::OperatorOnly])
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
    pub fn body<T: JsonSchema + DeserializeOwned>(
        mut self,
        required: bool,
        example: &Value,
    ) -> Self {
        debug_assert!(
            serde_json::from_value::<T>(example.clone()).is_ok(),
            "the example of {} must be a valid body: {example}",
            self.name
        );
        self.body = Some(json!({
            "required": required,
            "content": {
                "application/json": { "schema": Schemas::request::<T>(), "example": example }
            }
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
    pub fn json<T: JsonSchema>(self, example: &str) -> Self {
        self.content::<T>("application/json", example)
    }

    /// Adds content of type `T` in a JSON media type.
    pub fn content<T: JsonSchema>(self, media_type: &str, example: &str) -> Self {
        let schema = self.schemas.response::<T>();
        let example: Value = serde_json::from_str(example).expect("an example must be JSON");
        let content = json!({ "schema": schema, "example": example });
        self.add_content(media_type, content)
    }

    /// Adds text content.
    pub fn text_content(self, media_type: &str, example: Option<&str>) -> Self {
        let mut content = json!({ "schema": { "type": "string" } });
        if let Some(example) = example {
            content["example"] = json!(example);
        }
        self.add_content(media_type, content)
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

    /// The OpenAPI operation object.
    pub fn build(self) -> Value {
        assert!(
            !self.name.is_empty() && !self.responses.is_empty(),
            "an operation must have a name and a response"
        );
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
                "id" => (
                    "The cart.",
                    json!({ "type": "string", "format": "uuid", "examples": [EXAMPLE_CART] }),
                ),
                "sku" => (
                    "The product.",
                    json!({
                        "type": "string",
                        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                        "examples": ["teapot"]
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

/// The schema without null: an optional parameter is absent, never null.
fn not_null(mut schema: Value) -> Value {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_slice() {
            let mut only = only.clone();
            if let (Some(only), Some(described)) = (only.as_object_mut(), schema.get("description"))
            {
                only.insert("description".into(), described.clone());
            }
            return only;
        }
    }
    schema
}
