//! The shop: from the first product to the order's number, and what is said when it does not go so.

use crate::requests::Sent;
use crate::senses::PATIENCE;
use crate::stage::drive;
use crate::webdriver::key;
use serde_json::json;
use std::net::TcpListener;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn purchase_from_search_to_order_number() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.write("search", "teapot").await;
        browser.says("found", "2 products").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.open("/?category=Tea").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "2").await;
        browser.click("cart-button").await;
        browser.click("more-teapot").await;
        browser.says("quantity-teapot", "2").await;
        browser.says("line-total-teapot", "€39.98").await;
        browser.write("promotion-code", "tea10").await;
        browser.click("promotion-apply").await;
        browser.says("promotion", "TEA10: 10% off").await;
        browser.says("items-total", "€51.78").await;
        browser.says("discount", "−€5.18").await;
        browser.says("total", "€46.60").await;
        browser.check_out().await;
        browser.says("order-total", "€46.60").await;
        let order = browser.text("order-number").await;
        browser.click("order-history").await;
        browser.says("cart-status", "ordered").await;
        let sentence = "#6 Checked out for €46.60 as order ";
        browser.mentions("sentence", sentence).await;
        // The order's number is the end of its id.
        let end = order.replace('-', "").to_lowercase();
        let id = browser.text("sentence").await;
        assert!(id.ends_with(&end), "{id}: {order}");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn next_product_after_order_opens_new_cart() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser
            .until("at('checkout').ariaDisabled !== 'true'")
            .await;
        browser.check_out().await;
        browser.sees("order-number").await;
        let first = browser.current_cart().await;
        browser.click("drawer-close").await;
        browser.says("cart-count", "0").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.says("total", "€11.80").await;
        browser.misses("order").await;
        assert_ne!(browser.current_cart().await, first);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn burst_of_stepper_clicks_is_one_request() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("cart-button").await;
        browser.says("total", "€19.99").await;
        browser.rests().await;
        browser.sent().await;
        browser.click_in_a_burst("more-teapot", 6).await;
        browser.says("quantity-teapot", "7").await;
        browser.says("total", "€139.93").await;
        let cart = browser.current_cart().await;
        let commands = browser.sent().await;
        let commands: Vec<Sent> = commands.into_iter().filter(Sent::is_command).collect();
        let path = format!("/api/carts/{cart}/items/teapot");
        let method = "PUT".to_owned();
        assert_eq!(commands, [Sent { method, path }]);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn refusals_are_shown_next_to_their_cause() {
    drive(async |browser, _| {
        browser.open("/").await;
        let most = "Limit 2 per order.";
        for count in ["1", "2"] {
            browser.click("add-tea-bowl").await;
            browser.says("cart-count", count).await;
        }
        browser.click("cart-button").await;
        browser.says("total", "€78.00").await;
        browser.click("more-tea-bowl").await;
        browser
            .mentions("line-refusal-tea-bowl", "Limit 2 per order")
            .await;
        browser.says("quantity-tea-bowl", "2").await;
        browser.write("promotion-code", "freebie").await;
        browser.click("promotion-apply").await;
        browser
            .mentions("promotion-refusal", "This code isn’t valid")
            .await;
        browser
            .until("at('promotion-code').ariaInvalid === 'true'")
            .await;
        browser.misses("cart-refusal").await;
        browser.click("drawer-close").await;
        browser.click("add-tea-bowl").await;
        browser
            .mentions("product-refusal-tea-bowl", "Limit 2 per order")
            .await;
        browser.says("cart-count", "2").await;
        // Clicks of a burst beyond the limit are not sent; the others count.
        browser.click("add-teapot").await;
        browser.misses("product-refusal-teapot").await;
        browser.click("cart-button").await;
        browser.click("clear").await;
        browser.sees("cart-empty").await;
        browser.click("drawer-close").await;
        browser.click_in_a_burst("add-tea-bowl", 3).await;
        browser.says("product-refusal-tea-bowl", most).await;
        browser.says("cart-count", "2").await;
        browser.expect_complaint("status of 422");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn undo_restores_cart_before_last_change() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("add-sencha").await;
        browser.click("cart-button").await;
        browser.says("total", "€31.79").await;
        browser.click("clear").await;
        browser.sees("cart-empty").await;
        browser.click("undo").await;
        browser.says("total", "€31.79").await;
        browser.says("quantity-teapot", "1").await;
        browser.click("remove-teapot").await;
        browser.says("total", "€11.80").await;
        browser.click("undo").await;
        browser.says("total", "€31.79").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn search_and_category_are_in_the_url() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("category-Coffee").await;
        browser.says("found", "7 products").await;
        browser.write("search", "kettle").await;
        browser.says("found", "1 product").await;
        assert_eq!(browser.address().await, "/?q=kettle&category=Coffee");
        browser.reload().await;
        browser.says("found", "1 product").await;
        browser.sees("product-gooseneck-kettle").await;
        browser.write("search", " of gold").await;
        browser.sees("nothing-found").await;
        browser.tab_to("Show all products").await;
        browser.press(key::ENTER).await;
        browser.says("found", "32 products").await;
    })
    .await;
}

