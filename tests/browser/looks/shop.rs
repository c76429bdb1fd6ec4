//! The shop: its products, and what it says where they are not.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;

const PAGE: &str = "the shop";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shop_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shop_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, service: &mut Service) {
    let browser = gallery.browser;
    browser.open("/").await;
    browser.says("found", "32 products").await;
    gallery.look("products").await;
    browser.write("search", "gold").await;
    browser.sees("nothing-found").await;
    gallery.look("nothing found").await;
    browser.open("/").await;
    for _ in 0..2 {
        browser.click("add-tea-bowl").await;
    }
    browser.until("at('total').textContent === '€78.00'").await;
    browser.click("add-tea-bowl").await;
    browser.sees("product-refusal-tea-bowl").await;
    browser.expect_complaint("status of 422");
    gallery.look("a refused product").await;
    browser.click("pipeline-toggle").await;
    browser.click("add-tea-bowl").await;
    browser.mentions("stage-decide-what", "refused").await;
    browser.click("stage-decide").await;
    browser.mentions("pipeline-detail", "this node").await;
    gallery.look("what happens").await;
    browser.click("pipeline-close").await;
    browser.cut_off(&["*/api/products*"]).await;
    browser.open("/").await;
    browser.sees("catalogue-failed").await;
    gallery.look("products that did not come").await;
    browser.cut_off(&[]).await;
    browser.says("found", "32 products").await;
    service.kill();
    browser.sees("offline").await;
    gallery.look("out of reach").await;
    service.start_again();
    browser.misses("offline").await;
    browser.expect_complaint("ERR_");
}
