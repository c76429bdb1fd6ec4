//! A log that a released version wrote is served by every later one, with the answers of then.
//!
//! `tests/golden/logs/<version>/` is what a version left behind: its log and its secret, and what it
//! answered. `CARTLOG_RECORD_LOG=1` lets the test here make that of this version first, which is
//! done once, before it is released; a cart has to expire for it, so it takes more than a minute.

use crate::program::{PATIENCE, Program, command, log_in, run, whole_log};
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A request and what was answered to it.
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

/// What was asked of a version, in the order in which it was.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Answers {
    /// Commands under a key: repeated, they get the same answer and do nothing.
    commands: Vec<Exchange>,
    /// Questions, asked after all commands.
    questions: Vec<Exchange>,
    /// A cart that is still open: its id, its token and its version.
    open: (String, String, u64),
}

impl Exchange {
    /// Sends it and returns what is answered now, and whether that is a repetition.
    async fn repeat(&self, address: SocketAddr) -> (Exchange, bool) {
        let method: Method = self.method.parse().expect("a method");
        let url = format!("http://{address}{}", self.path);
        let mut request = client().request(method, url);
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

fn client() -> Client {
    let client = Client::builder().timeout(PATIENCE).build();
    client.expect("a client")
}

fn logs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/logs")
}

/// Where `then` and `now` differ. A later version may say more, never less or otherwise.
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
        _ => (then != now).then(|| format!("{at} was {then} and is {now}")),
    }
}

#[tokio::test]
async fn what_every_released_version_wrote_is_served_as_it_was_and_goes_on() {
    if std::env::var("CARTLOG_RECORD_LOG").is_ok() {
        Recorder::record(&logs().join(env!("CARGO_PKG_VERSION"))).await;
    }
    let mut versions = 0;
    for version in std::fs::read_dir(logs()).expect("the logs of released versions") {
        let version = version.expect("a folder").path();
        let name = version.display();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        for file in ["events.db", "secret"] {
            let copy = folder.path().join("data").join(file);
            std::fs::copy(version.join(file), copy).expect("a copy");
        }
        let answers = std::fs::read_to_string(version.join("answers.json"));
        let answers: Answers = serde_json::from_str(&answers.expect("answers")).expect("answers");
        let before = whole_log(&log_in(folder.path())).len();

        let mut serve = command(folder.path(), &["serve"]);
        // Its carts have been idle for as long as that version has been out.
        serve.env("CARTLOG_CARTS__EXPIRE_AFTER_MINUTES", "0");
        let program = Program::run(serve);
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
            assert!(replayed, "{name}: {then:?} was carried out again");
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
        let opened = client()
            .post(format!("http://{}/api/carts", program.address))
            .send();
        assert_eq!(opened.await.expect("an answer").status(), 201, "{name}");
        assert!(program.signal("TERM").success());
        assert_eq!(
            whole_log(&log_in(folder.path())).len(),
            before + 2,
            "{name}"
        );
        let proved = run(command(folder.path(), &["verify"]));
        let told = String::from_utf8_lossy(&proved.stdout);
        assert!(proved.status.success(), "{name}: {told}");
        assert!(told.contains("sound"), "{name}: {told}");
        // What was written before is there as it was, under its own schema.
        let openings = schemas(&log_in(folder.path()), "CartOpened");
        assert_eq!(openings.last(), Some(&2), "{name}");
        if name.to_string().ends_with("0.1.0") {
            assert_eq!(openings, [1, 1, 1, 2], "{name}");
        }
        versions += 1;
    }
    assert!(versions > 0);
}

/// The schemas of the events called `kind` in the log at `path`, oldest first.
fn schemas(path: &Path, kind: &str) -> Vec<u32> {
    let log = rusqlite::Connection::open(path).expect("a log");
    let mut rows = log
        .prepare("SELECT schema FROM events WHERE type = ?1 ORDER BY position")
        .expect("a table of events");
    let rows = rows.query_map([kind], |row| row.get(0)).expect("events");
    rows.collect::<Result<_, _>>().expect("schemas")
}

/// Trades with this version and keeps what it leaves behind.
struct Recorder {
    address: SocketAddr,
    answers: Answers,
}

/// A cart as its recorder knows it.
struct Recorded {
    path: String,
    token: String,
    version: u64,
}

