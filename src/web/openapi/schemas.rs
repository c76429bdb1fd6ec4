//! JSON Schemas, generated from the types that requests are read into and responses written from.

use super::examples;
use super::headers::Header;
use crate::web::http::problem::{BodyError, Kind, Member, Presence};
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DEFINITIONS: &str = "/components/schemas";

/// Collects the components that operations refer to.
pub struct Schemas {
    responses: SchemaGenerator,
    /// Problem responses by name, each with the problem types it may have.
    problem_responses: BTreeMap<String, BTreeSet<Kind>>,
}

impl Schemas {
    pub fn new() -> Schemas {
        Schemas {
            responses: settings(Contract::Serialize).into_generator(),
            problem_responses: BTreeMap::new(),
        }
    }

    /// The schema of `T` in a response: a reference if it has a name.
    pub fn response<T: JsonSchema>(&mut self) -> Value {
        readable(self.responses.subschema_for::<T>())
    }

    /// The schema of `T` in a request, inlined.
    pub fn request<T: JsonSchema>() -> Value {
        let mut settings = settings(Contract::Deserialize);
        settings.inline_subschemas = true;
        readable(settings.into_generator().subschema_for::<T>())
    }

    /// A reference to the response that is one of `kinds`, all of one status.
    pub fn problem_response(&mut self, kinds: &BTreeSet<Kind>) -> Value {
        let name = kinds
            .iter()
            .map(|kind| kind.slug())
            .collect::<Vec<_>>()
            .join(".");
        let reference = format!("#/components/responses/{name}");
        self.problem_responses.insert(name, kinds.clone());
        json!({ "$ref": reference })
    }

    /// The schemas of the types that were referred to, by their names.
    pub fn take_definitions(&mut self) -> Map<String, Value> {
        let definitions = self.responses.take_definitions(true).into_iter();
        definitions
            .map(|(name, mut schema)| {
                make_readable(&mut schema);
                (name, schema)
            })
            .collect()
    }

    /// The components that operations referred to.
    pub fn components(mut self) -> Map<String, Value> {
        self.responses.subschema_for::<BodyError>();
        let mut schemas = self.take_definitions();
        let used: BTreeSet<Kind> = self.problem_responses.values().flatten().copied().collect();
        for kind in &used {
            schemas.insert(schema_name(*kind), problem_schema(*kind));
        }
        schemas.sort_keys();
        let responses: Map<String, Value> = self
            .problem_responses
            .into_iter()
            .map(|(name, kinds)| (name, response_of(&kinds)))
            .collect();
        let examples: Map<String, Value> = used
            .iter()
            .map(|kind| {
                let example = json!({ "summary": kind.title(), "value": problem_example(*kind) });
                (kind.slug().to_owned(), example)
            })
            .collect();
        [
            ("schemas", schemas),
            ("responses", responses),
            ("examples", examples),
        ]
        .into_iter()
        .map(|(name, components)| (name.to_owned(), Value::Object(components)))
        .collect()
    }
}

fn settings(contract: Contract) -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.contract = contract;
    settings.definitions_path = DEFINITIONS.into();
    settings
}

fn readable(schema: Schema) -> Value {
    let mut value = schema.to_value();
    make_readable(&mut value);
    value
}

/// Turns doc comments into descriptions: joins lines and strips links.
fn make_readable(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text
                    .split("\n\n")
                    .map(|paragraph| paragraph.replace('\n', " "))
                    .collect::<Vec<_>>()
                    .join("\n\n")
                    .replace("[`", "`")
                    .replace("`]", "`");
            }
            members.values_mut().for_each(make_readable);
        }
        Value::Array(items) => items.iter_mut().for_each(make_readable),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The name of a problem's schema, such as `CartClosedProblem`.
fn schema_name(kind: Kind) -> String {
    format!("{kind:?}Problem")
}

fn problem_schema(kind: Kind) -> Value {
    let mut properties = Map::new();
    let mut required = vec!["type", "title", "status", "detail"];
    properties.insert("type".into(), json!({ "const": kind.address() }));
    properties.insert("title".into(), json!({ "const": kind.title() }));
    properties.insert("status".into(), json!({ "const": kind.status().as_u16() }));
    properties.insert(
        "detail".into(),
        json!({ "type": "string", "description": "What happened, for people." }),
    );
    for (member, presence) in kind.members() {
        properties.insert(member.name().into(), member.schema());
        if *presence == Presence::Always {
            required.push(member.name());
        }
    }
    required.push("trace_id");
    properties.insert(
        "trace_id".into(),
        json!({
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "Identifies the request in the service's log: the trace of \
                `traceparent`, or a generated one."
        }),
    );
    json!({
        "type": "object",
        "description": format!("{} {}", kind.meaning(), kind.remedy()),
        "properties": properties,
        "required": required,
    })
}

/// The recorded problem of this type. One that cannot be provoked is made from its description.
fn problem_example(kind: Kind) -> Value {
    if let Some(recorded) = examples::problem(kind.slug()) {
        return recorded.clone();
    }
    let mut example = json!({
        "type": kind.address(),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "detail": kind.meaning(),
    });
    if kind == Kind::TotalLimit {
        example[Member::Max.name()] = json!(i64::MAX);
    }
    example["trace_id"] = json!("0af7651916cd43dd8448eb211c80319c");
    example
}

fn response_of(kinds: &BTreeSet<Kind>) -> Value {
    let titles: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{} ([{}]({})).", kind.title(), kind.slug(), kind.address()))
        .collect();
    let mut references: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "$ref": format!("#{DEFINITIONS}/{}", schema_name(*kind)) }))
        .collect();
    let examples: Map<String, Value> = kinds
        .iter()
        .map(|kind| {
            let reference = format!("#/components/examples/{}", kind.slug());
            (kind.slug().to_owned(), json!({ "$ref": reference }))
        })
        .collect();
    let schema = match references.len() {
        1 => references.remove(0),
        _ => json!({ "oneOf": references }),
    };
    let always = [Header::ContentTypeOptions, Header::CacheControl];
    let mut headers = Header::components(&always, true);
    for (header, kinds_with) in Header::OF_PROBLEMS {
        let all = kinds.iter().all(|kind| kinds_with.contains(kind));
        if kinds.iter().any(|kind| kinds_with.contains(kind)) {
            headers.extend(Header::components(&[*header], all));
        }
    }
    json!({
        "description": titles.join(" "),
        "headers": headers,
        "content": {
            "application/problem+json": { "schema": schema, "examples": examples }
        }
    })
}

/// The schema without null: an optional parameter is absent, never null.
pub fn not_null(mut schema: Value) -> Value {
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
