//! One cart in several tabs, through reloads, and while the service is away.

use crate::stage::drive;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn two_tabs_show_the_same_cart() {
    drive(async |browser, _| {
        let first = browser.tab().await;
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser
            .until("words('cart-count') === '1' && localStorage['cartlog.cart']")
            .await;
        let second = browser.open_tab("/").await;
        browser.says("cart-count", "1").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "2").await;
        browser.click("cart-button").await;
        browser.says("total", "€31.79").await;
        browser.turn_to(&first).await;
        browser.says("cart-count", "2").await;
        browser.click("cart-button").await;
        browser.says("total", "€31.79").await;
        browser.click("more-sencha").await;
        browser.says("total", "€43.59").await;
        browser.turn_to(&second).await;
        browser.says("total", "€43.59").await;
        browser.says("quantity-sencha", "2").await;
        browser.check_out().await;
        let order = browser.text("order-number").await;
        browser.turn_to(&first).await;
        browser.says("order-number", &order).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn reload_keeps_cart_in_the_middle_of_a_burst() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        // Immediately, before a burst that the click may begin has ended.
        browser.reload().await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.says("total", "€19.99").await;
        let cart = browser.current_cart().await;
        let events = browser.events_of(&cart).await;
        assert_eq!(events, ["CartOpened", "ItemAdded"]);
        browser.click("more-teapot").await;
        browser.reload().await;
        browser.says("cart-count", "2").await;
        // The open drawer is part of the address.
        browser.says("total", "€39.98").await;
        let events = browser.events_of(&cart).await;
        assert_eq!(events, ["CartOpened", "ItemAdded", "ItemAdded"]);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn offline_changes_are_sent_after_reconnecting() {
    drive(async |browser, service| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.says("total", "€19.99").await;
        let cart = browser.current_cart().await;
        service.kill();
        browser.mentions("offline", "You’re offline").await;
        browser.click("more-teapot").await;
        browser.says("quantity-teapot", "2").await;
        browser.mentions("offline", "Changes are saved").await;
        browser
            .until("at('totals').dataset.settled === 'false'")
            .await;
        service.start_again();
        browser.misses("offline").await;
        browser.says("total", "€39.98").await;
        let events = browser.events_of(&cart).await;
        assert_eq!(events, ["CartOpened", "ItemAdded", "ItemAdded"]);
        // The stream reconnects as well: changes from another device show again.
        let path = format!("/api/carts/{cart}/items");
        let body = json!({ "sku": "sencha", "quantity": 1 });
        let _: Value = browser.ask("POST", &path, body).await;
        browser.says("total", "€51.78").await;
        browser.expect_complaint("ERR_");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn pages_in_the_bfcache_release_their_connections() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        // A browser opens six connections to a service at most, and each page has a stream.
        for version in 1..=6 {
            browser.open(&format!("/history/{cart}?v={version}")).await;
            browser.mentions("indicator-lag", "View up to date").await;
        }
        browser.open("/history").await;
        browser.sees("journal-6").await;
        let path = format!("/api/carts/{cart}/items");
        let body = json!({ "sku": "sencha", "quantity": 1 });
        let _: Value = browser.ask("POST", &path, body).await;
        browser.sees("journal-7").await;
        // After going back, the stream resumes where it was left.
        browser.go_back().await;
        browser.says("cart-title", "Cart at version 7").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shop_retries_when_products_fail_to_load() {
    drive(async |browser, _| {
        browser.cut_off(&["*/api/products*"]).await;
        browser.open("/").await;
        browser
            .mentions("catalogue-failed", "Can’t reach the service")
            .await;
        browser.cut_off(&[]).await;
        browser.says("found", "32 products").await;
        browser.misses("catalogue-failed").await;
    })
    .await;
}
