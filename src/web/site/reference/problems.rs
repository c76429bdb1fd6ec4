//! The problem types: their pages under `/problems`, and their part of `/docs`.

use super::html::{anchor, escaped, prose};
use super::samples;
use crate::web::http::problem::Kind;
use crate::web::openapi::examples;
use std::fmt::Write;

/// The list of all problem types.
pub fn index() -> String {
    let rows = Kind::ALL.iter().fold(String::new(), |mut rows, kind| {
        let _ = write!(
            rows,
            "<dt><a href=\"{}\">{}</a> <code>{}</code></dt><dd>{}</dd>",
            kind.address(),
            escaped(kind.title()),
            kind.status().as_u16(),
            prose(kind.meaning())
        );
        rows
    });
    format!(
        "<h1>Problems</h1><p>Every error is <code>application/problem+json</code> (RFC 9457). \
         Its <code>type</code> is the address of its page.</p><dl>{rows}</dl>"
    )
}

/// The page of one type: what it means and how to fix it.
pub fn page(kind: Kind) -> String {
    let status = kind.status();
    format!(
        "<p><a href=\"/problems\">All problems</a></p><h1>{}</h1>\
         <p><code>{} {}</code> · <code>{}</code></p>\
         <h2>What it means</h2><p>{}</p><h2>How to fix it</h2><p>{}</p>{}{}",
        escaped(kind.title()),
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        kind.address(),
        prose(kind.meaning()),
        prose(kind.remedy()),
        additional_fields(kind, "h2"),
        example(kind, "h2"),
    )
}

/// The section of one type in `/docs`, which is closed until it is wanted.
pub fn section(kind: Kind) -> String {
    let id = format!("problem-{}", kind.slug());
    format!(
        "<details class=\"entry\" id=\"{id}\" data-entry><summary>\
         <h3><code class=\"status-{}\">{}</code> {}</h3></summary><div class=\"operation\">\
         <div class=\"operation-text\"><p class=\"route\"><a href=\"{address}\">{address}</a>{}</p>\
         <p>{}</p><p>{}</p>{}</div>{}</div></details>",
        kind.status().as_u16() / 100,
        kind.status().as_u16(),
        escaped(kind.title()),
        anchor(&id, kind.title()),
        prose(kind.meaning()),
        prose(kind.remedy()),
        additional_fields(kind, "h4"),
        match example(kind, "") {
            example if example.is_empty() => example,
            example => format!("<div class=\"operation-code\">{example}</div>"),
        },
        address = kind.address(),
    )
}

fn additional_fields(kind: Kind, heading: &str) -> String {
    if kind.members().is_empty() {
        return String::new();
    }
    let rows = kind
        .members()
        .iter()
        .fold(String::new(), |mut rows, (member, _)| {
            let _ = write!(
                rows,
                "<div class=\"field-row\"><dt><code>{}</code></dt><dd>{}</dd></div>",
                escaped(member.name()),
                prose(member.description()),
            );
            rows
        });
    format!("<{heading}>Additional fields</{heading}><dl class=\"fields\">{rows}</dl>")
}

/// The recorded problem, under a heading if there is to be one.
fn example(kind: Kind, heading: &str) -> String {
    let Some(body) = examples::problem(kind.slug()) else {
        return String::new();
    };
    let status = kind.status().as_u16().to_string();
    let sample = samples::response(&status, "application/problem+json", body);
    match heading {
        "" => sample,
        heading => format!("<{heading}>Example</{heading}>{sample}"),
    }
}
