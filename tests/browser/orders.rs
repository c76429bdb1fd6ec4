//! The page of an order: its receipt, how far it is, and the events that led to it.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::{drive, drive_with};
use serde_json::{Value, json};

/// The token with which a warehouse answers.
const WAREHOUSE: &str = "the warehouse of this test";
const TOKEN: &str = "the operator's token of this test";
/// Whether the page says that the warehouse decides.
const DECIDED_BY_WAREHOUSE: &str =
    "document.getElementById('lane-words').textContent.includes('answer decides the order')";

/// A service whose orders a warehouse must confirm, with these settings besides.
pub fn with_warehouse(settings: &[(&str, &str)]) -> Service {
    let mut all = vec![
        ("orders.confirm", "warehouse"),
        ("orders.warehouse_token", WAREHOUSE),
    ];
    all.extend_from_slice(settings);
    Service::start_with(&all)
}

impl Browser {
    /// Answers an order as the warehouse.
    pub async fn answer_order(&self, order: &str, answer: Value) {
        self.asynchronous::<()>(
            "const { token, order, answer } = given;
             const headers = {
                 'Content-Type': 'application/json',
                 Authorization: `Bearer ${token}`,
             };
             const body = JSON.stringify(answer);
             const path = `/api/orders/${order}/reservation`;
             // Right after the checkout the order may not be placed yet.
             for (;;) {
                 const response = await fetch(path, { method: 'POST', headers, body });
                 if (response.ok) return;
                 if (response.status !== 404) throw new Error(await response.text());
             }",
            json!({ "token": WAREHOUSE, "order": order, "answer": answer }),
        )
        .await;
    }

    /// Orders a teapot. Returns the ids of the cart and of the order.
    pub async fn order_teapot(&self, key: &str) -> (String, String) {
        let cart = self.order_together(&["teapot"], key).await;
        let id = |name: &str| cart[name].as_str().expect("an id").to_owned();
        (id("id"), id("order_id"))
    }

    /// The side from which the line to an event of the lane comes.
    async fn cause_of(&self, event: &str) -> String {
        self.sees(event).await;
        let script = format!("return at('{event}').dataset.cause ?? ''");
        self.script(&script).await
    }
}

