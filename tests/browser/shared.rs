//! A cart that is shared by a link, and copied.

use crate::browser::Browser;
use crate::stage::drive;
use serde_json::{Value, json};

impl Browser {
    /// Shares the cart that is open in the drawer, and answers the path of the link.
    async fn share_cart(&self) -> String {
        self.click("share").await;
        self.sees("share-link").await;
        let link = self.text("share-link").await;
        let path = link.strip_prefix(&self.origin).expect("a link to here");
        path.to_owned()
    }

    /// Forgets all carts, as another person's browser would not have them.
    async fn be_another_person(&self) {
        self.open("/docs").await;
        self.script::<()>("localStorage.clear(); sessionStorage.clear()")
            .await;
        self.devtools("Network.clearBrowserCookies", json!({}))
            .await;
    }
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn shared_cart_is_seen_and_copied_by_another_person() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "2").await;
        browser.click("cart-button").await;
        browser.says("total", "€31.79").await;
        let path = browser.share_cart().await;
        browser
            .mentions("share-words", "doesn’t expire and can’t be revoked")
            .await;
        let owners = browser.current_cart().await;
        // A later version has a link of its own.
        browser.click("more-teapot").await;
        browser.says("total", "€51.78").await;
        browser.misses("share-link").await;
        browser.be_another_person().await;
        browser.open(&path).await;
        browser.mentions("shared-when", "2 items, as of").await;
        browser
            .mentions("shared-when", "Later changes are not shown.")
            .await;
        browser.says("shared-totals", "Total €31.79").await;
        browser.mentions("shared-line-teapot", "€19.99").await;
        browser.click("copy-cart").await;
        browser.mentions("copied", "Copied into your cart.").await;
        browser.says("cart-count", "2").await;
        browser
            .until("at('copy-cart').ariaDisabled === 'true'")
            .await;
        browser.click("copied-view").await;
        browser.says("total", "€31.79").await;
        assert_ne!(browser.current_cart().await, owners);
        browser.open(&format!("/shared/{}", "0".repeat(80))).await;
        browser.mentions("no-share", "No such shared cart").await;
        browser.expect_complaint("status of 404");
    })
    .await;
}

/// What cannot be copied is said beside its line; the rest is copied.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn lines_that_cannot_be_copied_say_why() {
    drive(async |browser, service| {
        browser.open("/").await;
        let items = json!([
            { "sku": "moka-pot", "quantity": 1 },
            { "sku": "teapot", "quantity": 2 },
            { "sku": "tea-bowl", "quantity": 2 },
        ]);
        let cart = browser
            .ask("POST", "/api/carts", json!({ "items": items }))
            .await;
        let path = format!("/api/carts/{}/shares", cart["id"].as_str().expect("an id"));
        let share = browser.ask("POST", &path, json!({})).await;
        let page = share["page"].as_str().expect("a path").to_owned();
        service.start_again_with_products(
            "currency = \"EUR\"\n[[product]]\nsku = \"teapot\"\nname = \"Teapot\"\n\
             category = \"Tea\"\nprice = 1500\n[[product]]\nsku = \"tea-bowl\"\n\
             name = \"Bowl\"\ncategory = \"Tea\"\nprice = 3900\nmax_per_cart = 1\n",
        );
        browser.be_another_person().await;
        browser.open(&page).await;
        browser.click("copy-cart").await;
        browser.mentions("copied", "1 of 3 products copied.").await;
        browser
            .says("shared-refusal-moka-pot", "No longer sold.")
            .await;
        browser
            .says("shared-refusal-tea-bowl", "Limit 1 per order.")
            .await;
        browser.says("shared-done-teapot", "In your cart.").await;
        browser.says("cart-count", "2").await;
        // Pressing again tries the rest, and copies nothing twice.
        browser.click("copy-cart").await;
        let teapots: String = browser.script("return at('quantity-teapot').value").await;
        assert_eq!(teapots, "2");
        browser
            .says("shared-refusal-moka-pot", "No longer sold.")
            .await;
        browser.click("copied-view").await;
        browser.says("total", "€30.00").await;
        browser.expect_complaint("status of 422");
    })
    .await;
}

/// A cart in another currency cannot take it: the way on is a new cart.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn copying_into_a_cart_of_another_currency_offers_a_new_one() {
    drive(async |browser, service| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.says("total", "€19.99").await;
        let page = browser.share_cart().await;
        service.start_again_with_products(
            "currency = \"JPY\"\n[[product]]\nsku = \"teapot\"\nname = \"Teapot\"\n\
             category = \"Tea\"\nprice = 3000\n",
        );
        browser.open(&page).await;
        browser.click("copy-cart").await;
        browser.sees("shared-refusal-teapot").await;
        browser.click("new-cart").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.mentions("total", "3,000").await;
        let cart: Value = browser
            .ask(
                "GET",
                &format!("/api/carts/{}", browser.current_cart().await),
                Value::Null,
            )
            .await;
        assert_eq!(cart["currency"], "JPY");
        browser.expect_complaint("status of 409");
        browser.expect_complaint("ERR_");
    })
    .await;
}
