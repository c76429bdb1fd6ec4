//! The examples of the API's description are what the service responds with: one story of a cart,
//! run against a real service, and the problems that can be provoked.
//!
//! `CARTLOG_GOLDEN=write cargo nextest run --test api examples::` records them again, in
//! `src/web/api/examples.json`.

mod normal;
mod operator;
mod problems;
mod recorder;
mod story;

use cartlog_testkit::{TestApp, repository};
use normal::normalized;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FILE: &str = "src/web/api/examples.json";

/// Problems that only a fault, a race, another node or an impossible price causes. Their examples
/// are made from their descriptions.
const NOT_PROVOKED: [&str; 11] = [
    "already-open",
    "rebuild-running",
    "verify-running",
    "total-limit",
    "internal",
    "log-unavailable",
    "no-room",
    "outcome-unknown",
    "view-unavailable",
    "proof-unavailable",
    "log-not-signed",
];

/// Operations that respond with a page, a file or a description, for which no example is needed.
fn needs_example(media_type: &str, operation: &str) -> bool {
    let is_data = media_type.contains("json") || media_type == "text/event-stream";
    is_data && !matches!(operation, "getDescription" | "getEventsDescription")
}

/// Contract (service): Every example in `/openapi.json` and `/docs` is a response of the service,
/// and all of them belong to one story.
#[tokio::test]
async fn examples_are_what_the_service_responds() {
    let recorded = json!({
        "operations": story::run().await,
        "problems": problems::provoke().await,
    });
    let path = repository().join(FILE);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
    let (today, before) = (normalized(&recorded), normalized(&kept));
    if today == before {
        return;
    }
    if std::env::var_os("CARTLOG_GOLDEN").is_some_and(|value| value == "write") {
        let text = serde_json::to_string_pretty(&recorded).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
        return;
    }
    let [today, before] = [today, before].map(|it| serde_json::to_string_pretty(&it).unwrap());
    let differs = before
        .lines()
        .zip(today.lines())
        .find(|(one, other)| one != other);
    panic!(
        "the service responds differently than {FILE} says, first: {differs:?}. If that is meant, \
         record the examples again with \
         CARTLOG_GOLDEN=write cargo nextest run --test api examples::"
    );
}

#[tokio::test]
async fn every_response_and_body_has_an_example() {
    let app = TestApp::start();
    let document = app.get("/openapi.json").await.expect(200).json();
    let mut missing = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if method == "head" || method == "options" {
                continue;
            }
            let id = operation["operationId"].as_str().unwrap();
            let body = operation["requestBody"]["content"].as_object();
            let bodies = body.into_iter().flatten().map(|it| ("body", it));
            let responses = operation["responses"].as_object().unwrap().iter();
            let contents = responses.flat_map(|(status, response)| {
                let content = response["content"].as_object().into_iter().flatten();
                content.map(move |it| (status.as_str(), it))
            });
            for (place, (media_type, content)) in bodies.chain(contents) {
                let is_there = content.get("example").is_some();
                // A service that is not ready has a fault, which the story does not have.
                if needs_example(media_type, id) && !is_there && place != "503" {
                    missing.push(format!("{method} {path}: {place} {media_type}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "without an example: {missing:#?}");
    let problems = document["components"]["examples"].as_object().unwrap();
    let recorded = std::fs::read_to_string(repository().join(FILE)).unwrap();
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    let made: BTreeSet<&str> = problems
        .keys()
        .map(String::as_str)
        .filter(|slug| recorded["problems"].get(slug).is_none())
        .collect();
    assert_eq!(made, BTreeSet::from(NOT_PROVOKED));
}
