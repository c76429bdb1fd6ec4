//! The description of the API: what it says is so, and what is so it says.

use cartlog_testkit::{Answer, TestApp, text};
use reqwest::Method;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// The copy that is kept, so that a change of the contract shows where changes are read.
const COPY: &str = "tests/golden/openapi.json";

fn members(value: &Value) -> &Map<String, Value> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("an object: {value}"))
}

async fn document(app: &TestApp) -> Value {
    app.get("/openapi.json").await.expect(200).json()
}

/// A path with a value for each of its parameters.
fn filled(template: &str) -> String {
    template
        .replace("{id}", "01a20c19-324e-76c9-b286-e42798811daa")
        .replace("{sku}", "teapot")
        .replace("{token}", &"0".repeat(80))
        .replace("{version}", "1")
        .replace("{tile}", "0/000.p/1")
        .replace("{slug}", "cart-closed")
        .replace("{name}", "orders")
        .replace("{file}", "css/base.css")
}

#[tokio::test]
async fn description_matches_the_snapshot() {
    let app = TestApp::start();
    let current = serde_json::to_string_pretty(&document(&app).await).unwrap() + "\n";
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join(COPY);
    if std::env::var_os("CARTLOG_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&copy, &current).unwrap();
    }
    let kept = std::fs::read_to_string(&copy).unwrap_or_default();
    let first = kept
        .lines()
        .zip(current.lines())
        .position(|(one, other)| one != other);
    assert!(
        kept == current,
        "the description has changed, at line {} of {COPY} first: if that is meant, renew the \
         copy with \
         CARTLOG_GOLDEN=write cargo nextest run --test api openapi::",
        first.unwrap_or(kept.lines().count().min(current.lines().count())) + 1
    );
}

#[tokio::test]
async fn description_is_cacheable_by_etag() {
    let app = TestApp::start();
    let first = app.get("/openapi.json").await.expect(200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("cache-control"), Some("public, max-age=60"));
    let tag = first.header("etag").expect("an ETag").to_owned();
    let again = app.get("/openapi.json").header("if-none-match", &tag).await;
    assert_eq!(again.expect(304).header("etag"), Some(tag.as_str()));
}

/// Contract (service): `GET /openapi.json` describes exactly what the service does.
#[tokio::test]
async fn described_methods_are_exactly_those_served() {
    let app = TestApp::start();
    for (path, described) in members(&document(&app).await["paths"]) {
        let path = filled(path);
        let answer = app.ask(Method::OPTIONS, &path).await.expect(204);
        let allowed: BTreeSet<&str> = answer.header("allow").unwrap().split(", ").collect();
        let documented: Vec<String> = members(described)
            .keys()
            .map(|name| name.to_uppercase())
            .collect();
        let documented: BTreeSet<&str> = documented.iter().map(String::as_str).collect();
        assert_eq!(allowed, documented, "{path}");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            if !documented.contains(method) {
                let answer = app.ask(method.parse().unwrap(), &path).await;
                let expected = answer.header("allow").map(str::to_owned);
                answer.expect_problem(405, "method-not-allowed");
                assert!(expected.is_some(), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn token_of_operator_or_warehouse_is_required_where_documented() {
    let app = TestApp::start_with(&[("security.operator_token", "token of the operator")]);
    for (path, described) in members(&document(&app).await["paths"]) {
        for (method, operation) in members(described) {
            let schemes = &operation["security"][0];
            let documented =
                schemes["operator_token"].is_array() || schemes["warehouse_token"].is_array();
            let method = method.to_uppercase().parse().unwrap();
            let answer: Answer = app.ask(method, &filled(path)).await;
            assert_eq!(answer.status == 401, documented, "{path}: {operation}");
        }
    }
}

#[tokio::test]
async fn references_resolve_and_components_are_used() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference);
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let app = TestApp::start();
    let document = document(&app).await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a reference within");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (kind, components) in members(&document["components"]) {
        for name in members(components).keys() {
            let reference = format!("#/components/{kind}/{name}");
            let used = kind == "securitySchemes"
                || name == "method-not-allowed"
                || found.contains(reference.as_str());
            assert!(used, "{reference} is used nowhere");
        }
    }
}

#[tokio::test]
async fn operations_have_names_of_their_own() {
    let app = TestApp::start();
    let mut names = BTreeSet::new();
    for (path, described) in members(&document(&app).await["paths"]) {
        for (method, operation) in members(described) {
            let name = text(&operation["operationId"]).to_owned();
            assert!(names.insert(name.clone()), "{name}: {method} {path}");
        }
    }
}

/// A line break within a word of the source must not become a space in the description.
#[tokio::test]
async fn code_in_descriptions_is_not_broken_by_a_space() {
    fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => members.values().for_each(|value| texts(value, found)),
            Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
            Value::String(text) => found.push(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let app = TestApp::start();
    let document = document(&app).await;
    let mut found = Vec::new();
    texts(&document, &mut found);
    let mut spans = 0;
    for text in found {
        let parts: Vec<&str> = text.split('`').collect();
        assert!(parts.len() % 2 == 1, "an open code span: {text}");
        for code in parts.iter().skip(1).step_by(2) {
            assert!(
                !code.contains("- ") && !code.contains("  "),
                "{code}: {text}"
            );
            spans += 1;
        }
    }
    assert!(spans > 100, "{spans} code spans");
}
