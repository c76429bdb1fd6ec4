//! The log mirrored into a stream of a real NATS server: message n is the event at position n.

mod faults;
mod refusals;

use async_nats::Client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartlog::log::{EventLog, Position};
use cartlog::mirror::{Mirror, MirrorStatus};
use cartlog_testkit::log_file::StoredEvent;
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::{NatsCluster, NatsOptions, PASSWORD, mirror_settings};
use cartlog_testkit::{ApiClient, PATIENCE, TestApp, repository};
use prometheus::Registry;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

const STREAM: &str = "cartlog_events";

/// What mirrors a log of any engine into the cluster.
fn mirrored(cluster: &NatsCluster, log: &LogSettings) -> LogSettings {
    log.with("nats.servers", &format!("{:?}", cluster.urls()))
        .with("nats.user", "cartlog")
        .with("nats.password", PASSWORD)
}

fn embedded() -> LogSettings {
    LogSettings(Vec::new())
}

/// A mirror without a service around it. Dropping it ends it.
struct Running {
    mirror: Option<Mirror>,
    stop: watch::Sender<bool>,
    changes: watch::Receiver<MirrorStatus>,
}

impl Running {
    fn start(cluster: &NatsCluster, log: &Arc<dyn EventLog>) -> Running {
        let settings = mirror_settings(cluster.urls());
        let (stop, stopping) = watch::channel(false);
        let mirror = Mirror::start(Some(settings), log, &Registry::new(), &stopping);
        let mirror = mirror.expect("a mirror");
        let changes = mirror.handle.as_ref().expect("a handle").changes();
        Running {
            mirror: Some(mirror),
            stop,
            changes,
        }
    }

    async fn until(&self, wanted: impl FnMut(&MirrorStatus) -> bool) -> MirrorStatus {
        let mut changes = self.changes.clone();
        let reached = tokio::time::timeout(PATIENCE, changes.wait_for(wanted)).await;
        let Ok(status) = reached else {
            panic!("not reached: {:?}", self.changes.borrow());
        };
        status.expect("the mirror runs").clone()
    }

    async fn until_at(&self, end: Position) -> MirrorStatus {
        self.until(|status| status.position == Some(end) && status.oldest.is_none())
            .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(mirror) = self.mirror.take() {
            mirror.join();
        }
    }
}

/// A message of a stream.
struct Message {
    subject: String,
    headers: String,
    event: Value,
}

/// Every message of `stream`, by its sequence.
async fn messages(client: &Client, stream: &str) -> Vec<Message> {
    let api = async |subject: &str, request: Value| -> Value {
        let asked = client.request(
            format!("$JS.API.{subject}.{stream}"),
            request.to_string().into(),
        );
        serde_json::from_slice(&asked.await.expect("an answer").payload).expect("JSON")
    };
    let info = api("STREAM.INFO", json!({})).await;
    let last = info["state"]["last_seq"].as_u64().expect("a sequence");
    let mut messages = Vec::new();
    for sequence in 1..=last {
        let found = api("STREAM.MSG.GET", json!({ "seq": sequence })).await;
        let text = |key: &str| {
            found["message"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let decoded = |key: &str| STANDARD.decode(text(key)).expect("base64");
        messages.push(Message {
            subject: text("subject"),
            headers: String::from_utf8(decoded("hdrs")).expect("text"),
            event: serde_json::from_slice(&decoded("data")).expect("JSON"),
        });
    }
    messages
}

/// The differences between the messages and the log.
fn discrepancies(log: &[StoredEvent], messages: &[Message]) -> Vec<String> {
    let mut found = Vec::new();
    if log.len() != messages.len() {
        found.push(format!(
            "{} messages of {} events",
            messages.len(),
            log.len()
        ));
    }
    for (event, message) in log.iter().zip(messages) {
        let position = event.position;
        let place = position.to_string();
        let is_same = message.event["logposition"] == place
            && message.event["hash"] == event.hash
            && message.event["subject"] == event.stream
            && message.event["data"].to_string().len() == compact(&event.data).len();
        if !is_same {
            found.push(format!("message {position} is {}", message.event));
        }
    }
    found
}

fn compact(json: &str) -> String {
    let value: Value = serde_json::from_str(json).expect("JSON");
    value.to_string()
}

/// Asks until the stream has the whole log of the service.
async fn until_mirrored(api: &ApiClient) -> Value {
    let mirrored = async {
        loop {
            let views = api.get("/api/views").await.expect(200).json();
            let mirror = &views["log"]["mirror"];
            if mirror["position"] == views["head"] && mirror["lag_ms"] == 0 {
                return mirror.clone();
            }
        }
    };
    let reached = tokio::time::timeout(PATIENCE, mirrored).await;
    reached.expect("the whole log within the time limit")
}

/// As in `docs/nats.md`.
const PERMISSIONS: &str = r#"permissions: {
    publish: ["cartlog.events.>", "$JS.API.STREAM.INFO.cartlog_events",
              "$JS.API.STREAM.CREATE.cartlog_events", "$JS.API.STREAM.MSG.GET.cartlog_events"]
    subscribe: ["_INBOX.>"]
}
"#;

#[test]
fn documented_rights_are_those_of_the_test() {
    let page = repository().join("docs/nats.md");
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains(PERMISSIONS));
}

/// Each message is the CloudEvent that `GET /api/events` has, under the subject of its cart. The
/// user has only the rights that the documentation lists.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn mirror_has_the_events_of_the_api() {
    let options = NatsOptions {
        permissions: PERMISSIONS.to_owned(),
        ..NatsOptions::default()
    };
    let cluster = NatsCluster::start_with(1, options).await;
    let settings = mirrored(&cluster, &embedded()).with("orders.confirm", "at_once");
    let mut app = TestApp::start_with(&settings.pairs());
    for _ in 0..3 {
        let cart = app.open_cart_with(&[("teapot", 1)]).await;
        cart.check_out(2, 1999, "pay").await.expect(201);
    }
    app.restart();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let batch = "application/cloudevents-batch+json";
    // Two events of each cart, and of three a checkout and an order that is confirmed at once.
    let mut mirror = until_mirrored(&app).await;
    while mirror["position"] != 4 * 2 + 3 * 3 {
        mirror = until_mirrored(&app).await;
    }
    assert_eq!(mirror["stream"], STREAM);
    assert_eq!(mirror["last_error"], Value::Null);
    let events = app.get("/api/events?limit=100").header("accept", batch);
    let events = events.await.expect(200).json();
    let events = events.as_array().expect("a batch");
    let client = cluster.client(None).await;
    let messages = messages(&client, STREAM).await;
    assert_eq!(events.len(), messages.len());
    for (event, message) in events.iter().zip(&messages) {
        assert_eq!(message.event, *event);
        assert!(
            message
                .headers
                .contains("Content-Type: application/cloudevents+json")
        );
        let model = if event["source"]
            .as_str()
            .unwrap()
            .starts_with("/api/orders/")
        {
            "order"
        } else {
            "cart"
        };
        let id = event["subject"].as_str().unwrap();
        assert_eq!(message.subject, format!("cartlog.events.{model}.{id}"));
    }
    assert_eq!(messages.last().unwrap().event["subject"], cart.id);
    let metrics = app.get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    for line in [
        format!("cartlog_nats_mirrored_position {}", events.len()),
        "cartlog_nats_oldest_unmirrored_seconds 0".to_owned(),
        "cartlog_nats_failures_total 0".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line}");
    }
}
