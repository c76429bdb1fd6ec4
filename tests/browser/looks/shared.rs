//! A shared cart.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;
use serde_json::json;

const PAGE: &str = "a shared cart";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shared_page_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shared_page_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/").await;
    let items = json!({ "items": [
        { "sku": "teapot", "quantity": 2 },
        { "sku": "tea-bowl", "quantity": 2 },
    ] });
    let cart = browser.ask("POST", "/api/carts", items).await;
    let path = format!("/api/carts/{}", cart["id"].as_str().expect("an id"));
    let code = json!({ "code": "TEA10" });
    browser.ask("PUT", &format!("{path}/promotion"), code).await;
    let share = format!("{path}/shares");
    let share = browser.ask("POST", &share, json!({})).await;
    let page = share["page"].as_str().expect("a path");
    browser.open(page).await;
    browser.sees("shared").await;
    gallery.look("as shared").await;
    browser.click("copy-cart").await;
    browser.mentions("copied", "Copied into your cart.").await;
    gallery.look("copied").await;
    // What is in the cart already leaves no room for it again.
    browser.open(page).await;
    browser.says("cart-count", "4").await;
    browser.click("copy-cart").await;
    browser.sees("shared-refusal-tea-bowl").await;
    browser.mentions("copied", "1 of 2 products copied.").await;
    gallery.look("refused lines").await;
    browser.open(&format!("/shared/{}", "0".repeat(80))).await;
    browser.sees("no-share").await;
    gallery.look("unknown").await;
    browser.expect_complaint("status of 4");
}
