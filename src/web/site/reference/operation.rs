//! The section of one operation: what it does, what it takes, and what it responds with.

use super::html::{anchor, escaped, list, members, paragraphs, prose, resolved, text};
use super::samples::{self, Sample, Token, response};
use super::schema::{constraints, field, fields, type_of};
use crate::web::http::problem::Kind;
use crate::web::openapi::examples::exchanges;
use actix_web::http::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// An operation of the document.
pub struct Described<'a> {
    pub document: &'a Value,
    pub path: &'a str,
    /// In capitals.
    pub method: String,
    pub operation: &'a Value,
}

impl<'a> Described<'a> {
    pub fn id(&self) -> &'a str {
        text(&self.operation["operationId"])
    }

    pub fn summary(&self) -> &'a str {
        text(&self.operation["summary"])
    }

    /// The method in its colour.
    pub fn method_html(&self) -> String {
        let method = &self.method;
        format!(
            "<span class=\"method {}\">{method}</span>",
            method.to_lowercase()
        )
    }

    pub fn section(&self) -> String {
        let (id, summary) = (self.id(), self.summary());
        let code = self.code();
        format!(
            "<section class=\"operation\" id=\"{id}\" aria-labelledby=\"{id}-title\" data-entry>\
             <div class=\"operation-text\"><h3 id=\"{id}-title\">{}{}</h3>\
             <p class=\"route\">{} <code>{}</code></p>{}{}{}{}{}</div>{code}</section>",
            escaped(summary),
            anchor(id, summary),
            self.method_html(),
            escaped(self.path),
            paragraphs(text(&self.operation["description"])),
            self.access(),
            self.parameters(),
            self.body(),
            self.responses(),
        )
    }

    fn access(&self) -> &'static str {
        match Token::of(self.operation) {
            Token::None => "",
            Token::Cart => {
                "<p class=\"access\">Requires the <a href=\"#rule-tokens\">cart's token</a>.</p>"
            }
            Token::Operator => {
                "<p class=\"access\">Requires the \
                 <a href=\"#rule-tokens\">operator token</a>.</p>"
            }
        }
    }

    /// A part of the section under its own heading.
    fn part(&self, name: &str, title: &str, content: &str) -> String {
        if content.is_empty() {
            return String::new();
        }
        let id = format!("{}-{name}", self.id());
        let named = format!("{title} of {}", self.summary());
        format!(
            "<h4 id=\"{id}\">{title}{}</h4>{content}",
            anchor(&id, &named)
        )
    }

    fn parameters(&self) -> String {
        let groups = [
            ("path", "Path"),
            ("query", "Query"),
            ("header", "Request headers"),
        ];
        groups
            .into_iter()
            .fold(String::new(), |html, (place, title)| {
                let rows: String = list(&self.operation["parameters"])
                    .map(|parameter| resolved(self.document, parameter))
                    .filter(|parameter| parameter["in"] == place)
                    .map(|parameter| {
                        field(
                            text(&parameter["name"]),
                            &parameter["schema"],
                            parameter["required"] == true,
                            text(&parameter["description"]),
                        )
                    })
                    .collect();
                let rows = match rows.as_str() {
                    "" => String::new(),
                    rows => format!("<dl class=\"fields\">{rows}</dl>"),
                };
                html + &self.part(place, title, &rows)
            })
    }

    fn body(&self) -> String {
        let body = &self.operation["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        let mut html = fields(schema);
        if !html.is_empty() && body["required"] != true {
            html = format!("<p class=\"limits\">The body may be omitted.</p>{html}");
        }
        self.part("body", "Request body", &html)
    }

    fn responses(&self) -> String {
        let mut rows = String::new();
        for (status, response) in members(&self.operation["responses"]) {
            let content = problems_of(response).unwrap_or_else(|| self.response(response));
            let _ = write!(
                rows,
                "<div class=\"field-row\"><dt><code class=\"status-{}\">{status}</code> \
                 <span class=\"type\">{}</span></dt><dd>{content}</dd></div>",
                &status[..1],
                reason(status),
            );
        }
        self.part(
            "responses",
            "Responses",
            &format!("<dl class=\"fields\">{rows}</dl>"),
        )
    }

    fn response(&self, response: &Value) -> String {
        let mut html = format!("<p>{}</p>", prose(text(&response["description"])));
        for (media_type, content) in members(&response["content"]) {
            let schema = &content["schema"];
            let _ = write!(
                html,
                "<p><code>{}</code> <span class=\"type\">{}</span></p>",
                escaped(media_type),
                type_of(schema)
            );
            let target = resolved(self.document, schema);
            let inner = fields(target);
            if !inner.is_empty() {
                let name = text(&schema["$ref"]).rsplit('/').next().unwrap_or_default();
                let _ = write!(
                    html,
                    "<details><summary>Fields of {name}</summary>{inner}</details>"
                );
            }
        }
        let headers: BTreeSet<&str> = members(&response["headers"])
            .map(|(name, _)| name.as_str())
            .collect();
        if !headers.is_empty() {
            let rows: String = headers
                .into_iter()
                .map(|name| self.header(response, name))
                .collect();
            let _ = write!(
                html,
                "<details><summary>Response headers</summary>\
                 <dl class=\"fields\">{rows}</dl></details>"
            );
        }
        html
    }

    fn header(&self, response: &Value, name: &str) -> String {
        let header = resolved(self.document, &response["headers"][name]);
        let when = if header["required"] == true {
            "always"
        } else {
            "sometimes"
        };
        let limits = constraints(&header["schema"]);
        let limits = match limits.as_str() {
            "" => limits,
            limits => format!("<p class=\"limits\">{limits}</p>"),
        };
        format!(
            "<div class=\"field-row\"><dt><code>{name}</code> <span class=\"type\">{when}</span></dt>\
             <dd><p>{}</p>{limits}</dd></div>",
            prose(text(&header["description"])),
        )
    }

    /// The samples, the recorded responses and a place to try it; of pages and files just a sample.
    fn code(&self) -> String {
        let exchanges = exchanges(self.id());
        let Some(first) = exchanges.first() else {
            let sample = samples::page(self.id(), self.path);
            return format!("<div class=\"operation-code\">{sample}</div>");
        };
        let sample = Sample::of(&self.method, first, Token::of(self.operation));
        let sample = sample.html(self.id());
        let mut seen = BTreeSet::new();
        let mut responses = String::new();
        for exchange in exchanges {
            let media_type = exchange.media_type();
            let status = exchange.response.status.to_string();
            let Some(body) = &exchange.response.body else {
                continue;
            };
            if !seen.insert((status.clone(), media_type)) {
                continue;
            }
            let example = response(&status, media_type, body);
            if responses.is_empty() {
                responses = example;
            } else {
                let _ = write!(
                    responses,
                    "<details><summary>{status} {}</summary>{example}</details>",
                    escaped(media_type)
                );
            }
        }
        format!(
            "<div class=\"operation-code\">{sample}\
             <button type=\"button\" class=\"button small\" data-try=\"{}\" aria-expanded=\"false\" \
             data-testid=\"try-{}\">Try it</button>{responses}</div>",
            self.id(),
            self.id(),
        )
    }
}

/// The problems that a shared response is about, as links; `None` for another response. Such a
/// response is named after its problem types.
fn problems_of(response: &Value) -> Option<String> {
    let name = text(&response["$ref"]).rsplit('/').next()?;
    let kinds: Vec<Kind> = name
        .split('.')
        .filter_map(|slug| Kind::ALL.iter().find(|kind| kind.slug() == slug))
        .copied()
        .collect();
    if kinds.is_empty() {
        return None;
    }
    let links: Vec<String> = kinds
        .into_iter()
        .map(|kind| {
            format!(
                "<a href=\"#problem-{}\">{}</a>",
                kind.slug(),
                escaped(kind.title())
            )
        })
        .collect();
    Some(format!("<p>{}</p>", links.join(" · ")))
}

/// The standard phrase of a status.
pub fn reason(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    status
        .and_then(|it| it.canonical_reason())
        .unwrap_or_default()
}
