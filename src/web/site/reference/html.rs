//! Text as HTML, and reading of the OpenAPI document.

pub use crate::web::site::html::escaped;
use serde_json::Value;
use std::fmt::Write;

/// The target of a `$ref`, or the value itself.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|to| document.pointer(to)).unwrap_or(value)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The members of an object, in the document's order.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// JSON as it is read, in several lines.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON can be serialized")
}

/// A link to the place on this page that has the id, for people who share it.
pub fn anchor(id: &str, name: &str) -> String {
    format!(
        " <a class=\"anchor\" href=\"#{id}\" aria-label=\"Link to {}\">#</a>",
        escaped(name)
    )
}

/// Markdown in paragraphs.
pub fn paragraphs(markdown: &str) -> String {
    let parts = markdown.split("\n\n").filter(|part| !part.is_empty());
    parts.fold(String::new(), |mut html, part| {
        let _ = write!(html, "<p>{}</p>", prose(part));
        html
    })
}

/// Markdown of which `code`, **bold** and [links](/) are supported.
pub fn prose(markdown: &str) -> String {
    let mut html = String::new();
    for (number, part) in escaped(markdown).split('`').enumerate() {
        if number % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
        } else {
            html += &linked(part);
        }
    }
    // A bold text may have code in it.
    html.split("**")
        .enumerate()
        .fold(String::new(), |mut bold, (number, part)| {
            match number % 2 {
                0 => bold += part,
                _ => drop(write!(bold, "<strong>{part}</strong>")),
            }
            bold
        })
}

/// `text` with `[name](address)` as links.
fn linked(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let parts = link.split_once("](").and_then(|(name, after)| {
            let (address, after) = after.split_once(')')?;
            Some((name, address, after))
        });
        let Some((name, address, after)) = parts else {
            break;
        };
        let _ = write!(html, "{before}<a href=\"{address}\">{name}</a>");
        rest = after;
    }
    html + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_renders_code_bold_text_and_links() {
        assert_eq!(
            prose("**Use `a<b`** or [the list](/problems), `[not](this)`."),
            "<strong>Use <code>a&lt;b</code></strong> or <a href=\"/problems\">the list</a>, \
             <code>[not](this)</code>."
        );
        assert_eq!(prose("[open"), "[open");
    }
}
