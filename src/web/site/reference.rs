//! Generated pages: `/docs` from the API's description, `/problems` from the problem types. Their
//! content needs no scripts.

use crate::web::endpoint::{Endpoint, at};
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::site::assets::Asset;
use crate::web::site::pages;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use std::fmt::Write;
use std::sync::{LazyLock, OnceLock};

/// The pages and documents that are generated from the API's description. The description is made
/// of the routes, which include these pages, so it is passed in as a function.
pub struct Reference {
    describe: fn() -> Value,
    openapi: OnceLock<Asset>,
    docs: OnceLock<Asset>,
}

impl Reference {
    pub const fn of(describe: fn() -> Value) -> Reference {
        Reference {
            describe,
            openapi: OnceLock::new(),
            docs: OnceLock::new(),
        }
    }

    fn openapi(&self) -> &Asset {
        let document = || Asset::made("application/json", (self.describe)().to_string());
        self.openapi.get_or_init(document)
    }

    fn docs(&self) -> &Asset {
        let page = || made("the API", &docs_html(&(self.describe)()));
        self.docs.get_or_init(page)
    }
}

static PROBLEMS: LazyLock<Asset> = LazyLock::new(|| made("problems", &problems_html()));
/// The pages of the problem types, in the order of [`Kind::ALL`].
static PROBLEM_PAGES: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    Kind::ALL
        .iter()
        .map(|kind| made(kind.title(), &problem_html(*kind)))
        .collect()
});

/// The page of the problem type `slug`.
fn problem_page(slug: &str) -> Option<&'static Asset> {
    let place = Kind::ALL.iter().position(|kind| kind.slug() == slug)?;
    PROBLEM_PAGES.get(place)
}

/// The endpoints; the app data has to hold a `&'static` [`Reference`].
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/openapi.json").get(openapi, describe_openapi),
        at("/docs").get(docs, describe_docs),
        at("/problems").get(problems, describe_problems),
        at("/problems/{slug}").get(problem, describe_problem),
    ]
}

fn reference(request: &HttpRequest) -> &'static Reference {
    request
        .app_data::<&'static Reference>()
        .expect("the routes come with a Reference")
}

/// `GET /openapi.json`.
async fn openapi(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let document = reference(&request).openapi();
    pages::answer(&request, document, StatusCode::OK, "public, max-age=60")
}

