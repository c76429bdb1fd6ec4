//! The review before an order, its receipt, and finding it again.

use crate::stage::drive;
use crate::webdriver::key;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn order_is_reviewed_before_it_is_placed() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.write("promotion-code", "tea10").await;
        browser.press(key::ENTER).await;
        browser.says("total", "€17.99").await;
        browser.click("checkout").await;
        browser.says("review-lines", "1 × Teapot €19.99").await;
        browser.says("discount-name", "Discount (TEA10)").await;
        browser.says("total", "€17.99").await;
        browser.misses("more-teapot").await;
        browser.misses("promotion").await;
        // Nothing has happened yet: the way back leads to the cart, by button and by Back.
        browser.click("review-back").await;
        browser.sees("more-teapot").await;
        browser.misses("review").await;
        browser.click("checkout").await;
        browser.sees("review").await;
        browser.go_back().await;
        browser.sees("more-teapot").await;
        browser.sees("drawer").await;
        browser.click("checkout").await;
        browser.sees("review").await;
        browser.press(key::ESCAPE).await;
        browser.misses("drawer").await;
        browser.until("location.hash === ''").await;
        browser.click("cart-button").await;
        browser.click("checkout").await;
        browser.sees("review").await;
        // A change from elsewhere is shown before it is ordered.
        let cart = browser.current_cart().await;
        let path = format!("/api/carts/{cart}/items");
        let body = json!({ "sku": "sencha", "quantity": 1 });
        let _: Value = browser.ask("POST", &path, body).await;
        browser
            .says(
                "review-note",
                "Your cart has changed. Please check it again.",
            )
            .await;
        browser
            .says("review-lines", "1 × Teapot €19.99 1 × Sencha, 100 g €11.80")
            .await;
        browser.says("total", "€28.61").await;
        let events = browser.events_of(&cart).await;
        assert!(!events.contains(&"CartCheckedOut".to_owned()), "{events:?}");
        browser.click("place-order").await;
        browser.says("order-total", "€28.61").await;
        // It is among the orders without a look at its page.
        browser.open("/orders").await;
        browser.mentions(&format!("order-{cart}"), "€28.61").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn receipt_is_found_again_in_its_browser() {
    drive(async |browser, _| {
        browser.open("/orders").await;
        browser.sees("no-orders").await;
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "2").await;
        browser.click("cart-button").await;
        browser.write("promotion-code", "tea10").await;
        browser.press(key::ENTER).await;
        browser.says("total", "€28.61").await;
        let cart = browser.current_cart().await;
        // Before the order there is no receipt.
        browser.open(&format!("/receipts/{cart}")).await;
        browser.sees("no-receipt").await;
        browser.open("/#cart").await;
        browser.says("total", "€28.61").await;
        browser.check_out().await;
        let order = browser.text("order-number").await;
        browser.click("order-receipt").await;
        browser.says("order-number", &order).await;
        let id = browser.text("order-id").await;
        assert_eq!(browser.address().await, format!("/orders/{id}"));
        browser
            .says("receipt-line-teapot", "1 × Teapot 1 × 19.99 €19.99")
            .await;
        browser
            .mentions("receipt-lines", "Discount (TEA10) −€3.18")
            .await;
        browser.says("order-total", "€28.61").await;
        // From any page of the shop, by its footer.
        browser.open("/products/teapot").await;
        browser.click("orders-link").await;
        browser.mentions(&format!("order-{cart}"), "€28.61").await;
        browser.click(&format!("order-{cart}")).await;
        browser.says("order-number", &order).await;
        // On paper it stands alone.
        let media = json!({ "media": "print" });
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        browser.misses("cart-button").await;
        browser.misses("print").await;
        browser.sees("order-number").await;
        let media = json!({ "media": "" });
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        browser.click("receipt-link-teapot").await;
        browser.says("product-name", "Teapot").await;
        // Elsewhere the page says where it can be seen.
        browser
            .devtools("Network.clearBrowserCookies", json!({}))
            .await;
        browser.open(&format!("/receipts/{cart}")).await;
        browser
            .mentions("no-receipt", "Order not available here")
            .await;
        browser.open("/receipts").await;
        browser.sees("no-orders").await;
        browser.expect_complaint("status of 404");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn receipt_recovers_when_the_service_is_back() {
    drive(async |browser, _| {
        browser.open("/").await;
        let cart = browser.order_together(&["teapot"], "order").await;
        let id = cart["id"].as_str().expect("an id");
        browser.cut_off(&["*/api/carts/*"]).await;
        browser.open(&format!("/receipts/{id}")).await;
        browser
            .mentions("no-receipt", "Couldn’t load the order")
            .await;
        browser.sees("again").await;
        browser.cut_off(&[]).await;
        browser.says("order-total", "€19.99").await;
        browser.misses("no-receipt").await;
        // An order that was opened once is among the orders.
        browser.open("/orders").await;
        browser.mentions(&format!("order-{id}"), "€19.99").await;
    })
    .await;
}
