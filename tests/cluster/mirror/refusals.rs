//! Streams that are no mirrors of the log.

use super::{Running, STREAM, embedded, mirrored};
use cartlog::log::{EventLog, Position};
use cartlog::mirror::{MirrorActivity, MirrorStatus};
use cartlog_testkit::nats::{NatsCluster, PASSWORD};
use cartlog_testkit::shop::{Shop, Shoppers};
use cartlog_testkit::{PATIENCE, TestApp};
use serde_json::{Value, json};
use std::sync::Arc;

impl Running {
    /// The one-line reason why the stream is refused.
    async fn refusal(&self) -> String {
        let refused = |status: &MirrorStatus| status.activity == MirrorActivity::Refused;
        let reason = self.until(refused).await.last_error.expect("a reason");
        assert!(
            !reason.contains('\n') && !reason.contains(PASSWORD),
            "{reason}"
        );
        reason
    }
}

/// Promise (log): A stream that is no mirror of this log is refused with what to do, and the shop
/// goes on.
/// Fault: The stream of another log, of one that was restored, with other settings, with another
/// program's message
/// Control: A stream that was deleted is filled again.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn stream_of_something_else_is_refused() {
    let cluster = NatsCluster::start(1).await;
    let client = cluster.client(None).await;
    let delete = async || {
        cluster
            .api(&format!("STREAM.DELETE.{STREAM}"), &json!({}))
            .await
    };
    let last = async || {
        let info = cluster
            .api(&format!("STREAM.INFO.{STREAM}"), &json!({}))
            .await;
        info["state"]["last_seq"].as_u64().expect("a sequence")
    };
    let shop = Shop::open();
    let mut shoppers = Shoppers::new(24, 20, 50);
    shop.sell(&mut shoppers, 100).await;
    let restored = shop.restored();
    shop.sell(&mut shoppers, 100).await;
    let log: Arc<dyn EventLog> = shop.log.clone();
    let end = log.barrier().await.expect("the end");
    Running::start(&cluster, &log).until_at(end).await;

    let other = Shop::open();
    let other_log: Arc<dyn EventLog> = other.log.clone();
    let reason = Running::start(&cluster, &other_log).refusal().await;
    assert!(reason.contains("mirrors another log"), "{reason}");

    let restored_log: Arc<dyn EventLog> = restored.log.clone();
    let shorter = restored_log.barrier().await.expect("the end");
    let reason = Running::start(&cluster, &restored_log).refusal().await;
    let part = format!("has {end} messages or more, and the log ends at position {shorter}");
    assert!(reason.contains(&part), "{reason}");

    restored.sell(&mut Shoppers::new(25, 20, 50), 300).await;
    let reason = Running::start(&cluster, &restored_log).refusal().await;
    let part = format!(
        "has something else than the event at position {}",
        shorter.0 + 1
    );
    assert!(reason.contains(&part), "{reason}");
    assert_eq!(last().await, end.0);

    let running = Running::start(&cluster, &log);
    running.until_at(end).await;
    let subject = "cartlog.events.cart.something";
    let foreign = client.request(subject, "else".into()).await;
    foreign.expect("an acknowledgement");
    while log.barrier().await.expect("the end") < Position(end.0 + 2) {
        shop.sell(&mut shoppers, 10).await;
    }
    let reason = running.refusal().await;
    let part = format!(
        "has something else than the event at position {}",
        end.0 + 1
    );
    assert!(reason.contains(&part), "{reason}");
    assert!(reason.contains("nats stream rm cartlog_events"), "{reason}");
    // Also by a node that has not seen it.
    let reason = Running::start(&cluster, &log).refusal().await;
    assert!(reason.contains(&part), "{reason}");
    delete().await;
    let end = log.barrier().await.expect("the end");
    running.until_at(end).await;
    drop(running);

    let mut config = cluster
        .api(&format!("STREAM.INFO.{STREAM}"), &json!({}))
        .await["config"]
        .take();
    delete().await;
    config["max_age"] = json!(3_600_000_000_000_u64);
    cluster
        .api(&format!("STREAM.CREATE.{STREAM}"), &config)
        .await;
    let reason = Running::start(&cluster, &log).refusal().await;
    assert!(
        reason.contains("has max_age = 3600000000000, but must have 0"),
        "{reason}"
    );
    assert!(reason.contains("nats.stream"), "{reason}");

    // The shop goes on.
    let app = TestApp::start_with(&mirrored(&cluster, &embedded()).pairs());
    app.open_cart_with(&[("teapot", 1)]).await;
    let refused = async {
        loop {
            let views = app.get("/api/views").await.expect(200).json();
            if views["log"]["mirror"]["state"] == "refused" {
                return views["log"]["mirror"].clone();
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("refused");
    assert_eq!(refused["position"], Value::Null);
    assert!(refused["last_error"].as_str().unwrap().contains("max_age"));
    app.get("/readyz").await.expect(200);
}
