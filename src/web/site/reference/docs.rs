//! The page `/docs`: the first call, the general rules, every operation, schema and problem.

use super::common::Common;
use super::html::{anchor, escaped, list, members, prose, text};
use super::operation::Described;
use super::samples::{self, Sample, Token};
use super::{problems, schema};
use crate::web::http::problem::Kind;
use crate::web::openapi::examples::exchanges;
use serde_json::Value;
use std::fmt::Write;

/// The contents, and the reference itself.
pub fn page(document: &Value) -> String {
    let common = Common::of(document);
    let groups: Vec<(&str, &str, Vec<Described<'_>>)> = list(&document["tags"])
        .map(|tag| {
            let name = text(&tag["name"]);
            (
                name,
                text(&tag["description"]),
                operations(document, &common, name),
            )
        })
        .filter(|(_, _, operations)| !operations.is_empty())
        .collect();
    let rules = rules(text(&document["info"]["description"]));
    let schemas: Vec<(&String, &Value)> = members(&document["components"]["schemas"])
        .filter(|(name, _)| !name.ends_with("Problem"))
        .collect();
    let mut body = start(text(&document["info"]["summary"]));
    body += &rules_section(&rules, &common);
    for (name, description, operations) in &groups {
        let sections: String = operations.iter().map(Described::section).collect();
        body += &group(name, &prose(description), &sections);
    }
    let sections: String = schemas
        .iter()
        .map(|(name, it)| schema::section(name, it))
        .collect();
    body += &group(
        "Schemas",
        "The objects in requests and responses.",
        &sections,
    );
    let about = "What each header of a response means. The operations say which they have.";
    body += &group("Response headers", about, &common.headers_section());
    let sections: String = Kind::ALL
        .iter()
        .map(|kind| problems::section(*kind))
        .collect();
    let about = "Every error is one of these, as <code>application/problem+json</code> (RFC 9457).";
    body += &group("Problems", about, &sections);
    let contents = contents(&rules, &groups, &schemas);
    format!("{contents}<div class=\"docs-body\">{body}</div>")
}

/// The operations under `tag`, in the document's order, without HEAD and OPTIONS.
fn operations<'a>(document: &'a Value, common: &'a Common<'a>, tag: &str) -> Vec<Described<'a>> {
    members(&document["paths"])
        .flat_map(|(path, methods)| members(methods).map(move |(method, it)| (path, method, it)))
        .filter(|(_, method, operation)| {
            let tagged = list(&operation["tags"]).any(|own| own == tag);
            tagged && !matches!(method.as_str(), "head" | "options")
        })
        .map(|(path, method, operation)| Described {
            document,
            common,
            path,
            method: method.to_uppercase(),
            operation,
        })
        .collect()
}

/// The first call: what a newcomer types, and what comes back.
fn start(summary: &str) -> String {
    let text = format!(
        "<div class=\"operation-text\"><h1>API reference</h1><p>{}</p>\
         <p><strong>Your first call</strong> opens a cart. It requires no credentials. \
         The response contains the cart's <code>id</code> and its <code>token</code>, which is \
         returned only once: store it, and send it as <code>Authorization: Bearer</code> with \
         every request below the cart. Then <a href=\"#addItem\">add units of a product</a> and \
         <a href=\"#checkOut\">check out</a>.</p>\
         <p>In the samples, <code>$shop</code> is the address of this service, <code>$id</code> \
         and <code>$cart_token</code> are those of a cart, <code>$share</code> is the token of a \
         shared one, <code>$order</code> is the <code>order_id</code> of a checkout, \
         <code>$warehouse_token</code> is the warehouse's, and <code>$operator_token</code> the \
         operator's; demo mode requires none. In <code>If-Match</code> send the version that you \
         have seen, and in a checkout its total. All examples are recorded from one cart.</p>\
         <p class=\"start-links\"><a href=\"/openapi.json\">OpenAPI document</a> \
         <a href=\"/asyncapi.json\">AsyncAPI document</a> \
         <a href=\"#rules\">General rules</a> <a href=\"#group-problems\">Problems</a></p></div>",
        prose(summary)
    );
    let code = exchanges("openCart")
        .first()
        .map_or_else(String::new, |opened| {
            let sample = Sample::of("POST", opened, Token::None);
            let curl = format!("shop=http://127.0.0.1:8080\n{}", sample.curl());
            let script = format!(
                "const shop = \"http://127.0.0.1:8080\";\n{}",
                sample.javascript()
            );
            let body = opened.response.body.as_ref().unwrap_or(&Value::Null);
            let status = opened.response.status.to_string();
            samples::block("start", &curl, &script)
                + &samples::response(&status, opened.media_type(), body)
        });
    format!(
        "<section class=\"operation start\" id=\"start\" data-entry>{text}\
         <div class=\"operation-code\">{code}</div></section>"
    )
}

