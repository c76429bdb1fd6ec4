//! JSON Schemas as lists of fields, with links from one to the next.

use super::html::{anchor, escaped, list, members, prose, text};
use serde_json::Value;
use std::fmt::Write;

const COMPONENTS: &str = "#/components/schemas/";

/// The id of a schema's section.
pub fn id(name: &str) -> String {
    format!("schema-{name}")
}

/// The schema's type, such as `array of CartLine`, with links to named schemas.
pub fn type_of(schema: &Value) -> String {
    if let Some(name) = text(&schema["$ref"]).strip_prefix(COMPONENTS) {
        return format!("<a href=\"#{}\">{name}</a>", id(name));
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escaped(&value.to_string()));
    }
    for choice in ["anyOf", "oneOf"] {
        if schema[choice].is_array() {
            let mut types: Vec<String> = list(&schema[choice]).map(plain_type_of).collect();
            types.dedup();
            return types.join(" or ");
        }
    }
    match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::String(name) if name == "array" => {
            format!("array of {}", type_of(&schema["items"]))
        }
        Value::String(name) if name == "object" && schema["additionalProperties"].is_object() => {
            format!("map of {}", type_of(&schema["additionalProperties"]))
        }
        Value::String(name) => name.clone(),
        _ => "any".to_owned(),
    }
}

/// The type of one choice of several; the values are listed apart.
fn plain_type_of(schema: &Value) -> String {
    match text(&schema["type"]) {
        "string" => "string".to_owned(),
        _ => type_of(schema),
    }
}

/// Limits of the value: format, range, length, pattern and choices.
pub fn constraints(schema: &Value) -> String {
    let mut parts = Vec::new();
    let code = |value: &Value| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("<code>{}</code>", escaped(&text))
    };
    // The range says more than the width of an integer.
    if let Some(format) = schema["format"].as_str().filter(|it| !it.contains("int")) {
        parts.push(escaped(format));
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        match (&schema[least], &schema[most]) {
            (Value::Null, Value::Null) => {}
            (least, Value::Null) => parts.push(format!("at least {least}{unit}")),
            (Value::Null, most) => parts.push(format!("at most {most}{unit}")),
            (least, most) => parts.push(format!("{least} to {most}{unit}")),
        }
    }
    if schema["uniqueItems"] == true {
        parts.push("no duplicates".to_owned());
    }
    if !schema["pattern"].is_null() {
        parts.push(format!("matches {}", code(&schema["pattern"])));
    }
    let values: Vec<String> = list(&schema["enum"]).map(code).collect();
    if !values.is_empty() {
        parts.push(format!("one of {}", values.join(", ")));
    }
    if !schema["default"].is_null() {
        parts.push(format!("default {}", code(&schema["default"])));
    }
    if schema["type"] == "array" {
        let items = constraints(&schema["items"]);
        if !items.is_empty() {
            parts.push(format!("each: {items}"));
        }
    }
    parts.join("; ")
}

/// One field: its name, type, whether it is required, its limits and what it means.
pub fn field(name: &str, schema: &Value, required: bool, description: &str) -> String {
    let mut html = format!(
        "<div class=\"field-row\"><dt><code>{}</code> <span class=\"type\">{}</span>{}</dt><dd>",
        escaped(name),
        type_of(schema),
        if required {
            " <span class=\"required\">required</span>"
        } else {
            ""
        },
    );
    if !description.is_empty() {
        let _ = write!(html, "<p>{}</p>", prose(description));
    }
    let limits = constraints(schema);
    if !limits.is_empty() {
        let _ = write!(html, "<p class=\"limits\">{limits}</p>");
    }
    html += &nested(schema);
    html + "</dd></div>"
}

/// The fields of an object that has no name of its own.
fn nested(schema: &Value) -> String {
    let inner = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    fields(inner)
}

/// The fields of an object; empty for anything else.
pub fn fields(schema: &Value) -> String {
    let required: Vec<&str> = list(&schema["required"]).map(text).collect();
    let rows: String = members(&schema["properties"])
        .map(|(name, property)| {
            let description = text(&property["description"]);
            field(
                name,
                property,
                required.contains(&name.as_str()),
                description,
            )
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!("<dl class=\"fields\">{rows}</dl>")
}

/// The choices of a schema that is one of several values, each with what it means.
fn choices(schema: &Value) -> String {
    let rows: String = list(&schema["oneOf"])
        .chain(list(&schema["anyOf"]))
        .filter(|choice| choice["$ref"].is_null())
        .flat_map(|choice| {
            let values = list(&choice["enum"]).chain(choice.get("const"));
            let meaning = prose(text(&choice["description"]));
            values.map(move |value| {
                format!(
                    "<div class=\"field-row\"><dt><code>{}</code></dt><dd>{meaning}</dd></div>",
                    escaped(text(value))
                )
            })
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!("<dl class=\"fields\">{rows}</dl>")
}

/// The section of a named schema, which is closed until it is wanted.
pub fn section(name: &str, schema: &Value) -> String {
    let id = id(name);
    let mut html = format!(
        "<details class=\"entry\" id=\"{id}\" data-entry><summary><h3>{name}</h3></summary>\
         <p>{}{}</p>",
        prose(text(&schema["description"])),
        anchor(&id, name)
    );
    if schema["type"] != "object" {
        let _ = write!(
            html,
            "<p><span class=\"type\">{}</span></p>",
            type_of(schema)
        );
        let limits = constraints(schema);
        if !limits.is_empty() {
            let _ = write!(html, "<p class=\"limits\">{limits}</p>");
        }
    }
    html + &fields(schema) + &choices(schema) + "</details>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_link_to_named_schemas() {
        let lines = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Lot" } });
        assert_eq!(type_of(&lines), "array of <a href=\"#schema-Lot\">Lot</a>");
        assert_eq!(
            type_of(&json!({ "type": ["string", "null"] })),
            "string or null"
        );
        let choice = json!({ "anyOf": [{ "$ref": "#/components/schemas/A" }, { "type": "null" }] });
        assert_eq!(type_of(&choice), "<a href=\"#schema-A\">A</a> or null");
    }

    #[test]
    fn constraints_state_range_pattern_and_choices() {
        let quantity = json!({ "type": "integer", "format": "uint32", "minimum": 1, "maximum": 9 });
        assert_eq!(constraints(&quantity), "1 to 9");
        let id = json!({ "type": "string", "format": "uuid", "pattern": "^<" });
        assert_eq!(constraints(&id), "uuid; matches <code>^&lt;</code>");
        let step = json!({ "enum": ["hour", "day"] });
        assert_eq!(
            constraints(&step),
            "one of <code>hour</code>, <code>day</code>"
        );
    }
}
