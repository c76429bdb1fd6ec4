//! Webhooks on the operations page, with a receiver on a real socket.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::drive_with;
use cartlog_testkit::receiver::{Reply, WebhookReceiver};
use cartlog_testkit::text;
use serde_json::{Value, json};

/// A demo whose webhook `orders` sends to `receiver`, which may refuse an event once.
pub fn demo_with_webhook(receiver: &WebhookReceiver) -> Service {
    let url = receiver.url();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let webhook =
        format!("[{{ name = \"orders\", url = \"{url}\", secret = \"{secret}\", attempts = 1 }}]");
    Service::start_with(&[("webhooks", &webhook)])
}

impl Browser {
    /// Another shopper's order, which is a first one under `key`. Returns its cart.
    pub async fn order_elsewhere(&self, key: &str) -> String {
        let cart = self.order_together(&["teapot"], key).await;
        text(&cart["id"]).to_owned()
    }
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn parked_cart_is_retried_and_dropped_on_the_operations_page() {
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Status(422, ""));
    drive_with(demo_with_webhook(&receiver), async |browser, _| {
        browser.open("/operations").await;
        browser.says("parked-words", "No cart waits for you.").await;
        let cart = browser.order_elsewhere("a").await;
        let row = format!("parked-{cart}");
        browser.mentions(&row, &cart[cart.len() - 8..]).await;
        browser.mentions("parked-why", "422").await;
        let waiting = "1 cart waits for you: a receiver keeps refusing an event.";
        browser.says("parked-words", waiting).await;

        // A reason that is being typed outlasts the polls, and is needed.
        browser.click("parked-drop").await;
        browser.write("parked-reason", "a test").await;
        receiver.so_far();
        browser.click("parked-cancel").await;
        browser.click("parked-retry").await;
        assert_eq!(receiver.next().cart(), cart, "it is delivered again");
        // It is refused again, and so parked again.
        browser.sees(&row).await;
        receiver.answer(|_| Reply::Status(204, ""));
        browser.click("parked-drop").await;
        browser.write("parked-reason", "the order was a test").await;
        browser.click("parked-confirm").await;
        browser.says("parked-words", "No cart waits for you.").await;
        let listed = browser.ask("GET", "/api/webhooks/orders/parked", Value::Null);
        assert_eq!(listed.await["items"], json!([]));
        receiver.so_far();
        let next = browser.order_elsewhere("b").await;
        assert_eq!(receiver.next().cart(), next, "what was dropped is not sent");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_page_without_webhooks_does_not_mention_them() {
    drive_with(Service::start(), async |browser, _| {
        browser.open("/operations").await;
        browser.mentions("indicator-views", "All views").await;
        let listed = browser.ask("GET", "/api/webhooks", Value::Null).await;
        assert_eq!(listed["items"], json!([]));
        browser.misses("webhooks").await;
    })
    .await;
}
