//! Product pages, the answer to Add, typed quantities, and how products are found.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::{drive, drive_with};
use crate::webdriver::key;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn product_page_adds_the_typed_quantity() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("product-link-teapot").await;
        browser.says("product-name", "Teapot").await;
        assert_eq!(browser.address().await, "/products/teapot");
        browser.says("product-price", "€19.99").await;
        browser.says("buy-quantity", "1").await;
        browser.click("buy-more").await;
        browser.says("buy-quantity", "2").await;
        browser.replace("buy-quantity", "5").await;
        browser.press(key::ENTER).await;
        browser.says("cart-count", "5").await;
        browser.says("added-words", "Added 5 × Teapot").await;
        browser.says("product-in-cart", "5 in your cart.").await;
        browser.click("added-view").await;
        browser.says("total", "€99.95").await;
        browser.misses("added").await;
        // The line leads back to the page.
        browser.open("/#cart").await;
        browser.click("line-link-teapot").await;
        browser.says("product-name", "Teapot").await;
        browser.go_back().await;
        browser.says("total", "€99.95").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn quantity_that_cannot_be_added_is_refused_beside_it() {
    drive(async |browser, _| {
        browser.open("/products/tea-bowl").await;
        for (typed, refusal) in [
            ("0", "Enter a whole number from 1 to 2."),
            ("x", "Enter a whole number from 1 to 2."),
            ("3", "Limit 2 per order."),
        ] {
            browser.replace("buy-quantity", typed).await;
            browser.misses("buy-refusal").await;
            browser.click("buy").await;
            browser.says("buy-refusal", refusal).await;
            browser
                .until("at('buy-quantity').ariaInvalid === 'true'")
                .await;
        }
        browser.replace("buy-quantity", "2").await;
        browser.click("buy").await;
        browser.says("cart-count", "2").await;
        // In the cart, too, and the cart keeps what it has.
        browser.click("cart-button").await;
        browser.replace("quantity-tea-bowl", "3").await;
        browser.press(key::TAB).await;
        browser
            .says("line-refusal-tea-bowl", "Limit 2 per order.")
            .await;
        // Until the typed quantity is replaced, whatever else changes in the cart.
        let cart = browser.current_cart().await;
        let items = format!("/api/carts/{cart}/items");
        let body = json!({ "sku": "teapot", "quantity": 1 });
        browser.ask("POST", &items, body).await;
        browser.sees("line-teapot").await;
        browser
            .ask("DELETE", &format!("{items}/teapot"), Value::Null)
            .await;
        browser.misses("line-teapot").await;
        browser
            .says("line-refusal-tea-bowl", "Limit 2 per order.")
            .await;
        browser.says("total", "€78.00").await;
        browser.click("quantity-tea-bowl").await;
        browser.press("7").await;
        browser.press(key::ESCAPE).await;
        browser.says("quantity-tea-bowl", "2").await;
        browser.misses("line-refusal-tea-bowl").await;
        browser.sees("drawer").await;
        browser.replace("quantity-tea-bowl", "1").await;
        browser.press(key::ENTER).await;
        browser.says("total", "€39.00").await;
        let events = browser.events_of(&cart).await;
        let from_elsewhere = ["ItemAdded", "ItemRemoved"];
        let own = [&events[..2], &events[4..]].concat();
        assert_eq!(events[2..4], from_elsewhere);
        assert_eq!(own, ["CartOpened", "ItemAdded", "ItemRemoved"]);
    })
    .await;
}

