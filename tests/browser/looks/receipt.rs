//! Receipts, and the list of orders.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;
use serde_json::json;

const PAGE: &str = "a receipt";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn receipt_page_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn receipt_page_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/receipts").await;
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
    browser.sees("order-total").await;
    gallery.look("ordered").await;
    browser.open("/receipts").await;
    browser.sees("order-cards").await;
    gallery.look("orders").await;
    let foreign = "01990000-0000-7000-8000-000000000001";
    browser.open(&format!("/receipts/{foreign}")).await;
    browser.mentions("no-receipt", "not available here").await;
    gallery.look("not here").await;
    browser.cut_off(&["*/api/carts/*"]).await;
    browser.open(&format!("/receipts/{id}")).await;
    browser.sees("again").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser.sees("order-total").await;
    browser.expect_complaint("status of 404");
}