impl Sent {
    /// Whether it asks the service to change something.
    fn is_command(&self) -> bool {
        self.method != "GET"
    }
}

/// What the shop no longer sells is said in the cart, before the checkout is refused for it.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn withdrawn_product_is_named_before_checkout() {
    drive(async |browser, service| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "2").await;
        browser.rests().await;
        service.start_again_with_products(
            "currency = \"EUR\"\n[[product]]\nsku = \"sencha\"\nname = \"Sencha\"\n\
             category = \"Tea\"\nprice = 990\n",
        );
        browser.open("/").await;
        browser.click("cart-button").await;
        let withdrawn = "“Teapot” is no longer sold. Remove it to check out.";
        browser.says("line-notice-teapot", withdrawn).await;
        let changed = "“Sencha, 100 g” costs €9.90 today. The units in your cart keep their price.";
        browser.says("line-notice-sencha", changed).await;
        browser.check_out().await;
        browser.says("cart-refusal", withdrawn).await;
        browser.click("review-back").await;
        browser.click("remove-teapot").await;
        browser.says("total", "€11.80").await;
        browser.check_out().await;
        browser.says("order-total", "€11.80").await;
        browser.expect_complaint("ERR_");
        browser.expect_complaint("status of 409");
    })
    .await;
}

/// A picture's host is asked for it if the catalogue names it; the policy blocks any other one.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn pictures_come_from_the_hosts_of_the_catalogue_only() {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let (named, other) = (bind(), bind());
    let url = |listener: &TcpListener| {
        let port = listener.local_addr().expect("an address").port();
        format!("https://localhost:{port}/tea.png")
    };
    drive(async |browser, service| {
        // Neither listener speaks TLS.
        browser.expect_complaint("ERR_");
        browser.expect_complaint("Content Security Policy");
        browser.expect_complaint("policy violated");
        service.start_again_with_products(&format!(
            "currency = \"EUR\"\n[[product]]\nsku = \"tea\"\nname = \"Tea\"\n\
             category = \"Tea\"\nprice = 100\npicture = \"{}\"\n",
            url(&named)
        ));
        let asked = tokio::task::spawn_blocking(move || named.accept().map(|_| ()));
        browser.open("/").await;
        browser.sees("add-tea").await;
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        asked
            .expect("the browser asks the named host")
            .expect("no panic")
            .expect("a connection");
        let blocked: String = browser
            .asynchronous(
                "return await new Promise((done) => {
                    addEventListener('securitypolicyviolation', (it) => done(it.blockedURI));
                    const image = new Image();
                    image.src = given;
                    document.body.append(image);
                })",
                json!(url(&other)),
            )
            .await;
        assert_eq!(blocked, url(&other));
        other.set_nonblocking(true).expect("a mode");
        assert!(other.accept().is_err(), "no connection to the other host");
    })
    .await;
}