fn describe_openapi(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_revalidated(operation)
        .named(
            Tag::Service,
            "getDescription",
            "This document, as OpenAPI 3.1",
        )
        .responds(StatusCode::OK, "The document.")
        .content::<serde_json::Map<String, Value>>("application/json", r#"{ "openapi": "3.1.0" }"#)
        .with_headers(&[Header::Etag, Header::CacheControl, Header::Vary])
}

/// `GET /docs`: every route with its parameters and responses.
async fn docs(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let page = reference(&request).docs();
    pages::answer(&request, page, StatusCode::OK, "no-cache")
}

fn describe_docs(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_page(operation).named(Tag::Pages, "getDocs", "This document, as a page")
}

/// `GET /problems`: the problem types.
async fn problems(request: HttpRequest) -> Result<HttpResponse, Problem> {
    pages::answer(&request, &PROBLEMS, StatusCode::OK, "no-cache")
}

fn describe_problems(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_page(operation).named(Tag::Pages, "listProblems", "The problem types")
}

/// `GET /problems/{slug}`: what a problem type means and how to fix it.
async fn problem(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let slug = request.match_info().query("slug");
    let Some(page) = problem_page(slug) else {
        return pages::not_found(request).await;
    };
    pages::answer(&request, page, StatusCode::OK, "no-cache")
}

fn describe_problem(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_page(operation)
        .named(Tag::Pages, "getProblem", "A problem type")
        .problems(&[Kind::NotFound])
}

fn made(title: &str, main: &str) -> Asset {
    const PAGE: &str = include_str!("reference.html");
    let page = PAGE
        .replace("{{title}}", &escaped(title))
        .replace("{{main}}", main);
    Asset::made("text/html; charset=utf-8", page)
}

fn problems_html() -> String {
    let mut html =
        "<h1>Problems</h1><p>Every error is <code>application/problem+json</code> (RFC 9457). \
         Its <code>type</code> is the address of its page.</p><dl>"
            .to_owned();
    for kind in Kind::ALL {
        let (slug, status, title) = (kind.slug(), kind.status().as_u16(), escaped(kind.title()));
        html += &format!(
            "<dt><a href=\"/problems/{slug}\">{title}</a> <code>{status}</code></dt><dd>{}</dd>",
            prose(kind.meaning())
        );
    }
    html + "</dl>"
}

fn problem_html(kind: Kind) -> String {
    let status = kind.status();
    let mut html = format!(
        "<p><a href=\"/problems\">All problems</a></p><h1>{}</h1>\
         <p><code>{} {}</code> · <code>/problems/{}</code></p>\
         <h2>What it means</h2><p>{}</p><h2>How to fix it</h2><p>{}</p>",
        escaped(kind.title()),
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        kind.slug(),
        prose(kind.meaning()),
        prose(kind.remedy()),
    );
    if !kind.members().is_empty() {
        html += "<h2>Additional fields</h2><ul>";
        for (member, _) in kind.members() {
            html += &format!("<li><code>{}</code></li>", escaped(member.name()));
        }
        html += "</ul>";
    }
    html
}

fn docs_html(document: &Value) -> String {
    let mut html = format!(
        "<h1>The API</h1>{}<p>{}</p>\
         <p>Machine-readable: <a href=\"/openapi.json\">openapi.json</a>. \
         Errors: <a href=\"/problems\">problems</a>.</p>",
        paragraphs(text(&document["info"]["description"])),
        prose(EXAMPLES)
    );
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let operations = operations(document, name);
        if operations.is_empty() {
            continue;
        }
        html += &format!(
            "<h2>{}</h2><p>{}</p>{operations}",
            escaped(name),
            prose(text(&tag["description"]))
        );
    }
    html
}

/// The operations under `tag`, in the document's order, without HEAD and OPTIONS.
fn operations(document: &Value, tag: &str) -> String {
    let mut html = String::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tagged = list(&operation["tags"]).any(|own| own == tag);
            if tagged && !matches!(method.as_str(), "head" | "options") {
                html += &operation_html(document, path, &method.to_uppercase(), operation);
            }
        }
    }
    html
}

fn operation_html(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let id = text(&operation["operationId"]);
    let mut html = format!(
        "<section class=\"card panel\" aria-labelledby=\"{id}\"><h3 id=\"{id}\">{}</h3>\
         <p><code>{method} {}</code></p>{}",
        escaped(text(&operation["summary"])),
        escaped(path),
        paragraphs(text(&operation["description"])),
    );
    let rows: String = list(&operation["parameters"]).fold(String::new(), |mut rows, parameter| {
        let parameter = resolved(document, parameter);
        let required = if parameter["required"] == true {
            ", required"
        } else {
            ""
        };
        let _ = write!(
            rows,
            "<li><code>{}</code> <span class=\"soft\">{}{required}</span><br>{}</li>",
            escaped(text(&parameter["name"])),
            escaped(text(&parameter["in"])),
            prose(text(&parameter["description"])),
        );
        rows
    });
    if !rows.is_empty() {
        html += &format!("<details><summary>Parameters</summary><ul>{rows}</ul></details>");
    }
    html += &format!(
        "<pre tabindex=\"0\"><code>{}</code></pre>",
        escaped(&curl(path, method, operation))
    );
    html += "<details><summary>Responses</summary><ul>";
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        html += &response_html(status, response, resolved(document, response));
    }
    html + "</ul></details></section>"
}

