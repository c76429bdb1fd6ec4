//! Assembles the OpenAPI 3.1 document.

use super::headers::Header;
use super::operation::{Operation, Operations};
use super::schemas::Schemas;
use super::tag::Tag;
use crate::web::http::problem::Kind;
use crate::web::http::rate::Rate;
use actix_web::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// The prose at the top of the document.
const RULES: &str = include_str!("rules.md");

/// The document that describes `endpoints`: each a path and its operations.
pub fn document(endpoints: impl Iterator<Item = (String, Operations)>) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for (path, operations) in endpoints {
        let template = without_patterns(&path);
        let mut described = Map::new();
        for (method, rate, describe) in operations {
            let operation = Operation::new(&mut schemas, method.clone(), &template, rate);
            let operation = describe(operation).build();
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
    // Every path responds with this to an unsupported method; it is described once.
    schemas.problem_response(&[Kind::MethodNotAllowed].into());
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

/// The path template in OpenAPI's syntax: `{file}` for the route's `{file:.+}`.
fn without_patterns(path: &str) -> String {
    let Some((before, rest)) = path.split_once('{') else {
        return path.to_owned();
    };
    let (parameter, after) = rest.split_once('}').unwrap_or((rest, ""));
    let name = parameter.split(':').next().unwrap_or_default();
    format!("{before}{{{name}}}{}", without_patterns(after))
}

/// HEAD is GET without response bodies.
fn head_of(mut operation: Value) -> Value {
    let name = operation["operationId"].as_str().unwrap_or_default();
    operation["operationId"] = json!(format!("{name}Head"));
    operation["summary"] = json!("Same as GET, without a body");
    if let Some(operation) = operation.as_object_mut() {
        operation.shift_remove("description");
    }
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if let Some(response) = response.as_object_mut() {
            response.shift_remove("content");
            response.shift_remove("links");
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
    // A path with a malformed parameter is not found, whatever the method.
    let problems: &[Kind] = if path.contains('{') {
        &[Kind::NotFound]
    } else {
        &[]
    };
    let mut operation = Operation::new(schemas, Method::OPTIONS, path, Rate::Unlimited)
        .named(Tag::Service, "options", "List the supported methods")
        .responds(StatusCode::NO_CONTENT, "`Allow` lists the methods.")
        .with_headers(&[Header::Allow])
        .problems(problems)
        .build();
    operation["operationId"] = json!(format!("{}Options", name.unwrap_or_default()));
    operation["tags"] = tags.unwrap_or_default();
    operation
}

fn security_schemes() -> Value {
    json!({
        "cart_token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of the cart in the path, returned when it was opened. \
                Without it the response is 404."
        },
        "cart_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "cart_token",
            "description": "The same token, set as a cookie for browsers."
        },
        "operator_token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The operator token, `security.operator_token` in the configuration. \
                Without one the service runs in demo mode, on loopback only, and requires none."
        },
        "warehouse_token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The warehouse's token, `orders.warehouse_token` in the configuration."
        },
        "operator_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "operator_session",
            "description": "The session of a browser that has signed in as the operator. The \
                name continues with an id of the shop, and begins with `__Host-` under https."
        },
    })
}