/// The panel lies over the page: nothing moves, and it goes away by itself.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn added_panel_moves_nothing_and_leaves_on_escape() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.rests().await;
        // A card rises below the mouse; the grid does not.
        let place = "at('grid').getBoundingClientRect().top";
        browser.click("add-sencha").await;
        // The click may have scrolled.
        let before: f64 = browser.script(&format!("return {place}")).await;
        browser.says("added-words", "Added Sencha, 100 g").await;
        browser
            .until("at('live').textContent.includes('Sencha')")
            .await;
        let after: f64 = browser.script(&format!("return {place}")).await;
        assert!((before - after).abs() < 1.0, "{before} {after}");
        browser.press(key::ESCAPE).await;
        // At once, not only when its time is over.
        let is_gone: bool = browser.script("return at('added').hidden").await;
        assert!(is_gone, "Escape hides it");
        browser.click("add-sencha").await;
        browser.sees("added").await;
        browser.misses("added").await;
        // With the cart in sight there is no need for it.
        browser.click("cart-button").await;
        browser.click("more-sencha").await;
        browser.says("total", "€35.40").await;
        browser.misses("added").await;
        let shifted: Vec<String> = browser.script("return window.shifted").await;
        assert!(shifted.is_empty(), "{shifted:#?}");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn products_ordered_together_are_on_each_others_pages() {
    drive(async |browser, _| {
        browser.open("/products/teapot").await;
        browser.rests().await;
        browser.misses("related").await;
        for key in ["one", "two"] {
            browser.order_together(&["teapot", "sencha"], key).await;
        }
        browser.until_bought_together("teapot").await;
        browser.open("/products/sencha").await;
        browser.sees("related").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.says("added-words", "Added Teapot").await;
        browser.click("product-link-teapot").await;
        browser.says("product-name", "Teapot").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn product_without_picture_or_description_has_a_page() {
    let mut service = Service::start();
    service.start_again_with_products(
        "currency = \"EUR\"\n[[product]]\nsku = \"a.b-c\"\nname = \"Thing\"\n\
         category = \"Tea & more\"\nprice = 123456789\n",
    );
    drive_with(service, async |browser, _| {
        browser.open("/products/a.b-c").await;
        browser.says("product-price", "€1,234,567.89").await;
        browser.click("buy").await;
        browser.says("cart-count", "1").await;
        browser.click("crumb-category").await;
        browser.says("found", "1 product").await;
        browser
            .until("at('category-Tea & more').ariaPressed === 'true'")
            .await;
    })
    .await;
}

const PRICES: &str = "[...document.querySelectorAll('#grid .price')].map((it) =>
    Number(it.innerText.slice(1)))";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn price_range_and_order_are_in_the_url() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        let featured: Vec<f64> = browser.script(&format!("return {PRICES}")).await;
        browser.choose("sort", "price").await;
        let cheapest = format!("{PRICES}.every((it, at, all) => !at || all[at - 1] <= it)");
        browser.until(&cheapest).await;
        // Both ends belong to the range: a teapot costs €19.99, a bowl €39.00.
        browser.write("price-min", "19.99").await;
        browser.write("price-max", "39.00").await;
        let within = format!("{PRICES}.every((it) => it >= 19.99 && it <= 39)");
        browser.until(&within).await;
        browser.sees("product-teapot").await;
        browser.sees("product-tea-bowl").await;
        let address = "/?min=19.99&max=39.00&sort=price";
        assert_eq!(browser.address().await, address);
        browser.reload().await;
        browser
            .until(&format!("{PRICES}.length > 3 && {within}"))
            .await;
        // A range that cannot be read filters nothing and says so.
        browser.replace("price-max", "cheap").await;
        browser.mentions("price-refusal", "Enter a price").await;
        browser.says("found", "32 products").await;
        browser.replace("price-max", "10").await;
        browser
            .says("price-refusal", "The lower price is above the higher one.")
            .await;
        // What was typed in a field is one step.
        browser.go_back().await;
        browser.misses("price-refusal").await;
        browser.says("price-max", "").await;
        browser.says("price-min", "19.99").await;
        browser.go_back().await;
        browser.says("price-min", "").await;
        browser.until(&cheapest).await;
        browser.says("found", "32 products").await;
        browser.go_back().await;
        browser
            .until(&format!("{PRICES}.join() === '{}'", join(&featured)))
            .await;
        browser.go_forward().await;
        browser.until(&cheapest).await;
        browser.choose("sort", "price-desc").await;
        let dearest = format!("{PRICES}.every((it, at, all) => !at || all[at - 1] >= it)");
        browser.until(&dearest).await;
        browser.choose("sort", "name").await;
        let by_name = "[...document.querySelectorAll('#grid h2')].map((it) => it.innerText)
            .every((it, at, all) => !at || all[at - 1].localeCompare(it, 'en') <= 0)";
        browser.until(by_name).await;
    })
    .await;
}

fn join(prices: &[f64]) -> String {
    let prices: Vec<String> = prices.iter().map(f64::to_string).collect();
    prices.join(",")
}

impl Browser {
    /// Opens a cart with these products and orders it.
    pub async fn order_together(&self, skus: &[&str], key: &str) -> Value {
        self.asynchronous(
            "const headers = { 'Content-Type': 'application/json' };
             const send = async (path, body, more) => {
                 const answer = await fetch(path, {
                     method: 'POST',
                     headers: { ...headers, ...more },
                     body: JSON.stringify(body),
                 });
                 if (!answer.ok) throw new Error(await answer.text());
                 return answer.json();
             };
             const items = given.skus.map((sku) => ({ sku, quantity: 1 }));
             const cart = await send('/api/carts', { items });
             return send(`/api/carts/${cart.id}/checkout`, { expected_total: cart.total },
                 { 'If-Match': `\"${cart.version}\"`, 'Idempotency-Key': given.key });",
            json!({ "skus": skus, "key": key }),
        )
        .await
    }

    /// Waits until the view has a pair with the product.
    pub async fn until_bought_together(&self, sku: &str) {
        self.asynchronous::<()>(
            "for (;;) {
                 const pairs = await (await fetch(`/api/insights/pairs?sku=${given}`)).json();
                 if (pairs.items?.[0]?.carts >= 2) return;
                 await new Promise((resolve) => setTimeout(resolve, 20));
             }",
            json!(sku),
        )
        .await;
    }
}
