//! Sends the requests of the story and keeps them with their responses.

use cartlog_testkit::{Answer, Ask, TestApp};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Response headers that are kept.
const HEADERS: [&str; 14] = [
    "allow",
    "cache-control",
    "content-type",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "log-position",
    "preference-applied",
    "retry-after",
    "server-timing",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
];

/// A request of the story.
pub struct Call {
    operation: &'static str,
    method: Method,
    path: String,
    token: Option<String>,
    headers: BTreeMap<&'static str, String>,
    body: Option<Value>,
}

impl Call {
    pub fn new(operation: &'static str, method: Method, path: impl Into<String>) -> Call {
        Call {
            operation,
            method,
            path: path.into(),
            token: None,
            headers: BTreeMap::new(),
            body: None,
        }
    }

    /// A credential, which is sent and not kept.
    pub fn token(mut self, token: &str) -> Call {
        self.token = Some(token.to_owned());
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.insert(name, value.into());
        self
    }

    pub fn body(mut self, body: Value) -> Call {
        self.body = Some(body);
        self
    }

    fn ask(&self, app: &TestApp) -> Ask {
        let mut ask = app.ask(self.method.clone(), &self.path);
        if let Some(token) = &self.token {
            ask = ask.token(token);
        }
        for (name, value) in &self.headers {
            ask = ask.header(name, value);
        }
        match &self.body {
            Some(body) => ask.json(body),
            None => ask,
        }
    }
}

/// The exchanges so far, by operation id.
#[derive(Default)]
pub struct Recorder {
    operations: BTreeMap<&'static str, Vec<Value>>,
}

impl Recorder {
    /// Sends the request, which must get this status.
    pub async fn record(&mut self, app: &TestApp, call: Call, status: u16) -> Answer {
        let answer = call.ask(app).await.expect(status);
        self.keep_answer(&call, &answer);
        answer
    }

    /// Sends the request, and keeps it if it gets this status. Returns whether it did.
    pub async fn record_if(&mut self, app: &TestApp, call: Call, status: u16) -> bool {
        let answer = call.ask(app).await;
        if answer.status == status {
            self.keep_answer(&call, &answer);
        }
        answer.status == status
    }

    fn keep_answer(&mut self, call: &Call, answer: &Answer) {
        let body = match answer.header("content-type") {
            _ if answer.body.is_empty() => Value::Null,
            None => Value::Null,
            Some(kind) if kind.contains("json") && !kind.contains("jsonl") => answer.json(),
            Some(_) => json!(String::from_utf8_lossy(&answer.body)),
        };
        let headers = HEADERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), json!(answer.header(name)?))))
            .collect::<Map<_, _>>();
        self.keep(call, answer.status, &headers, body);
    }

    /// Follows a live stream until it has sent so many events.
    pub async fn record_stream(&mut self, app: &TestApp, call: Call, events: usize) {
        let call = call.header("Accept", "text/event-stream");
        let text = call.ask(app).stream().await.text(events).await;
        let headers = json!({ "content-type": "text/event-stream" });
        let headers = headers.as_object().cloned().unwrap_or_default();
        self.keep(&call, 200, &headers, json!(text));
    }

    /// Keeps only the lines of the last body that are about `subject`.
    pub fn cut_lines(&mut self, operation: &'static str, subject: &str) {
        let kept = self
            .operations
            .get_mut(operation)
            .and_then(|all| all.last_mut());
        let body = &mut kept.expect("a recorded exchange")["response"]["body"];
        let lines = body.as_str().expect("a text").lines();
        let lines: Vec<&str> = lines.filter(|line| line.contains(subject)).collect();
        *body = json!(lines.join("\n") + "\n");
    }

    /// Keeps only the items of the last body with these names.
    pub fn cut_items(&mut self, operation: &'static str, names: &[&str]) {
        let kept = self
            .operations
            .get_mut(operation)
            .and_then(|all| all.last_mut());
        let body = &mut kept.expect("a recorded exchange")["response"]["body"];
        let items = body["items"].as_array_mut().expect("items");
        items.retain(|item| names.iter().any(|name| item["name"] == *name));
    }

    fn keep(&mut self, call: &Call, status: u16, headers: &Map<String, Value>, body: Value) {
        let method = call.method.as_str();
        let mut exchange = json!({
            "request": { "method": method, "path": call.path, "headers": call.headers },
            "response": { "status": status, "headers": headers },
        });
        if let Some(body) = &call.body {
            exchange["request"]["body"] = body.clone();
        }
        if !body.is_null() {
            exchange["response"]["body"] = body;
        }
        self.operations
            .entry(call.operation)
            .or_default()
            .push(exchange);
    }

    pub fn into_json(self) -> Value {
        json!(self.operations)
    }
}
