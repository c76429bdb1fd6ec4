//! The history of a cart: scrubbing by keyboard, shareable URLs, live events, and who may read it.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::{drive, drive_with};
use crate::webdriver::key;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn arrow_keys_step_through_a_history() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.says("cart-title", "Cart at version 6").await;
        browser.says("number-total", "€64.59").await;
        browser.is_called("number-total", "Total: €64.59").await;
        browser
            .is_called("number-teapot.quantity", "Quantity of Teapot: 3")
            .await;
        browser
            .is_called("event-4", "−1 4 Removed 1 × Teapot at €19.99")
            .await;
        browser.press(key::LEFT).await;
        browser.says("cart-title", "Cart at version 5").await;
        browser
            .says("sentence", "#5 Added 1 × Sencha, 100 g at €11.80")
            .await;
        browser.says("number-total", "€71.77").await;
        browser.says("change-total", "+11.80").await;
        browser.press(&key::LEFT.repeat(2)).await;
        browser
            .says("sentence", "#3 Added 2 × Teapot at €19.99")
            .await;
        browser.says("number-teapot.quantity", "4").await;
        browser.press(key::HOME).await;
        browser.says("cart-title", "Cart at version 1").await;
        browser.press(key::LEFT).await;
        browser.says("cart-title", "Cart at version 1").await;
        browser.press(key::RIGHT).await;
        browser
            .says("event-sentence", "Added 2 × Teapot at €19.99")
            .await;
        let moment = format!("/history/{cart}?v=2");
        browser
            .until(&format!(
                "location.pathname + location.search === '{moment}'"
            ))
            .await;
        browser.press(key::END).await;
        browser.says("cart-title", "Cart at version 6").await;
        browser
            .says("event-sentence", "Applied promotion TEA10: 10% off")
            .await;
        browser.tab_to("slider").await;
        browser.press(key::LEFT).await;
        browser.says("cart-title", "Cart at version 5").await;
        browser
            .until(
                "(at('slider').ariaValueText ?? at('slider').getAttribute('aria-valuetext'))
                 === 'Version 5: Added 1 × Sencha, 100 g at €11.80. Total €71.77'",
            )
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shared_url_opens_the_same_version_pin_and_what_if() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.click("event-2").await;
        browser.press("p").await;
        browser.press(key::END).await;
        browser
            .mentions("compared", "compared with pinned version 2")
            .await;
        browser.says("change-total", "+24.61").await;
        browser.click("number-total").await;
        browser.press(key::LEFT).await;
        browser.press("x").await;
        let address = format!("/history/{cart}?v=5&pin=2&why=total&without=5");
        browser
            .until(&format!(
                "location.pathname + location.search === '{address}'"
            ))
            .await;
        browser.open_tab(&address).await;
        browser
            .says("cart-title", "Cart at version 5, hypothetical")
            .await;
        browser
            .says("what-if-total", "Total €71.77 → €59.97 (−11.80)")
            .await;
        browser
            .says("explanation-sum", "59.97 − 0.00 = 59.97")
            .await;
        browser
            .until(
                "at('event-2').classList.contains('pinned')
                 && at('event-5').classList.contains('skipped')",
            )
            .await;
        browser.click("what-if-end").await;
        browser
            .mentions("compared", "compared with pinned version 2")
            .await;
        // Each selection is an entry of the browser's history.
        browser.go_back().await;
        browser.sees("what-if-banner").await;
        browser
            .open(&format!("/history/{cart}?v=99&why=nonsense&without=1,77"))
            .await;
        browser.says("cart-title", "Cart at version 6").await;
        browser.misses("what-if-banner").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn open_history_follows_cart_and_shows_checks() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser
            .mentions("indicator-fold", "View matches events")
            .await;
        browser
            .mentions("indicator-chain", "Hash chain intact")
            .await;
        browser.mentions("indicator-lag", "View up to date").await;
        let path = format!("/api/carts/{cart}/items/notebook");
        browser.ask("PUT", &path, json!({ "quantity": 2 })).await;
        browser.says("cart-title", "Cart at version 7").await;
        browser
            .says("sentence", "#7 Added 2 × Notebook at €14.50")
            .await;
        browser
            .mentions("indicator-lag", "View updated with event 7 in")
            .await;
        browser
            .mentions("cause", "The shopper changed a quantity")
            .await;
        browser
            .mentions("effect", "Notebook, quantity: 0 → 2")
            .await;
        browser.mentions("forgotten-count", "3 of 7").await;
        browser.mentions("rows", "teapot 3 59.97").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn history_is_readable_by_holder_and_operator_only() {
    let token = "the operators token of this test";
    let service = Service::start_with(&[("security.operator_token", token)]);
    drive_with(service, async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.says("cart-title", "Cart at version 6").await;
        let nothing = json!({});
        browser
            .devtools("Network.clearBrowserCookies", nothing)
            .await;
        browser.reload().await;
        browser
            .mentions("history-failed", "You can’t view this cart")
            .await;
        browser.write("operator-token", token).await;
        browser.press(key::ENTER).await;
        browser.says("cart-title", "Cart at version 6").await;
        browser.open("/history/nonsense").await;
        browser.mentions("nowhere", "Page not found").await;
        browser.open(&format!("/history/{cart}?v=2")).await;
        browser.says("number-total", "€39.98").await;
        browser.expect_complaint("status of 404");
    })
    .await;
}

impl Browser {
    /// Opens a cart that is remembered as this browser's, and says its id.
    async fn open_cart_with(&self, item: &Value) -> String {
        self.open("/history").await;
        let opened = self
            .ask("POST", "/api/carts", json!({ "items": [item] }))
            .await;
        self.remember(&opened["id"]).await;
        opened["id"].as_str().expect("a cart").to_owned()
    }

    /// Opens the history of a cart with three teapots, some tea and a promotion, in six events.
    pub async fn open_history_of_a_pot_of_tea(&self) -> String {
        let two = json!({ "sku": "teapot", "quantity": 2 });
        let id = self.open_cart_with(&two).await;
        let path = |below: &str| format!("/api/carts/{id}{below}");
        self.ask("POST", &path("/items"), two).await;
        self.ask("PUT", &path("/items/teapot"), json!({ "quantity": 3 }))
            .await;
        self.ask(
            "POST",
            &path("/items"),
            json!({ "sku": "sencha", "quantity": 1 }),
        )
        .await;
        self.ask("PUT", &path("/promotion"), json!({ "code": "TEA10" }))
            .await;
        self.open(&path("").replace("/api/carts", "/history")).await;
        id
    }

    /// Opens the history of a cart with teapots, some of them added after a price change.
    pub async fn open_history_of_two_prices(&self, service: &mut Service) -> String {
        let two = json!({ "sku": "teapot", "quantity": 2 });
        let id = self.open_cart_with(&two).await;
        service.start_again_with_price("teapot", 1799);
        let items = format!("/api/carts/{id}/items");
        self.ask("POST", &items, two).await;
        let three = json!({ "quantity": 3 });
        self.ask("PUT", &format!("{items}/teapot"), three).await;
        self.open(&format!("/history/{id}")).await;
        id
    }
}
