//! A log written by a released version is served by every later one, with the same responses.
//!
//! `tests/golden/logs/<version>/` has the log, the secret and recorded responses of a release. With
//! `CARTLOG_RECORD_LOG=1` the test first records those of this version, which is done once before
//! a release; a cart has to expire for it, so it takes more than a minute.

mod recorder;

use cartlog_testkit::PATIENCE;
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use recorder::Recorder;
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A request and its response.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Exchange {
    method: String,
    path: String,
    token: Option<String>,
    headers: BTreeMap<String, String>,
    body: Value,
    status: u16,
    etag: Option<String>,
    answer: Value,
}

/// The recorded exchanges of a version, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Answers {
    /// Commands under an idempotency key: repeated, they are replayed.
    commands: Vec<Exchange>,
    /// Queries, sent after all commands.
    questions: Vec<Exchange>,
    /// A cart that is still open: its id, its token and its version.
    open: (String, String, u64),
}

impl Exchange {
    /// 0.1.0 opened carts under any key; now one that can be guessed is refused.
    fn is_opening_under_a_word(&self) -> bool {
        let key = self.headers.get("idempotency-key");
        self.path == "/api/carts" && key.is_some_and(|key| key.len() < 32)
    }

    /// Sends the request again; returns the exchange, and whether the response was replayed.
    async fn repeat(&self, address: SocketAddr) -> (Exchange, bool) {
        let method: Method = self.method.parse().expect("a method");
        let url = format!("http://{address}{}", self.path);
        let mut request = http_client().request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.body.is_null() {
            request = request.json(&self.body);
        }
        let response = request.send().await.expect("an answer");
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().expect("a header of text").to_owned())
        };
        let (etag, replayed) = (header("etag"), header("idempotent-replayed"));
        let status = response.status().as_u16();
        let answered = Exchange {
            status,
            etag,
            answer: response.json().await.expect("a document"),
            ..self.clone()
        };
        (answered, replayed.is_some())
    }
}

fn http_client() -> Client {
    let client = Client::builder().timeout(PATIENCE).build();
    client.expect("a client")
}

fn logs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/logs")
}

/// A sentence of an earlier version in the current wording: sentences are prose, which may change.
fn reworded(sentence: &str) -> String {
    if let Some(units) = sentence.strip_prefix("Took out ") {
        return format!("Removed {units}");
    }
    if let Some(code) = sentence.strip_prefix("Took promotion ") {
        return format!("Removed promotion {}", code.trim_end_matches(" off"));
    }
    sentence.replace(
        "nothing happened in it for long",
        "it was inactive too long",
    )
}

/// The first difference between `then` and `now`. A later version may add members only.
fn difference(then: &Value, now: &Value, at: &str) -> Option<String> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => then.iter().find_map(|(name, then)| {
            difference(
                then,
                now.get(name).unwrap_or(&Value::Null),
                &format!("{at}/{name}"),
            )
        }),
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            let pairs = then.iter().zip(now).enumerate();
            pairs
                .into_iter()
                .find_map(|(place, (then, now))| difference(then, now, &format!("{at}/{place}")))
        }
        (Value::String(then), Value::String(now))
            if at.ends_with("/sentence") && reworded(then) == *now =>
        {
            None
        }
        _ => (then != now).then(|| format!("{at} was {then} and is {now}")),
    }
}