/// The refusal of these tests.
pub fn refusal() -> Value {
    json!({ "outcome": "refused", "message": "The teapot is sold out.", "skus": ["teapot"] })
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn order_is_live_from_checkout_to_confirmation() {
    drive_with(with_warehouse(&[]), async |browser, service| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.check_out().await;
        let cart = browser.current_cart().await;
        let number = browser.text("order-number").await;
        browser.click("order-receipt").await;
        browser.says("order-status", "Placed").await;
        browser.mentions("order-message", "checks its stock").await;
        browser.says("order-number", &number).await;
        let order = browser.text("order-id").await;
        assert_eq!(browser.address().await, format!("/orders/{order}"));
        let end = order[order.len() - 8..].to_uppercase();
        assert_eq!(number, format!("{}-{}", &end[..4], &end[4..]));
        browser
            .says("receipt-line-teapot", "1 × Teapot 1 × 19.99 €19.99")
            .await;
        assert_eq!(browser.cause_of("lane-order-1").await, "left");
        browser.until(DECIDED_BY_WAREHOUSE).await;
        // What is open stays open while events are added.
        browser
            .script::<()>("at('lane-order-1').querySelector('details').open = true")
            .await;
        // A lost connection is announced, and what happened meanwhile is shown after it.
        service.kill();
        browser.sees("offline").await;
        service.start_again();
        browser
            .answer_order(&order, json!({ "outcome": "reserved" }))
            .await;
        browser.says("order-status", "Confirmed").await;
        browser.hears("Order confirmed").await;
        browser.misses("offline").await;
        assert_eq!(browser.cause_of("lane-order-2").await, "left");
        assert_eq!(browser.cause_of("lane-order-3").await, "right");
        browser
            .until("at('lane-order-2').dataset.lane === 'warehouse'")
            .await;
        browser
            .until("at('lane-order-1').querySelector('details').open")
            .await;
        for (event, cause) in [
            ("lane-order-1", "lane-cart-3"),
            ("lane-order-2", "lane-order-1"),
            ("lane-order-3", "lane-order-2"),
        ] {
            let sentence = format!("at('{cause}').querySelector('.lane-sentence').textContent");
            let named = format!("at('{event}').querySelector('.lane-cause').textContent");
            browser
                .until(&format!("{named} === `Caused by: ${{{sentence}}}`"))
                .await;
        }
        // Each event leads to its history.
        browser
            .until("at('lane-order-3').querySelector('a').hash === '#event-3'")
            .await;
        browser
            .script::<()>("at('lane-cart-3').querySelector('a').click()")
            .await;
        browser.says("cart-title", "Cart at version 3").await;
        browser.click("cart-order").await;
        browser.says("order-status", "Confirmed").await;
        assert_eq!(browser.address().await, format!("/orders/{order}"));
        browser.open("/orders").await;
        let card = format!("order-{cart}");
        browser.mentions(&card, "€19.99").await;
        browser.mentions(&card, &number).await;
        browser.mentions(&card, "Confirmed").await;
        browser.expect_complaint("ERR_");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn cancelled_order_shows_the_reason_of_the_warehouse() {
    drive_with(with_warehouse(&[]), async |browser, _| {
        browser.open("/").await;
        let (cart, order) = browser.order_teapot("order").await;
        browser.open(&format!("/orders/{order}")).await;
        browser.says("order-status", "Placed").await;
        browser.answer_order(&order, refusal()).await;
        browser.says("order-status", "Cancelled").await;
        browser
            .says("order-message", "The teapot is sold out.")
            .await;
        browser
            .hears("Order cancelled. The teapot is sold out.")
            .await;
        assert_eq!(browser.cause_of("lane-order-3").await, "right");
        browser.reload().await;
        browser
            .says("order-message", "The teapot is sold out.")
            .await;
        browser.sees("lane-order-3").await;
        browser.open("/orders").await;
        browser
            .mentions(&format!("order-{cart}"), "Cancelled")
            .await;
        browser.click(&format!("order-{cart}")).await;
        browser.says("order-status", "Cancelled").await;
        browser
            .script::<()>("window.print = () => (document.title = 'printed')")
            .await;
        browser.click("print").await;
        browser.until("document.title === 'printed'").await;
        // On paper the order stands alone, with what became of it.
        let media = json!({ "media": "print" });
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        browser.misses("lane").await;
        browser.sees("order-message").await;
    })
    .await;
}

/// Where no order follows a checkout, a receipt shows what was ordered.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn receipt_without_an_order_shows_what_was_ordered() {
    let service = Service::start_with(&[("orders.confirm", "off")]);
    drive_with(service, async |browser, _| {
        browser.open("/").await;
        let (cart, order) = browser.order_teapot("order").await;
        browser.open(&format!("/receipts/{cart}")).await;
        browser.says("order-total", "€19.99").await;
        browser.says("order-id", &order).await;
        browser.misses("order-progress").await;
        browser.misses("lane").await;
        assert_eq!(browser.address().await, format!("/receipts/{cart}"));
        browser.open("/receipts").await;
        browser.mentions(&format!("order-{cart}"), "Ordered").await;
        assert_eq!(browser.address().await, "/orders");
        browser.expect_complaint("status of 404");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn order_is_for_its_browser_and_for_the_operator() {
    let service = with_warehouse(&[("security.operator_token", TOKEN)]);
    drive_with(service, async |browser, _| {
        browser.open("/").await;
        let (_, order) = browser.order_teapot("order").await;
        browser.open(&format!("/orders/{order}")).await;
        browser.says("order-total", "€19.99").await;
        browser.sees("receipt-proof").await;
        browser
            .devtools("Network.clearBrowserCookies", json!({}))
            .await;
        browser.reload().await;
        browser
            .mentions("no-receipt", "in the browser in which it was placed")
            .await;
        browser.misses("receipt").await;
        browser
            .asynchronous::<()>(
                "const headers = { 'Content-Type': 'application/json' };
                 const body = JSON.stringify({ token: given });
                 await fetch('/api/operator', { method: 'POST', headers, body });",
                json!(TOKEN),
            )
            .await;
        browser.reload().await;
        browser.says("order-status", "Placed").await;
        browser.says("order-total", "€19.99").await;
        browser.sees("lane-cart-3").await;
        browser.misses("receipt-proof").await;
        browser.answer_order(&order, refusal()).await;
        browser.says("order-status", "Cancelled").await;
        browser.sees("lane-order-3").await;
        // Each event once: the checkout and three of the order.
        browser
            .until("document.getElementById('lane-events').childElementCount === 4")
            .await;
        browser.expect_complaint("status of 404");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_log_filters_orders_and_leads_to_them() {
    drive(async |browser, _| {
        browser.open("/").await;
        let (cart, order) = browser.order_teapot("order").await;
        browser.open("/history?type=OrderConfirmed").await;
        browser
            .says("journal-list", &browser.text("journal-5").await)
            .await;
        browser.click("type-OrderPlaced").await;
        browser.sees("journal-4").await;
        browser.misses("journal-5").await;
        browser.click("only-order_id-4").await;
        browser.click("type-all").await;
        browser.sees("journal-5").await;
        browser.misses("journal-3").await;
        assert_eq!(
            browser.address().await,
            format!("/history?order_id={order}")
        );
        browser.sees("journal-open-order").await;
        // The events of the order are not the cart's.
        browser.open(&format!("/history?cart={cart}")).await;
        browser.sees("journal-3").await;
        browser.misses("journal-4").await;
        browser.open("/history").await;
        browser.sees("journal-5").await;
        browser
            .script::<()>("at('journal-5').querySelector('a').click()")
            .await;
        browser.says("order-status", "Confirmed").await;
        assert_eq!(browser.address().await, format!("/orders/{order}"));
        browser
            .until("document.querySelector(':target') === at('lane-order-2')")
            .await;
        // Without a warehouse, the checkout places and confirms at once.
        assert_eq!(browser.cause_of("lane-order-1").await, "left");
        assert_eq!(browser.cause_of("lane-order-2").await, "left");
        browser.until(&format!("!({DECIDED_BY_WAREHOUSE})")).await;
    })
    .await;
}
