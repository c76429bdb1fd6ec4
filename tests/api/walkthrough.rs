//! Runs `docs/walkthrough.http` and checks the documented responses.

use cartlog_testkit::TestApp;
use reqwest::Method;
use serde_json::Value;
use std::collections::HashMap;

const WALKTHROUGH: &str = include_str!("../../docs/walkthrough.http");

/// Substitutes `{{names}}` with their values, recursively.
fn fill(text: &str, values: &HashMap<String, String>) -> String {
    let Some((before, rest)) = text.split_once("{{") else {
        return text.to_owned();
    };
    let (name, after) = rest.split_once("}}").expect("a closing }}");
    let value = values
        .get(name)
        .unwrap_or_else(|| panic!("no variable {name}"));
    format!("{before}{}{}", fill(value, values), fill(after, values))
}

/// The value at `$.a.0.b`.
fn at<'a>(answer: &'a Value, path: &str) -> &'a Value {
    let pointer = path.trim_start_matches('$').replace('.', "/");
    let found = answer.pointer(&pointer);
    found.unwrap_or_else(|| panic!("{path} in {answer}"))
}

/// Contract (history): `docs/walkthrough.http` from opening a cart to what-if.
#[tokio::test]
async fn walkthrough_requests_get_the_documented_responses() {
    let app = TestApp::start();
    let mut values = HashMap::new();
    let mut blocks = WALKTHROUGH.split("\n### ");
    let settings = blocks.next().expect("variables");
    for line in settings.lines() {
        if let Some((name, value)) = line
            .strip_prefix('@')
            .and_then(|line| line.split_once(" = "))
        {
            values.insert(name.to_owned(), value.to_owned());
        }
    }
    // The test client prepends the address itself.
    values.insert("shop".to_owned(), String::new());
    let mut requests = 0;
    for block in blocks {
        let (head, body) = block.split_once("\n\n").unwrap_or((block, ""));
        let mut lines = head.lines();
        let title = lines.next().expect("a title");
        let (expected, mut request): (Vec<&str>, Vec<&str>) =
            lines.partition(|line| line.starts_with("# "));
        let target = fill(request.remove(0), &values);
        let (method, path) = target.split_once(' ').expect("a method and a path");
        let mut ask = app.ask(method.parse::<Method>().expect("a method"), path);
        for header in request {
            let header = fill(header, &values);
            let (name, value) = header.split_once(": ").expect("a header");
            ask = ask.header(name, value);
        }
        let body = body.trim();
        if !body.is_empty() {
            ask = ask.body(body);
        }
        let answer = ask.await;
        for line in expected {
            let line = &line[2..];
            if let Some(status) = line.strip_prefix("status ") {
                assert_eq!(answer.status.to_string(), status, "{title}: {answer:?}");
            } else if let Some(name) = line.strip_prefix("@name ") {
                for field in ["id", "token"] {
                    let value = answer.json()[field].as_str().expect("a string").to_owned();
                    values.insert(format!("{name}.response.body.$.{field}"), value);
                }
            } else {
                let (path, value) = line.split_once(" is ").expect("a path and a value");
                let value: Value = serde_json::from_str(value).expect("JSON");
                assert_eq!(*at(&answer.json(), path), value, "{title}: {path}");
            }
        }
        requests += 1;
    }
    assert!(requests >= 18, "the whole walkthrough");
}
