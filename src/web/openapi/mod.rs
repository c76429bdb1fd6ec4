//! The description of the API: an OpenAPI 3.1 document, made from the same table that the routes
//! are made from, and from the same types that requests are read into and answers written from.
//!
//! A route cannot be registered without its description, so there is none that the document lacks.
//! To add one:
//!
//! 1. Write the handler, and beside it in this folder a function `Operation -> Operation` of the same
//!    name, which says what the handler takes, answers and refuses. Derive [`schemars::JsonSchema`]
//!    for the types that it reads and writes; their doc comments become the document's words.
//! 2. Register both in `web::others`: `at("/api/views").get(views::list, openapi::views::list)`.
//! 3. Renew the copy in the tests, and read what has changed in it:
//!    `CARTLOG_GOLDEN=write cargo nextest run --test api the_description`.

pub mod carts;
pub mod catalogue;
mod headers;
pub mod histories;
pub mod insights;
pub mod journal;
mod operation;
pub mod operator;
mod schemas;
pub mod service;
mod tag;
pub mod views;

pub use operation::Describe;

use super::http::problem::{Kind, Problem};
use super::pages;
use super::site::assets::Asset;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use headers::Header;
use operation::Operation;
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use tag::Tag;

/// The cart of the examples.
const CART: &str = "01a20c19-324e-76c9-b286-e42798811daa";

/// What holds everywhere, for whoever reads the document from its beginning.
const RULES: &str = include_str!("rules.md");

static SERVED: LazyLock<Asset> =
    LazyLock::new(|| Asset::made("application/json", document().to_string()));

/// `GET /openapi.json`.
pub async fn serve(request: HttpRequest) -> Result<HttpResponse, Problem> {
    pages::answer(&request, &SERVED, StatusCode::OK, "public, max-age=60")
}

/// The whole document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for (path, methods) in super::described() {
        let template = without_patterns(&path);
        let mut described = Map::new();
        for (method, describe) in methods {
            let begun = Operation::new(&mut schemas, method.clone(), &template);
            let operation = describe(begun).done();
            if method == Method::GET {
                described.insert("get".to_owned(), operation.clone());
                described.insert("head".to_owned(), head_of(operation));
            } else {
                described.insert(method.as_str().to_lowercase(), operation);
            }
        }
        described.insert(
            "options".to_owned(),
            options(&mut schemas, &template, &described),
        );
        paths.insert(template, Value::Object(described));
    }
    // What every route answers to a method that it does not have is described once.
    schemas.refusal(&[Kind::MethodNotAllowed].into());
    let mut components = schemas.components();
    let referring = json!([paths, components]).to_string();
    let mut headers = Header::all();
    headers.retain(|name, _| referring.contains(&format!("\"#/components/headers/{name}\"")));
    components.insert("headers".to_owned(), Value::Object(headers));
    components.insert("securitySchemes".to_owned(), security_schemes());
    let tags = Tag::ALL
        .iter()
        .map(|tag| json!({ "name": tag.name(), "description": tag.description() }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "cartlog",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": RULES,
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": components,
    })
}

/// A path as OpenAPI writes it: `{file}` where the route says `{file:.+}`.
fn without_patterns(path: &str) -> String {
    let Some((before, rest)) = path.split_once('{') else {
        return path.to_owned();
    };
    let (parameter, after) = rest.split_once('}').unwrap_or((rest, ""));
    let name = parameter.split(':').next().unwrap_or_default();
    format!("{before}{{{name}}}{}", without_patterns(after))
}

/// HEAD is GET without its bodies.
fn head_of(mut operation: Value) -> Value {
    let name = operation["operationId"].as_str().unwrap_or_default();
    operation["operationId"] = json!(format!("{name}Head"));
    operation["summary"] = json!("The same as by GET, without the body");
    if let Some(operation) = operation.as_object_mut() {
        operation.shift_remove("description");
    }
    for (_, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        if let Some(answer) = answer.as_object_mut() {
            answer.shift_remove("content");
            answer.shift_remove("links");
        }
    }
    operation
}

fn options(schemas: &mut Schemas, path: &str, described: &Map<String, Value>) -> Value {
    let name = described
        .values()
        .find_map(|operation| operation["operationId"].as_str());
    let tags = described
        .values()
        .map(|operation| operation["tags"].clone())
        .next();
    // A path that cannot name anything is nowhere, whatever the method.
    let refused: &[Kind] = if path.contains('{') {
        &[Kind::NotFound]
    } else {
        &[]
    };
    let mut operation = Operation::new(schemas, Method::OPTIONS, path)
        .named(Tag::Service, "options", "The methods that there are")
        .answers(StatusCode::NO_CONTENT, "They stand in `Allow`.")
        .with(&[Header::Allow])
        .refuses(refused)
        .done();
    operation["operationId"] = json!(format!("{}Options", name.unwrap_or_default()));
    operation["tags"] = tags.unwrap_or_default();
    operation
}

fn security_schemes() -> Value {
    json!({
        "cart_token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of the cart in the path, which its opening has answered with. Without it the cart is not there: 404."
        },
        "cart_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "cart_token",
            "description": "The same token, for pages in a browser."
        },
        "operator_token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The operator's token, `security.operator_token` in the configuration. Where none is configured the service runs in demo mode, on loopback alone, and asks for nothing."
        },
        "operator_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "operator_session",
            "description": "Proof that the operator's token was entered in this browser, for pages."
        },
    })
}
