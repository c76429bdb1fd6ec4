//! The history page explains numbers: the events that a sum is of, and what it would be without
//! one.

use crate::stage::drive;
use crate::webdriver::key;
use serde_json::json;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn every_number_explains_its_sum_of_events() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.click("number-teapot.quantity").await;
        browser.says("explanation-value", "3").await;
        browser.says("explanation-sum", "+2 +2 −1 = 3").await;
        browser
            .says(
                "ledger",
                "#2 Added 2 × Teapot at €19.99 +2 #3 Added 2 × Teapot at €19.99 +2 \
                 #4 Removed 1 × Teapot at €19.99 −1",
            )
            .await;
        for (event, lit) in (1..).zip(["dim", "lit", "lit", "lit", "dim", "dim"]) {
            browser
                .until(&format!("at('event-{event}').classList.contains('{lit}')"))
                .await;
        }
        browser.click("number-teapot.total").await;
        browser.says("explanation-sum", "3 × 19.99 = 59.97").await;
        browser.click("number-items_total").await;
        browser
            .says(
                "explanation-sum",
                "Teapot 59.97 + Sencha, 100 g 11.80 = 71.77",
            )
            .await;
        browser.click("number-discount").await;
        browser.says("explanation-sum", "10% of 71.77 = 7.18").await;
        browser.click("number-total").await;
        browser
            .says("explanation-sum", "71.77 − 7.18 = 64.59")
            .await;
        browser.hears("Total: 71.77 − 7.18 = 64.59").await;
        browser.click("term-3").await;
        browser.says("cart-title", "Cart at version 3").await;
        browser
            .says("explanation-sum", "79.96 − 0.00 = 79.96")
            .await;
        browser.click("explanation-close").await;
        browser.misses("ledger").await;
        browser.focus_is_on("number-total").await;
        browser.press(key::ENTER).await;
        browser.sees("ledger").await;
        browser.press(key::ESCAPE).await;
        browser.misses("ledger").await;
        browser.focus_is_on("number-total").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn ledger_sum_stays_visible_below_many_events() {
    drive(async |browser, _| {
        let cart = browser.fill_cart_with(60).await;
        browser.resize(1280, 1100).await;
        browser.open(&format!("/history/{cart}?why=total")).await;
        browser.sees("ledger").await;
        browser
            .until(
                "(() => {
                    const sum = document.querySelector('.ledger-sum');
                    const { right, top, height } = sum.getBoundingClientRect();
                    return at('ledger').getBoundingClientRect().bottom > top + height
                        && sum.contains(document.elementFromPoint(right - 20, top + 8));
                })()",
            )
            .await;
        browser.sees("more-below").await;
        browser
            .until("(at('ledger').closest('.why-body').scrollTop += 99, at('more-below').hidden)")
            .await;
        browser.misses("more-below").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn discount_names_the_promotion_it_replaced() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.click("number-discount").await;
        browser.says("explanation-sum", "10% of 71.77 = 7.18").await;
        browser
            .until("!at('explanation').innerText.includes('replaced')")
            .await;
        let other = json!({ "code": "WELCOME5" });
        browser
            .ask("PUT", &format!("/api/carts/{cart}/promotion"), other)
            .await;
        browser.says("cart-title", "Cart at version 7").await;
        browser.says("explanation-sum", "a fixed 5.00 = 5.00").await;
        browser
            .mentions("explanation", "WELCOME5 replaced TEA10.")
            .await;
        browser.click("number-total").await;
        browser
            .mentions("explanation", "WELCOME5 replaced TEA10.")
            .await;
        browser.press("x").await;
        browser
            .says("explanation-sum", "71.77 − 7.18 = 64.59")
            .await;
        browser
            .until("!at('explanation').innerText.includes('replaced')")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn line_total_sums_units_at_each_price() {
    drive(async |browser, service| {
        browser.open_history_of_two_prices(service).await;
        browser.says("cart-title", "Cart at version 4").await;
        browser
            .mentions("history-lines", "Teapot 2 × 19.99 + 1 × 17.99 3 −1 €57.97")
            .await;
        browser.click("number-teapot.total").await;
        browser
            .says("explanation-sum", "2 × 19.99 + 1 × 17.99 = 57.97")
            .await;
        browser
            .says(
                "ledger",
                "#2 Added 2 × Teapot at €19.99 +39.98 #3 Added 2 × Teapot at €17.99 +35.98 \
                 #4 Removed 1 × Teapot at €17.99 −17.99",
            )
            .await;
        browser.click("number-teapot.quantity").await;
        browser.says("explanation-sum", "+2 +2 −1 = 3").await;
        browser
            .mentions("forgotten", "Teapot has units at 2 prices")
            .await;
        browser.click("event-3").await;
        browser.click("number-teapot.total").await;
        browser
            .says("explanation-sum", "2 × 19.99 + 2 × 17.99 = 75.96")
            .await;
        browser.expect_complaint("ERR_");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn skipped_event_shows_the_what_if_cart() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.click("event-3").await;
        browser.press("x").await;
        browser
            .hears("What if: the total would be 39.98 euro")
            .await;
        browser
            .mentions("what-if-banner", "What if event 3 had not happened?")
            .await;
        browser
            .mentions("what-if-banner", "the cart is unchanged")
            .await;
        browser
            .says("what-if-total", "Total €79.96 → €39.98 (−39.98)")
            .await;
        browser.press(key::END).await;
        browser
            .says("what-if-total", "Total €64.59 → €28.61 (−35.98)")
            .await;
        browser
            .mentions("what-if-banner", "Teapot: 3 → 1 (−2)")
            .await;
        browser
            .says("what-if-verdict", "✓ The service agrees.")
            .await;
        browser.says("number-teapot.quantity", "1").await;
        // A skipped event is not part of the sum, and its tile is not highlighted.
        browser.click("number-teapot.quantity").await;
        browser.says("explanation-sum", "+2 −1 = 1").await;
        browser
            .says(
                "ledger",
                "#2 Added 2 × Teapot at €19.99 +2 #4 Removed 1 × Teapot at €19.99 −1",
            )
            .await;
        for (event, look) in [(2, "lit"), (3, "dim"), (3, "skipped"), (4, "lit")] {
            browser
                .until(&format!("at('event-{event}').classList.contains('{look}')"))
                .await;
        }
        browser.click("number-total").await;
        browser
            .says("explanation-sum", "31.79 − 3.18 = 28.61")
            .await;
        browser.sees("term-2").await;
        browser.misses("term-3").await;
        browser
            .until("at('event-3').classList.contains('dim')")
            .await;
        browser.click("what-if-end").await;
        browser.misses("what-if-banner").await;
        browser.says("number-total", "€64.59").await;
        let events = browser.events_of(&cart).await;
        assert_eq!(events.len(), 6, "nothing was written: {events:?}");
    })
    .await;
}
