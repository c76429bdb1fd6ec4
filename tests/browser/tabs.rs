//! Many visible windows of one browser: over HTTP/1.1 it opens six connections to a host.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::{drive, drive_with};
use serde_json::{Value, json};

/// Opens eight windows, of seven carts and of the journal, and asserts that each of them loads, is
/// live or says why not, and can send requests.
async fn fill_eight_windows(browser: &Browser) {
    browser.open("/").await;
    let mut carts = Vec::new();
    for _ in 0..7 {
        let cart = browser.ask("POST", "/api/carts", json!({})).await;
        carts.push(cart["id"].as_str().expect("an id").to_owned());
    }
    let all = json!(carts).to_string();
    browser
        .script::<()>(&format!("localStorage['cartlog.carts'] = '{all}'"))
        .await;
    let first = browser.tab().await;
    browser.open("/history").await;
    browser.sees("journal-7").await;
    let mut windows = vec![first];
    for cart in &carts {
        windows.push(browser.open_window(&format!("/history/{cart}")).await);
        browser.says("cart-title", "Cart at version 1").await;
    }
    let mut silent = 0;
    for (number, cart) in carts.iter().enumerate() {
        let path = format!("/api/carts/{cart}/items");
        let teapot = json!({ "sku": "teapot", "quantity": 1 });
        let _: Value = browser.ask("POST", &path, teapot).await;
        browser.turn_to(&windows[number + 1]).await;
        browser
            .until(
                "words('cart-title') === 'Cart at version 2' || \
                 words('offline').startsWith('Live updates are off')",
            )
            .await;
        let is_off: bool = browser
            .script("return words('cart-title') !== 'Cart at version 2'")
            .await;
        silent += usize::from(is_off);
        let products: u16 = browser
            .asynchronous("return (await fetch('/api/products')).status;", Value::Null)
            .await;
        assert_eq!(products, 200);
    }
    println!("{silent} of 7 windows say that they are not live");
    assert!(silent > 0, "there were too few windows");
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn eight_windows_load_and_say_if_not_live() {
    drive(async |browser, _| fill_eight_windows(browser).await).await;
}

/// Outside a secure context there are no Web Locks to share streams by.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn eight_windows_load_and_say_if_not_live_over_plain_http() {
    const TOKEN: &str = "op-secret-op-secret";
    let service = Service::start_with(&[
        ("server.hosts", "[\"shop.test\", \"127.0.0.1\"]"),
        ("security.operator_token", TOKEN),
    ])
    .under_plain_name();
    drive_with(service, async |browser, _| {
        browser.open("/").await;
        let signed_in: u16 = browser
            .asynchronous(
                "const body = JSON.stringify({ token: given });
                 const headers = { 'Content-Type': 'application/json' };
                 return (await fetch('/api/operator', { method: 'POST', headers, body })).status;",
                json!(TOKEN),
            )
            .await;
        assert_eq!(signed_in, 204);
        let is_secure: bool = browser.script("return isSecureContext").await;
        assert!(!is_secure);
        fill_eight_windows(browser).await;
        browser.expect_complaint("Cross-Origin-Opener-Policy header has been ignored");
    })
    .await;
}
