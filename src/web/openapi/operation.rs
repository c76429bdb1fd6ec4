//! What one method of one resource takes and answers.

use super::headers::Header;
use super::schemas::Schemas;
use super::tag::Tag;
use crate::web::http::problem::Kind;
use actix_web::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Describes an operation: what a route is registered with beside its handler.
pub type Describe = for<'a> fn(Operation<'a>) -> Operation<'a>;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Everybody,
    CartHolder,
    Operator,
}

/// An operation under description.
pub struct Operation<'a> {
    schemas: &'a mut Schemas,
    method: Method,
    /// Whether the service counts such requests against the sender's limit.
    limited: bool,
    name: &'static str,
    summary: &'static str,
    description: &'static str,
    tag: Tag,
    access: Access,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(StatusCode, Map<String, Value>)>,
    problems: BTreeSet<Kind>,
}

impl<'a> Operation<'a> {
    /// Begins the description of `method` at `path`.
    pub fn new(schemas: &'a mut Schemas, method: Method, path: &str) -> Operation<'a> {
        let limited = !method.is_safe() && path.starts_with("/api/carts");
        let problems = [
            Kind::AddressTooLong,
            Kind::HeadersTooLarge,
            Kind::Internal,
            Kind::WrongHost,
        ];
        let operation = Operation {
            schemas,
            limited,
            name: "",
            summary: "",
            description: "",
            tag: Tag::Service,
            access: Access::Everybody,
            parameters: path_parameters(path),
            body: None,
            answers: Vec::new(),
            problems: problems.into(),
            method,
        };
        let unsafe_problems: &[Kind] = match (operation.method.is_safe(), limited) {
            (true, _) => &[],
            (false, false) => &[Kind::CrossSite],
            (false, true) => &[Kind::CrossSite, Kind::TooManyRequests],
        };
        let query_problems: &[Kind] = match operation.method {
            Method::OPTIONS => &[],
            _ if path.starts_with("/api/") => &[Kind::InvalidQuery],
            _ => &[],
        };
        operation.refuses(unsafe_problems).refuses(query_problems)
    }

    /// Gives the operation its id and its summary.
    pub fn named(mut self, tag: Tag, name: &'static str, summary: &'static str) -> Self {
        self.tag = tag;
        self.name = name;
        self.summary = summary;
        self
    }

    /// What has to be known beside the summary.
    pub fn text(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Asks for the token of the cart in the path.
    pub fn for_the_carts_holder(mut self) -> Self {
        self.access = Access::CartHolder;
        self.refuses(&[Kind::NotFound, Kind::LogUnavailable])
    }

    /// Asks for the operator's token.
    pub fn for_the_operator(mut self) -> Self {
        self.access = Access::Operator;
        self.refuses(&[Kind::OperatorOnly])
    }

    /// Takes what a `T` is read from as the query.
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

    /// May be sent with these headers.
    pub fn takes(mut self, headers: &[Header]) -> Self {
        let parameters = headers.iter().map(|header| header.parameter(false));
        self.parameters.extend(parameters);
        self.refuses(&[Kind::InvalidHeader])
    }

    /// Has to be sent with these headers.
    pub fn asks_for(mut self, headers: &[Header]) -> Self {
        let parameters = headers.iter().map(|header| header.parameter(true));
        self.parameters.extend(parameters);
        self.refuses(&[Kind::InvalidHeader])
    }

    /// Takes a `T` as JSON.
    pub fn body<T: JsonSchema + DeserializeOwned>(
        mut self,
        required: bool,
        example: &Value,
    ) -> Self {
        debug_assert!(
            serde_json::from_value::<T>(example.clone()).is_ok(),
            "{example} is what {} takes",
            self.name
        );
        self.body = Some(json!({
            "required": required,
            "content": {
                "application/json": { "schema": Schemas::request::<T>(), "example": example }
            }
        }));
        self.reads_a_body()
    }

    /// Reads a body, if only to find that there is nothing in it.
    pub fn reads_a_body(self) -> Self {
        self.refuses(&[
            Kind::InvalidBody,
            Kind::BodyTooLarge,
            Kind::BodyTimeout,
            Kind::UnsupportedMediaType,
        ])
    }

    /// Begins an answer; what follows is said of it.
    pub fn answers(mut self, status: StatusCode, description: &str) -> Self {
        let mut headers = Header::components(&[Header::ContentTypeOptions], true);
        if self.limited {
            let limits = [Header::RateLimitPolicy, Header::RateLimit];
            headers.extend(Header::components(&limits, false));
        }
        let answer = [
            ("description".to_owned(), json!(description)),
            ("headers".to_owned(), Value::Object(headers)),
        ];
        self.answers.push((status, answer.into_iter().collect()));
        self
    }

    /// The answer always has these headers.
    pub fn with(self, headers: &[Header]) -> Self {
        self.with_headers(headers, true)
    }

    /// The answer has these headers where they apply.
    pub fn maybe_with(self, headers: &[Header]) -> Self {
        self.with_headers(headers, false)
    }

    fn with_headers(mut self, headers: &[Header], always: bool) -> Self {
        if let Some(Value::Object(described)) = self.answer().get_mut("headers") {
            described.extend(Header::components(headers, always));
        }
        self
    }

    /// The answer is a `T` as JSON.
    pub fn json<T: JsonSchema>(self, example: &str) -> Self {
        self.content::<T>("application/json", example)
    }

    /// The answer is a `T` as JSON of that media type.
    pub fn content<T: JsonSchema>(self, media_type: &str, example: &str) -> Self {
        let schema = self.schemas.answer::<T>();
        let example: Value = serde_json::from_str(example).expect("examples are JSON");
        let content = json!({ "schema": schema, "example": example });
        self.has_content(media_type, content)
    }

    /// The answer is text of that media type.
    pub fn words(self, media_type: &str, example: Option<&str>) -> Self {
        let mut content = json!({ "schema": { "type": "string" } });
        if let Some(example) = example {
            content["example"] = json!(example);
        }
        self.has_content(media_type, content)
    }

    fn has_content(mut self, media_type: &str, content: Value) -> Self {
        let answer = self.answer();
        let contents = answer.entry("content").or_insert_with(|| json!({}));
        contents[media_type] = content;
        self
    }

    /// The answer leads on to other operations: their ids, and where their cart's id is found.
    pub fn leads_to(mut self, operations: &[&str], id: &str) -> Self {
        let links: Map<String, Value> = operations
            .iter()
            .map(|operation| {
                let link = json!({ "operationId": operation, "parameters": { "id": id } });
                ((*operation).to_owned(), link)
            })
            .collect();
        self.answer()
            .insert("links".to_owned(), Value::Object(links));
        self
    }

    /// The types of problems that it can answer with.
    pub fn refuses(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds);
        self
    }

    fn answer(&mut self) -> &mut Map<String, Value> {
        let (_, answer) = self.answers.last_mut().expect("an answer was begun");
        answer
    }

    /// The operation as the document has it.
    pub fn done(self) -> Value {
        assert!(
            !self.name.is_empty() && !self.answers.is_empty(),
            "an operation has a name and an answer"
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
            Access::Everybody => json!([]),
            Access::CartHolder => json!([{ "cart_token": [] }, { "cart_cookie": [] }]),
            Access::Operator => json!([{ "operator_token": [] }, { "operator_cookie": [] }]),
        };
        let mut responses: BTreeMap<String, Value> = BTreeMap::new();
        for (status, answer) in self.answers {
            responses.insert(status.as_str().to_owned(), Value::Object(answer));
        }
        let mut by_status: BTreeMap<u16, BTreeSet<Kind>> = BTreeMap::new();
        for kind in self.problems {
            let kinds = by_status.entry(kind.status().as_u16()).or_default();
            kinds.insert(kind);
        }
        for (status, kinds) in by_status {
            let refusal = self.schemas.refusal(&kinds);
            responses.entry(status.to_string()).or_insert(refusal);
        }
        operation["responses"] = json!(responses);
        operation
    }
}

/// The parameters in the template of a path.
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
                    json!({ "type": "string", "format": "uuid", "examples": [super::CART] }),
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
                    "The last part of a problem's `type`.",
                    json!({
                        "type": "string",
                        "enum": Kind::ALL.iter().map(|kind| kind.slug()).collect::<Vec<_>>()
                    }),
                ),
                _ => ("A file of the pages.", json!({ "type": "string" })),
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

/// A parameter is left out where a member of a body would be null.
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
