//! Records the log of this version, with requests and responses.

use super::{Answers, Exchange};
use cartlog_testkit::process::{ServiceProcess, command};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// Sends requests to this version and keeps its files and responses.
pub struct Recorder {
    address: SocketAddr,
    answers: Answers,
}

/// A cart, as the recorder tracks it.
struct RecordedEvent {
    path: String,
    token: String,
    version: u64,
}

impl Recorder {
    pub async fn record(place: &Path) {
        let folder = tempfile::tempdir().expect("a folder");
        let program = ServiceProcess::serve(folder.path());
        let mut recorder = Recorder {
            address: program.address,
            answers: Answers::default(),
        };
        let teapots = json!({ "items": [
            { "sku": "teapot", "quantity": 2 },
            { "sku": "sencha", "quantity": 1 },
        ] });
        let mut bought = recorder.open(Some(Uuid::now_v7()), teapots.clone()).await;
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
        let left = recorder.open(Some(Uuid::now_v7()), teapots).await;
        assert!(program.exit_on_signal("TERM").success());

        let mut expiring = command(folder.path(), &["serve"]);
        expiring.env("CARTLOG_CARTS__EXPIRE_AFTER_MINUTES", "1");
        let program = ServiceProcess::run(expiring);
        recorder.address = program.address;
        let mut going_on = tokio::time::interval(Duration::from_secs(20));
        while recorder.status(&left).await != "expired" {
            going_on.tick().await;
            let more = json!({ "sku": "teapot", "quantity": 1 });
            recorder
                .send(&mut open, false, "POST", "/items", more)
                .await;
        }
        let left = RecordedEvent {
            version: left.version + 1,
            ..left
        };
        for cart in [&bought, &open, &left] {
            recorder.ask_about(cart).await;
        }
        recorder.ask("/api/events?limit=200", None).await;
        assert!(program.exit_on_signal("TERM").success());
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

    async fn open(&mut self, key: Option<Uuid>, body: Value) -> RecordedEvent {
        let mut cart = RecordedEvent {
            path: "/api/carts".to_owned(),
            token: String::new(),
            version: 0,
        };
        let key = key.map(|key| BTreeMap::from([("idempotency-key".to_owned(), key.to_string())]));
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
        cart: &mut RecordedEvent,
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

    async fn status(&self, cart: &RecordedEvent) -> String {
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

    async fn ask_about(&mut self, cart: &RecordedEvent) {
        let RecordedEvent {
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
