//! What `/docs` says once: the problems and headers that every operation shares, and what each
//! response header means.

use super::html::{anchor, escaped, members, prose, text};
use super::schema::constraints;
use crate::web::http::problem::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What all operations of the document share.
pub struct Common<'a> {
    pub problems: Vec<Kind>,
    pub headers: BTreeSet<&'a str>,
    /// The description of each response header of the document, by its name.
    described: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Common<'a> {
    pub fn of(document: &'a Value) -> Common<'a> {
        let operations = || members(&document["paths"]).flat_map(|(_, methods)| members(methods));
        let responses = || {
            operations()
                .flat_map(|(_, operation)| members(&operation["responses"]))
                .map(|(_, response)| response)
        };
        let is_everywhere = |kind: Kind| {
            operations().all(|(_, operation)| {
                members(&operation["responses"]).any(|(_, it)| problems_of(it).contains(&kind))
            })
        };
        // A header that only some responses have is described twice.
        let described: BTreeMap<&str, &Value> = members(&document["components"]["headers"])
            .map(|(name, header)| (name.trim_end_matches(".optional"), header))
            .collect();
        let is_always_there = |name: &str| {
            responses()
                .filter(|it| problems_of(it).is_empty())
                .all(|it| !it["headers"][name].is_null())
        };
        Common {
            problems: Kind::ALL
                .iter()
                .copied()
                .filter(|kind| is_everywhere(*kind))
                .collect(),
            headers: described
                .keys()
                .copied()
                .filter(|name| is_always_there(name))
                .collect(),
            described,
        }
    }

    /// The rule about what every operation may respond with.
    pub fn rule(&self) -> String {
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|name| format!("<a href=\"#{}\">{name}</a>", header_id(name)))
            .collect();
        format!(
            "<p id=\"rule-every-request\" data-entry><strong>Every request</strong> may be \
             answered by one of these problems, which the operations do not repeat: {}. Every \
             other response has {}.{}</p>",
            self.problems
                .iter()
                .map(|kind| link(*kind))
                .collect::<Vec<_>>()
                .join(", "),
            headers.join(", "),
            anchor("rule-every-request", "Every request"),
        )
    }

    /// The section of the response headers.
    pub fn headers_section(&self) -> String {
        let rows = self
            .described
            .iter()
            .fold(String::new(), |mut rows, (name, header)| {
                let id = header_id(name);
                let limits = constraints(&header["schema"]);
                let limits = match limits.as_str() {
                    "" => limits,
                    limits => format!("<p class=\"limits\">{limits}</p>"),
                };
                let _ = write!(
                    rows,
                    "<div class=\"field-row\" id=\"{id}\"><dt><code>{name}</code>{}</dt>\
                     <dd><p>{}</p>{limits}</dd></div>",
                    anchor(&id, name),
                    prose(text(&header["description"])),
                );
                rows
            });
        format!("<dl class=\"fields\">{rows}</dl>")
    }
}

/// The id of a response header's row.
fn header_id(name: &str) -> String {
    format!("header-{}", name.to_lowercase())
}

/// A problem with its status, linked to its section.
pub fn link(kind: Kind) -> String {
    let status = kind.status().as_u16();
    format!(
        "<a href=\"#problem-{}\"><code class=\"status-{}\">{status}</code> {}</a>",
        kind.slug(),
        status / 100,
        escaped(kind.title())
    )
}

/// The problems that a shared response is about; none for another response. Such a response is
/// named after its problem types.
pub fn problems_of(response: &Value) -> Vec<Kind> {
    let name = text(&response["$ref"]).rsplit('/').next();
    name.unwrap_or_default()
        .split('.')
        .filter_map(|slug| Kind::ALL.iter().find(|kind| kind.slug() == slug))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_one_operation_lacks_is_not_common() {
        let problem = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
        let header = json!({ "description": "Its tag." });
        let headers = json!({ "ETag": header, "Vary.optional": header });
        let document = json!({ "components": { "headers": headers }, "paths": {
            "/a": { "get": { "responses": {
                "200": { "headers": { "ETag": header, "Vary": header } },
                "404": problem("not-found"),
                "500": problem("internal"),
            } } },
            "/b": { "get": { "responses": {
                "200": { "headers": { "ETag": header } },
                "500": problem("internal"),
            } } },
        } });
        let common = Common::of(&document);
        assert_eq!(common.problems, [Kind::Internal]);
        assert_eq!(common.headers, BTreeSet::from(["ETag"]));
        let section = common.headers_section();
        for id in ["header-etag", "header-vary"] {
            assert!(section.contains(&format!("id=\"{id}\"")), "{section}");
        }
    }
}
