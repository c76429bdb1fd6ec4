//! The examples of the description: exchanges of one story, which `tests/api/examples/` runs
//! against a real service. The test fails if the service responds differently today, and renews the
//! file.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A request of the story with its response.
#[derive(Deserialize)]
pub struct Exchange {
    pub request: Request,
    pub response: Response,
}

#[derive(Deserialize)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// Documented headers only, without credentials.
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
}

#[derive(Deserialize)]
pub struct Response {
    pub status: u16,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// JSON, or text as a string.
    pub body: Option<Value>,
}

#[derive(Deserialize)]
struct Recorded {
    /// By operation id, in the order of the story.
    operations: BTreeMap<String, Vec<Exchange>>,
    /// Problems that the service responded with, by slug.
    problems: Map<String, Value>,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../api/examples.json"))
        .expect("examples.json must be as tests/api/examples writes it")
});

/// The exchanges of an operation; empty if the story does not have it.
pub fn exchanges(operation: &str) -> &'static [Exchange] {
    RECORDED
        .operations
        .get(operation)
        .map_or(&[], Vec::as_slice)
}

/// The body of a recorded problem.
pub fn problem(slug: &str) -> Option<&'static Value> {
    RECORDED.problems.get(slug)
}

/// A recorded value of a response header.
pub fn response_header(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let mut responses = RECORDED.operations.values().flatten();
    responses.find_map(|exchange| exchange.response.headers.get(&name).map(String::as_str))
}

impl Exchange {
    /// The response's media type without parameters; empty for a response without a body.
    pub fn media_type(&self) -> &str {
        let content_type = self.response.headers.get("content-type");
        let media_type = content_type.and_then(|value| value.split(';').next());
        media_type.unwrap_or_default()
    }

    /// Whether the response is of this status and media type.
    pub fn has(&self, status: &str, media_type: &str) -> bool {
        self.response.status.to_string() == status && self.media_type() == media_type
    }

    /// The request's value of a parameter: `place` is `path`, `query` or `header`.
    pub fn parameter(&self, template: &str, place: &str, name: &str) -> Option<&str> {
        let (path, query) = self
            .request
            .path
            .split_once('?')
            .unwrap_or((&self.request.path, ""));
        match place {
            "path" => {
                let pairs = template.split('/').zip(path.split('/'));
                let wanted = format!("{{{name}}}");
                pairs
                    .into_iter()
                    .find_map(|(part, value)| (part == wanted).then_some(value))
            }
            "query" => query.split('&').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                (key == name).then_some(value)
            }),
            _ => self.request.headers.get(name).map(String::as_str),
        }
    }
}