impl Recorder {
    async fn record(place: &Path) {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Program::serve(folder.path());
        let mut recorder = Recorder {
            address: program.address,
            answers: Answers::default(),
        };
        let teapots = json!({ "items": [{ "sku": "teapot", "quantity": 2 }, { "sku": "sencha", "quantity": 1 }] });
        let mut bought = recorder.open(Some("bought"), teapots.clone()).await;
        for (method, rest, body) in [
            (
                "POST",
                "/items",
                json!({ "sku": "notebook", "quantity": 3 }),
            ),
            ("PUT", "/items/teapot", json!({ "quantity": 1 })),
            ("PUT", "/promotion", json!({ "code": "TEA10" })),
            ("DELETE", "/items/sencha", Value::Null),
            ("POST", "/undo", Value::Null),
        ] {
            recorder.send(&mut bought, true, method, rest, body).await;
        }
        let total = recorder.answers.commands.last().expect("a command").answer["total"].clone();
        let agreed = json!({ "expected_total": total });
        recorder
            .send(&mut bought, true, "POST", "/checkout", agreed)
            .await;
        let mut open = recorder.open(None, json!({})).await;
        for (keyed, method, rest, body) in [
            (
                false,
                "POST",
                "/items",
                json!({ "sku": "teapot", "quantity": 900 }),
            ),
            (
                true,
                "POST",
                "/items",
                json!({ "sku": "sencha", "quantity": 1 }),
            ),
            (false, "PUT", "/promotion", json!({ "code": "WELCOME5" })),
            (true, "DELETE", "/promotion", Value::Null),
            (false, "DELETE", "/items", Value::Null),
            (true, "POST", "/undo", Value::Null),
            (true, "POST", "/undo", Value::Null),
        ] {
            recorder.send(&mut open, keyed, method, rest, body).await;
        }
        let left = recorder.open(Some("left"), teapots).await;
        assert!(program.signal("TERM").success());

        let mut expiring = command(folder.path(), &["serve"]);
        expiring.env("CARTLOG_CARTS__EXPIRE_AFTER_MINUTES", "1");
        let program = Program::run(expiring);
        recorder.address = program.address;
        let mut going_on = tokio::time::interval(Duration::from_secs(20));
        while recorder.status(&left).await != "expired" {
            going_on.tick().await;
            let more = json!({ "sku": "teapot", "quantity": 1 });
            recorder
                .send(&mut open, false, "POST", "/items", more)
                .await;
        }
        let left = Recorded {
            version: left.version + 1,
            ..left
        };
        for cart in [&bought, &open, &left] {
            recorder.ask_about(cart).await;
        }
        recorder.ask("/api/events?limit=200", None).await;
        assert!(program.signal("TERM").success());
        let id = open.path.rsplit('/').next().expect("an id").to_owned();
        recorder.answers.open = (id, open.token, open.version);

        std::fs::create_dir_all(place).expect("a folder");
        for file in ["events.db", "secret"] {
            let kept = folder.path().join("data").join(file);
            std::fs::copy(kept, place.join(file)).expect("a copy");
        }
        let answers = serde_json::to_string(&recorder.answers).expect("JSON");
        std::fs::write(place.join("answers.json"), answers + "\n").expect("a file");
    }

    async fn open(&mut self, key: Option<&str>, body: Value) -> Recorded {
        let mut cart = Recorded {
            path: "/api/carts".to_owned(),
            token: String::new(),
            version: 0,
        };
        let key = key.map(|key| BTreeMap::from([("idempotency-key".to_owned(), key.to_owned())]));
        let keyed = key.is_some();
        let opened = self
            .exchange("POST", &cart.path, None, key.unwrap_or_default(), body)
            .await;
        let text = |name: &str| opened.answer[name].as_str().expect("a text").to_owned();
        cart.path = format!("/api/carts/{}", text("id"));
        cart.token = text("token");
        cart.version = opened.answer["version"].as_u64().expect("a version");
        if keyed {
            self.answers.commands.push(opened);
        }
        cart
    }

    async fn send(
        &mut self,
        cart: &mut Recorded,
        keyed: bool,
        method: &str,
        rest: &str,
        body: Value,
    ) {
        let path = format!("{}{rest}", cart.path);
        let mut headers = BTreeMap::from([
            ("if-match".to_owned(), format!("\"{}\"", cart.version)),
            (
                "traceparent".to_owned(),
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            ),
        ]);
        if keyed {
            let key = format!("{method} {rest} {}", cart.version).replace(' ', "_");
            headers.insert("idempotency-key".to_owned(), key);
        }
        let sent = self
            .exchange(method, &path, Some(&cart.token), headers, body)
            .await;
        cart.version = sent.answer["version"].as_u64().expect("a version");
        if keyed {
            self.answers.commands.push(sent);
        }
    }

    async fn status(&self, cart: &Recorded) -> String {
        let asked = self
            .exchange(
                "GET",
                &cart.path,
                Some(&cart.token),
                BTreeMap::new(),
                Value::Null,
            )
            .await;
        asked.answer["status"]
            .as_str()
            .expect("a status")
            .to_owned()
    }

    async fn ask_about(&mut self, cart: &Recorded) {
        let Recorded {
            path,
            token,
            version,
        } = cart;
        self.ask(&format!("{path}?min_version={version}"), Some(token))
            .await;
        for version in 1..=*version {
            self.ask(&format!("{path}?version={version}"), Some(token))
                .await;
        }
        for rest in ["/events?limit=200", "/timeline?limit=200", "/why"] {
            self.ask(&format!("{path}{rest}"), Some(token)).await;
        }
    }

    async fn ask(&mut self, path: &str, token: Option<&str>) {
        let prefer = BTreeMap::from([("prefer".to_owned(), "wait=5".to_owned())]);
        let asked = self.exchange("GET", path, token, prefer, Value::Null).await;
        self.answers.questions.push(asked);
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: BTreeMap<String, String>,
        body: Value,
    ) -> Exchange {
        let asked = Exchange {
            method: method.to_owned(),
            path: path.to_owned(),
            token: token.map(str::to_owned),
            headers,
            body,
            status: 0,
            etag: None,
            answer: Value::Null,
        };
        let (answered, _) = asked.repeat(self.address).await;
        assert!(answered.status < 300, "{answered:?}");
        answered
    }
}
