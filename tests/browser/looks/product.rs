//! The page of a product.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;

const PAGE: &str = "a product";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn product_page_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn product_page_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/products/tea-bowl").await;
    browser.says("product-limit", "Limit 2 per order.").await;
    gallery.look("described").await;
    browser.click("buy").await;
    browser.says("product-in-cart", "1 in your cart.").await;
    browser.sees("added").await;
    gallery.look("added").await;
    browser.replace("buy-quantity", "9").await;
    browser.click("buy").await;
    browser.sees("buy-refusal").await;
    gallery.look("a refused quantity").await;
    for key in ["one", "two"] {
        let skus = ["teapot", "sencha", "tea-bowl", "moka-pot"];
        browser.order_together(&skus, key).await;
    }
    browser.until_bought_together("teapot").await;
    browser.open("/products/teapot").await;
    browser.sees("related").await;
    gallery.look("bought together").await;
}
