//! A validator of the part of JSON Schema that the service's own documents use. It is stricter than
//! the standard: an object may have only described members.

use serde_json::{Map, Value};

/// Keywords that say nothing about validity, or nothing that the tests need.
const IGNORED: &[&str] = &[
    "description",
    "title",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "examples",
];

/// Why `value` is not what `schema`, a part of `document`, describes.
pub fn violation(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let Value::Object(keywords) = schema else {
        return (*schema != Value::Bool(true)).then(|| format!("{schema} forbids {value}"));
    };
    keywords.iter().find_map(|(keyword, rule)| {
        let holds = |schema: &Value| violation(document, schema, value).is_none();
        let list = || rule.as_array().into_iter().flatten();
        let fails = |holds: bool| (!holds).then(|| format!("{keyword} {rule}: {value}"));
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|it| it.strip_prefix('#'));
                let found = pointer.and_then(|pointer| document.pointer(pointer));
                let found = found.unwrap_or_else(|| panic!("{rule} must resolve"));
                violation(document, found, value)
            }
            "allOf" => list().find_map(|schema| violation(document, schema, value)),
            "anyOf" | "oneOf" => fails(list().any(holds)),
            "const" => fails(rule == value),
            "enum" => fails(list().any(|one| one == value)),
            "type" => fails(match rule {
                Value::Array(types) => types.iter().any(|name| is_of(value, name)),
                name => is_of(value, name),
            }),
            "required" => fails(list().all(|name| value.get(name.as_str().unwrap()).is_some())),
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                items.find_map(|item| violation(document, rule, item))
            }
            "properties" => members(document, keywords, value),
            ignored if IGNORED.contains(&ignored) => None,
            unknown => panic!("the validator must learn {unknown}: {schema}"),
        }
    })
}

fn members(document: &Value, keywords: &Map<String, Value>, value: &Value) -> Option<String> {
    let described = keywords["properties"].as_object().expect("properties");
    let is_complete = keywords.contains_key("type");
    value
        .as_object()?
        .iter()
        .find_map(|(name, value)| match described.get(name) {
            Some(schema) => violation(document, schema, value).map(|why| format!("{name}: {why}")),
            None => is_complete.then(|| format!("{name} is not described")),
        })
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("the name of a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}
