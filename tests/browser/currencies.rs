//! Amounts in currencies whose decimals browsers do not agree about.

use crate::stage::drive;
use serde_json::json;

/// The amounts by minor unit as in ISO 4217: browsers show HUF, IDR and IQD without decimals.
///
/// Contract (requests): Service and pages take decimals from one table of ISO 4217 exponents.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn pages_show_decimals_of_iso_4217() {
    drive(async |browser, _| {
        let expected = [
            ("EUR", "1,999.00", "€1,999.00"),
            ("HUF", "1,999.00", "HUF 1,999.00"),
            ("IDR", "1,999.00", "IDR 1,999.00"),
            ("IQD", "199.900", "IQD 199.900"),
            ("JPY", "199,900", "JP¥199,900"),
            ("KWD", "199.900", "KWD 199.900"),
        ];
        browser.open("/").await;
        let shown: Vec<[String; 3]> = browser
            .asynchronous(
                "const { amount, money } = await import('/js/page/format.js');
                 return given.map((code) =>
                     [code, amount(199900, code), money(199900, code).replace('\\u00a0', ' ')]);",
                json!(expected.map(|(code, ..)| code)),
            )
            .await;
        let expected = expected.map(|(code, amount, money)| [code, amount, money]);
        assert_eq!(shown, expected);
    })
    .await;
}

/// A cart keeps its currency when the shop changes its own: the way on is another cart.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn refused_currency_leads_to_a_new_cart() {
    drive(async |browser, service| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("cart-button").await;
        browser.says("total", "€19.99").await;
        let first = browser.current_cart().await;
        service.start_again_with_products(
            "currency = \"JPY\"\n[[product]]\nsku = \"teapot\"\nname = \"Teapot\"\n\
             category = \"Tea\"\nprice = 1500\n",
        );
        browser.open("/").await;
        browser.click("add-teapot").await;
        let words = "This cart is in EUR, and “Teapot” is offered in JPY. Open a new cart for it. \
                     Start a new cart";
        browser.says("product-refusal-teapot", words).await;
        browser.click("new-cart").await;
        browser
            .until("at('product-refusal-teapot')?.textContent === ''")
            .await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.says("total", "JP¥1,500").await;
        assert_ne!(browser.current_cart().await, first);
        browser.expect_complaint("ERR_");
        browser.expect_complaint("status of 409");
    })
    .await;
}
