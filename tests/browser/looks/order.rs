//! Orders, and the list of all orders of a browser.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::orders::{refusal, with_warehouse};
use crate::service::Service;
use serde_json::json;

const PAGE: &str = "an order";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn order_page_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, with_warehouse(&[]), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn order_page_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, with_warehouse(&[]), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/orders").await;
    browser.sees("no-orders").await;
    gallery.look("no orders").await;
    browser.open("/").await;
    let items = json!({ "items": [{ "sku": "teapot", "quantity": 2 }] });
    let cart = browser.ask("POST", "/api/carts", items).await;
    let id = cart["id"].as_str().expect("an id");
    browser.open(&format!("/receipts/{id}")).await;
    browser.sees("no-receipt").await;
    gallery.look("not ordered").await;
    let path = format!("/api/carts/{id}/promotion");
    let code = json!({ "code": "TEA10" });
    let cart = browser.ask("PUT", &path, code).await;
    browser.order(&cart).await;
    browser.open(&format!("/receipts/{id}")).await;
    browser.says("order-status", "Placed").await;
    gallery.look("placed").await;
    let order = browser.text("order-id").await;
    let reserved = json!({ "outcome": "reserved" });
    browser.answer_order(&order, reserved).await;
    browser.says("order-status", "Confirmed").await;
    browser.reload().await;
    browser.sees("lane-order-3").await;
    gallery.look("confirmed").await;
    let (_, cancelled) = browser.order_teapot("cancelled").await;
    browser.answer_order(&cancelled, refusal()).await;
    browser.open(&format!("/orders/{cancelled}#event-2")).await;
    browser.says("order-status", "Cancelled").await;
    browser.reload().await;
    browser.sees("lane-order-3").await;
    gallery.look("cancelled").await;
    browser.open("/orders").await;
    browser.sees("order-cards").await;
    gallery.look("your orders").await;
    let foreign = "01990000-0000-7000-8000-000000000001";
    browser.open(&format!("/orders/{foreign}")).await;
    browser.mentions("no-receipt", "not available here").await;
    gallery.look("not here").await;
    browser.cut_off(&["*/api/orders/*"]).await;
    browser.open(&format!("/orders/{order}")).await;
    browser.sees("again").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser.sees("order-total").await;
    browser.expect_complaint("status of 404");
}
