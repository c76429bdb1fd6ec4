//! The history of a cart, from its opening to its end, as its holder and as the operator see it.

use super::{Gallery, LARGE, SMALL, guarded, look_through};
use crate::browser::Browser;
use crate::service::Service;
use crate::webdriver::key;
use serde_json::json;

const PAGE: &str = "a history";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn history_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, guarded(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn history_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, guarded(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, service: &mut Service) {
    let browser = gallery.browser;
    let cart = browser.open_history_of_a_pot_of_tea().await;
    browser.mentions("indicator-lag", "View up to date").await;
    browser.hold_up("*/api/carts/*/events*").await;
    browser.reload().await;
    browser.sees("progress").await;
    gallery.look("on its way").await;
    browser.let_go().await;
    browser.says("cart-title", "Cart at version 6").await;
    browser.mentions("indicator-lag", "View up to date").await;
    gallery.look("newest").await;
    browser.click("number-total").await;
    browser.sees("ledger").await;
    gallery.look("a number explained").await;
    browser.click("explanation-close").await;
    browser.click("event-2").await;
    browser.press("p").await;
    browser.click("event-5").await;
    browser.mentions("compared", "pinned version 2").await;
    gallery.look("compared with a pinned moment").await;
    browser.press("x").await;
    browser
        .mentions("what-if-verdict", "Computed in your browser")
        .await;
    gallery.look("a what-if in the past").await;
    browser.press(key::END).await;
    browser
        .mentions("what-if-verdict", "The service agrees")
        .await;
    browser.click("number-total").await;
    gallery.look("a what-if").await;
    browser.choose("suppose-kind", "code").await;
    browser.write("suppose-code", "TEA1O").await;
    browser.click("suppose-start").await;
    browser.sees("what-if-refused").await;
    browser.click("event-3").await;
    browser.choose("suppose-kind", "quantity").await;
    browser.replace("suppose-quantity", "4").await;
    browser.click("suppose-start").await;
    browser.sees("take-back-1").await;
    browser.write("find-value", "70").await;
    browser.click("find-start").await;
    browser.sees("found").await;
    gallery.look("a what-if with changes").await;
    browser.click("what-if-end").await;
    browser
        .script::<()>("at('code').querySelector('summary').click()")
        .await;
    browser.mentions("code-body", "src/cart/evolve.rs").await;
    gallery.look("code of an event").await;
    browser.may_copy("granted").await;
    browser.click("copy-link").await;
    browser.sees("toast").await;
    gallery.look("copied").await;
    browser.may_copy("denied").await;
    browser.click("copy-given").await;
    browser
        .until("document.querySelector('dialog[open] textarea')")
        .await;
    gallery.look("text to copy").await;
    browser.press(key::ESCAPE).await;
    let opened = browser.ask("POST", "/api/carts", json!({})).await;
    let path = format!("/history/{}", opened["id"].as_str().expect("a cart"));
    browser.remember(&opened["id"]).await;
    browser.open(&path).await;
    browser.says("cart-title", "Cart at version 1").await;
    gallery.look("just opened").await;
    let path = format!("/api/carts/{cart}/items/sencha");
    for quantity in (0..40).map(|it| 2 + it % 2) {
        browser
            .ask("PUT", &path, json!({ "quantity": quantity }))
            .await;
    }
    browser.remember(&json!(cart)).await;
    browser
        .open(&format!("/history/{cart}?v=20&why=sencha.quantity"))
        .await;
    browser.sees("ledger").await;
    browser.mentions("indicator-lag", "View up to date").await;
    gallery.look("long").await;
    browser.refuse(&cart).await;
    browser.open(&format!("/history/{cart}")).await;
    browser.sees("then-refused").await;
    browser.mentions("indicator-lag", "View up to date").await;
    gallery.look("a refused command").await;
    browser.open_history_of_two_prices(service).await;
    browser.click("number-teapot.total").await;
    browser.mentions("forgotten", "2 prices").await;
    gallery.look("several prices").await;
    let body = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
    let order = browser.ask("POST", "/api/carts", body).await;
    browser.remember(&order["id"]).await;
    browser.order(&order).await;
    let order = order["id"].as_str().expect("a cart");
    browser.open(&format!("/history/{order}")).await;
    browser.says("cart-status", "ordered").await;
    browser.mentions("indicator-lag", "View up to date").await;
    gallery.look("ordered").await;
    browser.cut_off(&["*/events*"]).await;
    browser.reload().await;
    browser.sees("history-failed").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser
        .devtools("Network.clearBrowserCookies", json!({}))
        .await;
    browser.open(&format!("/history/{cart}")).await;
    browser
        .mentions("history-failed", "You can’t view this cart")
        .await;
    browser.sees("operator-form").await;
    gallery.look("another shopper's").await;
    browser.enter_token().await;
    browser.says("cart-title", "Cart at version 46").await;
    browser.mentions("indicator-lag", "View up to date").await;
    gallery.look("read by the operator").await;
    browser
        .open("/history/0198f0f0-0000-7000-8000-000000000000")
        .await;
    browser.sees("history-failed").await;
    gallery.look("unknown").await;
    browser.open(&format!("/history/{cart}")).await;
    browser.says("cart-title", "Cart at version 46").await;
    browser.mentions("indicator-lag", "View up to date").await;
    service.kill();
    browser.sees("offline").await;
    gallery.look("out of reach").await;
    // Sessions end with the service.
    service.start_again_after(40);
    browser.sees("operator-form").await;
    browser.enter_token().await;
    browser.says("cart-status", "expired").await;
    browser.misses("offline").await;
    browser.mentions("indicator-lag", "View up to date").await;
    gallery.look("expired").await;
    browser.expect_complaint("status of 401");
    browser.expect_complaint("status of 422");
    browser.expect_complaint("status of 404");
    browser.expect_complaint("ERR_");
}

impl Browser {
    /// Sends the cart a command that it refuses.
    async fn refuse(&self, cart: &str) {
        let status: u16 = self
            .asynchronous(
                "const answer = await fetch(`/api/carts/${given}/promotion`, {
                     method: 'PUT',
                     headers: { 'Content-Type': 'application/json' },
                     body: JSON.stringify({ code: 'NO-SUCH-CODE' }),
                 });
                 return answer.status",
                json!(cart),
            )
            .await;
        assert_eq!(status, 422);
    }
}
