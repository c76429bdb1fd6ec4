//! The mirror in NATS on the operations page, with a real server.

use crate::service::Service;
use crate::stage::drive_with;
use cartlog_testkit::nats::{NatsCluster, PASSWORD};
use serde_json::json;

const MIRROR: &str = "mirror in NATS (cartlog_events)";

#[tokio::test]
#[ignore = "drives Chromium and a NATS server, which tests/all installs"]
async fn operations_page_says_how_the_mirror_is() {
    let mut cluster = NatsCluster::start(1).await;
    let service = Service::start_with(&[
        ("nats.servers", &format!("{:?}", cluster.urls())),
        ("nats.user", "cartlog"),
        ("nats.password", PASSWORD),
        // Three events an order.
        ("orders.confirm", "off"),
    ]);
    drive_with(service, async |browser, _| {
        browser.open("/operations").await;
        let is_current = |event: u64| format!("{MIRROR} up to date, event {event}");
        browser.mentions("log", &is_current(0)).await;
        browser.order_elsewhere("a").await;
        browser.mentions("log", &is_current(3)).await;

        cluster.servers[0].kill();
        browser.order_elsewhere("b").await;
        browser
            .mentions("log", &format!("{MIRROR} waiting: "))
            .await;
        cluster.servers[0].start();
        browser.mentions("log", &is_current(6)).await;

        // A mirror looks at the settings of its stream after it could not publish.
        let info = cluster.api("STREAM.INFO.cartlog_events", &json!({})).await;
        let mut limited = info["config"].clone();
        limited["max_msgs"] = json!(1_000);
        let edited = cluster.api("STREAM.UPDATE.cartlog_events", &limited).await;
        assert!(edited["error"].is_null(), "{edited}");
        cluster.servers[0].kill();
        browser.order_elsewhere("c").await;
        browser
            .mentions("log", &format!("{MIRROR} waiting: "))
            .await;
        cluster.servers[0].start();
        browser
            .mentions("log", &format!("{MIRROR} refused: "))
            .await;
        browser.mentions("log", "max_msgs").await;
        let edited = cluster.api("STREAM.UPDATE.cartlog_events", &info["config"]);
        let edited = edited.await;
        assert!(edited["error"].is_null(), "{edited}");
        browser.mentions("log", &is_current(9)).await;
    })
    .await;
}
