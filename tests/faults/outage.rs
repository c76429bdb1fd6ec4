//! A receiver of webhooks that is down for long.

use crate::plan::Plan;
use crate::site::check_out;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::receiver::{Received, Reply, WebhookReceiver};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

const SHOPPERS: usize = 16;
/// The public events of a checkout whose order is confirmed at once.
const TYPES: [&str; 3] = [
    "cartlog.v1.cart.checked_out",
    "cartlog.v1.order.placed",
    "cartlog.v1.order.confirmed",
];

fn serve(folder: &Path, receiver: &WebhookReceiver) -> ServiceProcess {
    let mut command = command(folder, &["serve"]);
    let (url, secret) = (receiver.url(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let webhook = format!("[{{ name = \"orders\", url = \"{url}\", secret = \"{secret}\" }}]");
    command.env("CARTLOG_WEBHOOKS", webhook);
    ServiceProcess::run(command)
}

/// The types of the accepted events by cart, in the order of their first delivery.
fn accepted(received: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for delivery in received.iter().filter(|it| it.is_accepted()) {
        if seen.insert(delivery.header("webhook-id").to_owned()) {
            let kind = delivery.json()["type"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            types.entry(delivery.cart()).or_default().push(kind);
        }
    }
    types
}

/// Promise (crash): Every public event reaches a webhook at least once, in the order of its cart.
/// Fault: A receiver that is down while thousands of events are recorded, and `kill -9` meanwhile
/// Control: A state that takes an event for delivered before the 2xx loses it:
/// [control_webhook_acknowledged_before_2xx_loses].
#[tokio::test]
async fn receiver_gets_everything_after_a_long_outage() {
    let plan = Plan::new();
    let checkouts = usize::try_from(plan.times(600, 3_400)).unwrap();
    let patience = PATIENCE * u32::try_from(plan.times(1, 6)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Status(503, ""));
    let program = serve(folder.path(), &receiver);
    let (address, never) = (program.address, AtomicBool::new(false));
    let shopper = async |shopper: usize| {
        for number in 0..checkouts.div_ceil(SHOPPERS) {
            let key = format!("order-{shopper}-{number}");
            check_out(address, &key, &never).await.expect("a checkout");
        }
    };
    join_all((0..SHOPPERS).map(shopper)).await;
    program.kill();
    receiver.so_far();
    let program = serve(folder.path(), &receiver);
    assert!(!receiver.next().is_accepted());
    receiver.answer(|_| Reply::Status(204, ""));
    let idle = async {
        loop {
            let state = reqwest::get(format!("http://{}/api/webhooks", program.address)).await;
            let state: Value = state.unwrap().json().await.unwrap();
            if state["items"][0]["state"] == "idle" {
                return;
            }
        }
    };
    let idle = tokio::time::timeout(patience, idle).await;
    idle.expect("everything is delivered within the time limit");
    let delivered = accepted(&receiver.so_far());
    assert_eq!(delivered.len(), checkouts.div_ceil(SHOPPERS) * SHOPPERS);
    for (cart, types) in delivered {
        assert_eq!(types, TYPES, "{cart}");
    }
}