fn response_html(status: &str, response: &Value, resolved: &Value) -> String {
    let mut html = format!(
        "<li><code>{status}</code> {}",
        prose(text(&resolved["description"]))
    );
    // A shared response is named after its problem types.
    let shared = text(&response["$ref"])
        .rsplit('/')
        .next()
        .unwrap_or_default();
    for slug in shared
        .split('.')
        .filter(|slug| Kind::ALL.iter().any(|kind| kind.slug() == *slug))
    {
        html += &format!(" <a href=\"/problems/{slug}\">{slug}</a>");
    }
    for (media_type, content) in resolved["content"].as_object().into_iter().flatten() {
        let example = &content["example"];
        if shared.is_empty() && example.is_object() {
            let example = serde_json::to_string_pretty(example).expect("JSON can be serialized");
            html += &format!(
                "<br><span class=\"soft\">{}</span><pre tabindex=\"0\"><code>{}</code></pre>",
                escaped(media_type),
                escaped(&example)
            );
        }
    }
    html + "</li>"
}

/// The values of path parameters in the examples: shell variables of [`EXAMPLES`] or real values.
const PATH_VALUES: [(&str, &str); 4] = [
    ("{id}", "$id"),
    ("{sku}", "teapot"),
    ("{slug}", "cart-closed"),
    ("{file}", "css/base.css"),
];

/// How to run the examples.
const EXAMPLES: &str = "In the examples, `$shop` is the address of this service, such as \
    `http://127.0.0.1:8080`, `$id` and `$cart_token` are a cart's `id` and `token` \
    from the response that opened it, and `$operator_token` is the operator's; \
    demo mode requires none. Use the cart's current version in `If-Match` and its current \
    total in a checkout.";

/// The request as a curl command.
fn curl(path: &str, method: &str, operation: &Value) -> String {
    let path = PATH_VALUES
        .iter()
        .fold(path.to_owned(), |path, (parameter, value)| {
            path.replace(parameter, value)
        });
    let mut line = match method {
        "GET" => format!("curl -i \"$shop{path}\""),
        _ => format!("curl -i -X {method} \"$shop{path}\""),
    };
    for scheme in list(&operation["security"]).filter_map(Value::as_object) {
        for name in scheme.keys().filter(|name| name.ends_with("token")) {
            line += &format!(" \\\n  -H \"Authorization: Bearer ${name}\"");
        }
    }
    for parameter in list(&operation["parameters"]) {
        if parameter["in"] == "header" && parameter["required"] == true {
            let example = list(&parameter["schema"]["examples"])
                .next()
                .map_or("…", text);
            line += &format!(" \\\n  -H '{}: {example}'", text(&parameter["name"]));
        }
    }
    let body = &operation["requestBody"]["content"]["application/json"]["example"];
    if !body.is_null() {
        line += &format!(" \\\n  -H 'Content-Type: application/json' -d '{body}'");
        debug_assert!(
            !body.to_string().contains('\''),
            "{body} must not contain a single quote"
        );
    }
    line
}

/// The target of a `$ref`, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|to| document.pointer(to)).unwrap_or(value)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn paragraphs(markdown: &str) -> String {
    markdown
        .split("\n\n")
        .map(|paragraph| paragraph.trim_start_matches(['#', ' ']))
        .filter(|paragraph| !paragraph.is_empty())
        .fold(String::new(), |mut html, paragraph| {
            let _ = write!(html, "<p>{}</p>", prose(paragraph));
            html
        })
}

/// Markdown of which only `code` and **bold** are supported.
fn prose(markdown: &str) -> String {
    marked(&marked(&escaped(markdown), "`", "code"), "**", "strong")
}

/// `text` with each pair of marks replaced by an element.
fn marked(text: &str, mark: &str, element: &str) -> String {
    let mut html = String::new();
    for (number, part) in text.split(mark).enumerate() {
        match number % 2 {
            0 => html += part,
            _ => html += &format!("<{element}>{part}</{element}>"),
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::site::assets::Coding;

    /// Compression takes milliseconds, a thousand times as long as the rest of a request.
    #[test]
    fn problem_pages_are_compressed_once() {
        for kind in Kind::ALL {
            for coding in [Coding::Identity, Coding::Gzip, Coding::Brotli] {
                let [first, second] =
                    [(), ()].map(|()| problem_page(kind.slug()).unwrap().body(coding));
                assert_eq!(
                    first.as_ptr(),
                    second.as_ptr(),
                    "{} {coding:?}",
                    kind.slug()
                );
            }
        }
        assert!(problem_page("no-such-problem").is_none());
    }
}