/// A general rule: what it is about, and its paragraph in Markdown.
struct Rule<'a> {
    name: &'a str,
    paragraph: &'a str,
}

impl Rule<'_> {
    fn id(&self) -> String {
        slug("rule", self.name)
    }
}

/// The paragraphs of the document's description that begin with a bold word.
fn rules(description: &str) -> Vec<Rule<'_>> {
    let rule = |paragraph| {
        let (name, _) = str::strip_prefix(paragraph, "**")?.split_once("**")?;
        let name = name.trim_end_matches('.');
        Some(Rule { name, paragraph })
    };
    description.split("\n\n").filter_map(rule).collect()
}

fn rules_section(rules: &[Rule<'_>], common: &Common<'_>) -> String {
    let rows = rules.iter().fold(String::new(), |mut rows, rule| {
        let id = rule.id();
        let _ = write!(
            rows,
            "<p id=\"{id}\" data-entry>{}{}</p>",
            prose(rule.paragraph),
            anchor(&id, rule.name)
        );
        rows
    });
    format!(
        "<section class=\"group\" id=\"rules\" aria-labelledby=\"rules-title\">\
         <h2 id=\"rules-title\">General rules{}</h2><div class=\"rules\">{rows}{}</div></section>",
        anchor("rules", "General rules"),
        common.rule(),
    )
}

fn group(name: &str, about: &str, sections: &str) -> String {
    let id = slug("group", name);
    format!(
        "<section class=\"group\" aria-labelledby=\"{id}\"><h2 id=\"{id}\">{}{}</h2>\
         <p>{about}</p>{sections}</section>",
        escaped(name),
        anchor(&id, name)
    )
}

/// The contents, which are also what the search looks through.
fn contents(
    rules: &[Rule<'_>],
    groups: &[(&str, &str, Vec<Described<'_>>)],
    schemas: &[(&String, &Value)],
) -> String {
    let entry = |id: &str, html: &str, words: &str| {
        format!(
            "<li data-words=\"{}\"><a href=\"#{id}\">{html}</a></li>",
            escaped(&words.to_lowercase())
        )
    };
    let mut html = String::new();
    let rows: String = rules
        .iter()
        .map(|rule| entry(&rule.id(), &escaped(rule.name), ""))
        .collect();
    html += &part(
        "General rules",
        &(entry("start", "Your first call", "")
            + &rows
            + &entry("rule-every-request", "Every request", "problems headers")
            + &entry("group-response-headers", "Response headers", "headers")),
        false,
    );
    for (name, _, operations) in groups {
        let rows: String = operations
            .iter()
            .map(|it| {
                let words = format!("{} {} {}", it.method, it.path, it.id());
                let html = format!("{} {}", it.method_html(), escaped(it.summary()));
                entry(it.id(), &html, &words)
            })
            .collect();
        html += &part(name, &rows, false);
    }
    let rows: String = schemas
        .iter()
        .map(|(name, _)| entry(&schema::id(name), name, "schema"))
        .collect();
    html += &part("Schemas", &rows, true);
    let rows: String = Kind::ALL
        .iter()
        .map(|kind| {
            let status = kind.status().as_u16();
            let html = format!("<code>{status}</code> {}", escaped(kind.title()));
            entry(&format!("problem-{}", kind.slug()), &html, kind.slug())
        })
        .collect();
    html += &part("Problems", &rows, true);
    format!(
        "<nav class=\"contents\" aria-label=\"API reference\" data-testid=\"docs-contents\">\
         <details id=\"contents\"><summary>Contents and search</summary><div \
         class=\"contents-body\">\
         <div class=\"search\" role=\"search\"><label class=\"unseen\" \
         for=\"search\">Search</label>\
         <input class=\"field small\" id=\"search\" type=\"search\" autocomplete=\"off\" \
         placeholder=\"Search\" aria-keyshortcuts=\"/\" data-testid=\"docs-search\">\
         <kbd aria-hidden=\"true\">/</kbd></div>\
         <p class=\"small soft\" id=\"found\" role=\"status\" data-testid=\"docs-found\"></p>\
         <div id=\"index\">{html}</div></div></details></nav>"
    )
}

/// A part of the contents; a long one is closed at first.
fn part(name: &str, rows: &str, is_long: bool) -> String {
    let open = if is_long { "" } else { " open" };
    format!(
        "<details class=\"part-of-contents\"{open}><summary>{}</summary><ul>{rows}</ul></details>",
        escaped(name)
    )
}

/// An id of lower-case words.
fn slug(prefix: &str, name: &str) -> String {
    let words: Vec<String> = name
        .split(|it: char| !it.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    format!("{prefix}-{}", words.join("-"))
}
