//! The section of one operation: what it does, what it takes, and what it responds with.

use super::common::{Common, link, problems_of};
use super::html::{anchor, escaped, list, members, paragraphs, prose, resolved, text};
use super::samples::{self, Sample, Token, response};
use super::schema::{field, fields, type_of};
use crate::web::http::problem::Kind;
use crate::web::openapi::examples::exchanges;
use actix_web::http::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// An operation of the document.
pub struct Described<'a> {
    pub document: &'a Value,
    pub common: &'a Common<'a>,
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
             <p class=\"route\">{} <code>{}</code></p>{}{}{}{}{}{}</div>{code}</section>",
            escaped(summary),
            anchor(id, summary),
            self.method_html(),
            escaped(self.path),
            paragraphs(text(&self.operation["description"])),
            self.access(),
            self.parameters(),
            self.body(),
            self.responses(),
            self.problems(),
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
            Token::Warehouse => {
                "<p class=\"access\">Requires the warehouse's token, \
                 <code>orders.warehouse_token</code> in the configuration.</p>"
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
            if !problems_of(response).is_empty() {
                continue;
            }
            let _ = write!(
                rows,
                "<div class=\"field-row\"><dt><code class=\"status-{}\">{status}</code> \
                 <span class=\"type\">{}</span></dt><dd>{}</dd></div>",
                &status[..1],
                reason(status),
                self.response(response),
            );
        }
        self.part(
            "responses",
            "Responses",
            &format!("<dl class=\"fields\">{rows}</dl>"),
        )
    }

    /// The problems of this operation; those of every operation are a general rule.
    fn problems(&self) -> String {
        let own: BTreeSet<Kind> = members(&self.operation["responses"])
            .flat_map(|(_, response)| problems_of(response))
            .filter(|kind| !self.common.problems.contains(kind))
            .collect();
        let links = own.into_iter().fold(String::new(), |mut links, kind| {
            let _ = write!(links, "<li>{}</li>", link(kind));
            links
        });
        let list = match links.as_str() {
            "" => String::new(),
            links => format!(
                "<ul class=\"problems\">{links}<li>and those of \
                 <a href=\"#rule-every-request\">every request</a></li></ul>"
            ),
        };
        self.part("problems", "Problems", &list)
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
            // The fields of a named schema are in its own section.
            html += &fields(schema);
        }
        html + &self.headers(response)
    }

    /// The names of the response's headers; what each means is said once.
    fn headers(&self, response: &Value) -> String {
        let (always, sometimes): (Vec<_>, Vec<_>) = members(&response["headers"])
            .filter(|(name, _)| !self.common.headers.contains(name.as_str()))
            .partition(|(_, header)| resolved(self.document, header)["required"] == true);
        let names = |headers: &[(&String, &Value)]| {
            let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
            names.join(", ")
        };
        let mut text = names(&always);
        if !sometimes.is_empty() {
            let before = if text.is_empty() { "" } else { "; " };
            text += &format!("{before}sometimes {}", names(&sometimes));
        }
        if text.is_empty() {
            return text;
        }
        format!("<p class=\"limits\"><a href=\"#group-response-headers\">Headers</a>: {text}</p>")
    }

    /// The samples, the recorded responses and a place to try it; of pages and files just a sample.
    fn code(&self) -> String {
        let exchanges = exchanges(self.id());
        let Some(first) = exchanges.first() else {
            let sample = samples::page(self.id(), self.path, Token::of(self.operation));
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
             <button type=\"button\" class=\"button small\" data-try=\"{}\" \
             aria-expanded=\"false\" data-testid=\"try-{}\">Try it</button>{responses}</div>",
            self.id(),
            self.id(),
        )
    }
}

/// The standard phrase of a status.
pub fn reason(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    status
        .and_then(|it| it.canonical_reason())
        .unwrap_or_default()
}
