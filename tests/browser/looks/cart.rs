//! The cart, in its drawer: what is in it, what was refused, and how it ends.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;
use crate::webdriver::key;
use serde_json::Value;

const PAGE: &str = "the cart";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn cart_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn cart_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, service: &mut Service) {
    let browser = gallery.browser;
    browser.open("/").await;
    browser.click("cart-button").await;
    browser.sees("cart-empty").await;
    gallery.look("empty").await;
    browser.click("drawer-close").await;
    for product in ["teapot", "tea-bowl", "tea-bowl", "espresso-cups"] {
        browser.click(&format!("add-{product}")).await;
    }
    browser.says("cart-count", "4").await;
    browser.click("cart-button").await;
    browser.says("total", "€119.99").await;
    gallery.look("filled").await;
    browser.click("more-tea-bowl").await;
    browser.sees("line-refusal-tea-bowl").await;
    browser.write("promotion-code", "freebie").await;
    browser.click("promotion-apply").await;
    browser.sees("promotion-refusal").await;
    gallery.look("refusals").await;
    browser.click("promotion-code").await;
    browser.press_while(key::CONTROL, "a").await;
    browser.press("TEA10").await;
    browser.click("promotion-apply").await;
    browser.says("promotion", "TEA10: 10% off").await;
    gallery.look("a promotion").await;
    browser.click("share").await;
    browser.sees("share-link").await;
    gallery.look("shared").await;
    browser.hold_up("*/api/carts/*/items/*").await;
    browser.click("more-teapot").await;
    browser
        .until("at('totals').dataset.settled === 'false'")
        .await;
    gallery.look("not settled").await;
    browser.let_go().await;
    browser.says("total", "€125.98").await;
    service.kill();
    browser.click("less-teapot").await;
    browser.sees("offline").await;
    gallery.look("out of reach").await;
    service.start_again();
    browser.says("total", "€107.99").await;
    browser.check_out().await;
    browser.sees("order").await;
    browser.click("drawer-close").await;
    browser.click("add-sencha").await;
    browser.says("cart-count", "1").await;
    browser.click("cart-button").await;
    browser.click("more-sencha").await;
    browser.says("total", "€23.60").await;
    browser.click("undo").await;
    browser.says("total", "€11.80").await;
    browser.click("undo").await;
    browser.sees("cart-refusal").await;
    gallery.look("nothing to undo").await;
    browser.click("checkout").await;
    browser.sees("review").await;
    gallery.look("reviewed").await;
    browser.click("place-order").await;
    browser.sees("order").await;
    gallery.look("ordered").await;
    browser.click("drawer-close").await;
    browser.click("add-gooseneck-kettle").await;
    browser.says("cart-count", "1").await;
    browser.click("cart-button").await;
    browser.says("total", "€54.90").await;
    browser.misses("cart-refusal").await;
    service.kill();
    service.start_again_after(40);
    browser.sees("cart-note").await;
    browser.misses("offline").await;
    gallery.look("expired").await;
    let expired = browser.current_cart().await;
    browser.click("drawer-close").await;
    browser.click("add-gooseneck-kettle").await;
    browser
        .until(&format!("localStorage['cartlog.cart'] !== '{expired}'"))
        .await;
    browser.says("cart-count", "1").await;
    browser.click("cart-button").await;
    browser.says("total", "€54.90").await;
    let path = format!("/api/carts/{}", browser.current_cart().await);
    let cart = browser.ask("GET", &path, Value::Null).await;
    browser.order(&cart).await;
    browser.sees("order").await;
    gallery.look("ordered elsewhere").await;
    browser.expect_complaint("status of 409");
    browser.expect_complaint("status of 422");
    browser.expect_complaint("ERR_");
}