/// Promise (log): Every later version serves the log of a released one with its responses, replays
/// its keys and continues it.
/// Fault: A log of 0.1.0 with every kind of event and 53 requests with their responses
/// Control: Any altered value in a kept response is noticed:
/// [control_any_altered_response_is_noticed].
#[tokio::test]
async fn log_of_every_release_is_served_and_continues() {
    if std::env::var("CARTLOG_RECORD_LOG").is_ok() {
        Recorder::record(&logs().join(env!("CARGO_PKG_VERSION"))).await;
    }
    let mut versions = 0;
    for (version, answers) in released() {
        let name = version.display();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        for file in ["events.db", "secret"] {
            let copy = folder.path().join("data").join(file);
            std::fs::copy(version.join(file), copy).expect("a copy");
        }
        let before = read_intact_log(&log_path(folder.path())).len();

        let mut serve = command(folder.path(), &["serve"]);
        // The carts have been idle since that release.
        serve.env("CARTLOG_CARTS__EXPIRE_AFTER_MINUTES", "0");
        let program = ServiceProcess::run(serve);
        for then in &answers.questions {
            let (now, _) = then.repeat(program.address).await;
            assert_eq!(
                (now.status, &now.etag),
                (then.status, &then.etag),
                "{name} {then:?}"
            );
            assert_eq!(
                difference(&then.answer, &now.answer, ""),
                None,
                "{name} {}",
                then.path
            );
        }
        for then in &answers.commands {
            let (now, replayed) = then.repeat(program.address).await;
            if then.is_opening_under_a_word() {
                let refusal = (now.status, &now.answer["type"]);
                assert_eq!(refusal, (422, &json!("/problems/guessable-key")), "{name}");
                continue;
            }
            assert!(replayed, "{name}: {then:?} was executed again");
            assert_eq!(
                (now.status, &now.etag),
                (then.status, &then.etag),
                "{name} {then:?}"
            );
            assert_eq!(
                difference(&then.answer, &now.answer, ""),
                None,
                "{name} {}",
                then.path
            );
        }
        let (id, token, last) = &answers.open;
        let addition = Exchange {
            method: "POST".to_owned(),
            path: format!("/api/carts/{id}/items"),
            token: Some(token.clone()),
            headers: BTreeMap::from([("if-match".to_owned(), format!("\"{last}\""))]),
            body: json!({ "sku": "notebook", "quantity": 1 }),
            status: 0,
            etag: None,
            answer: Value::Null,
        };
        let (added, _) = addition.repeat(program.address).await;
        assert_eq!(added.answer["version"], last + 1, "{name}: {added:?}");
        let opened = http_client()
            .post(format!("http://{}/api/carts", program.address))
            .send();
        assert_eq!(opened.await.expect("an answer").status(), 201, "{name}");
        assert!(program.exit_on_signal("TERM").success());
        assert_eq!(
            read_intact_log(&log_path(folder.path())).len(),
            before + 2,
            "{name}"
        );
        let verified = run_to_exit(command(folder.path(), &["verify"]));
        let report = String::from_utf8_lossy(&verified.stdout);
        assert!(verified.status.success(), "{name}: {report}");
        assert!(report.contains("no problems found"), "{name}: {report}");
        // Old events keep their schema version.
        let openings = schemas(&log_path(folder.path()), "CartOpened");
        assert_eq!(openings.last(), Some(&2), "{name}");
        if name.to_string().ends_with("0.1.0") {
            assert_eq!(openings, [1, 1, 1, 2], "{name}");
        }
        versions += 1;
    }
    assert!(versions > 0);
}

/// Each version's folder and recorded exchanges.
fn released() -> impl Iterator<Item = (PathBuf, Answers)> {
    let versions = std::fs::read_dir(logs()).expect("the logs of released versions");
    versions.map(|version| {
        let version = version.expect("a folder").path();
        let answers = std::fs::read_to_string(version.join("answers.json")).expect("answers");
        (version, serde_json::from_str(&answers).expect("answers"))
    })
}

/// All documents that differ from `document` in one number, string or boolean.
fn altered(document: &Value) -> Vec<Value> {
    let inside = |value: &Value, put: &dyn Fn(Value) -> Value| -> Vec<Value> {
        altered(value).into_iter().map(put).collect()
    };
    match document {
        Value::Null => vec![json!("something")],
        Value::Bool(truth) => vec![json!(!truth)],
        Value::Number(number) => vec![json!(number.as_f64().expect("a number") + 1.0)],
        Value::String(text) => vec![json!(format!("{text}."))],
        Value::Array(items) => (0..items.len())
            .flat_map(|place| {
                inside(&items[place], &|item| {
                    let mut items = items.clone();
                    items[place] = item;
                    items.into()
                })
            })
            .chain([[&items[..], &[Value::Null]].concat().into()])
            .collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| {
                inside(value, &|value| {
                    let mut members = members.clone();
                    members.insert(name.clone(), value);
                    members.into()
                })
            })
            .collect(),
    }
}

#[test]
fn control_any_altered_response_is_noticed() {
    let mut alterations = 0;
    for (_, answers) in released() {
        for then in answers.commands.iter().chain(&answers.questions) {
            assert_eq!(difference(&then.answer, &then.answer, ""), None);
            for now in altered(&then.answer) {
                assert!(difference(&then.answer, &now, "").is_some(), "{now}");
                alterations += 1;
            }
        }
    }
    assert!(alterations > 1_000);
}

/// The schema versions of the events `kind` in the log at `path`, oldest first.
fn schemas(path: &Path, kind: &str) -> Vec<u32> {
    let log = rusqlite::Connection::open(path).expect("a log");
    let mut rows = log
        .prepare("SELECT schema FROM events WHERE type = ?1 ORDER BY position")
        .expect("a table of events");
    let rows = rows.query_map([kind], |row| row.get(0)).expect("events");
    rows.collect::<Result<_, _>>().expect("schemas")
}
