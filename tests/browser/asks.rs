//! Questions to a cart's history: when something first held, what if something had been different,
//! and which code ran.

use crate::stage::drive;
use crate::webdriver::key;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn what_if_changes_a_quantity_and_adds_a_product_and_a_code() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.click("event-2").await;
        browser.replace("suppose-quantity", "5").await;
        browser.click("suppose-start").await;
        browser
            .mentions("what-if-banner", "#2: 5 × teapot instead of 2")
            .await;
        browser
            .says("what-if-total", "Total €39.98 → €99.95 (+59.97)")
            .await;
        browser.says("number-teapot.quantity", "5").await;
        browser
            .mentions(
                "effect-hypothetical",
                "in its place: Added 5 × Teapot at €19.99",
            )
            .await;
        browser.mentions("state-actual", "The actual history").await;
        browser.choose("suppose-kind", "add").await;
        browser.until("at('suppose-sku').options.length > 20").await;
        browser.choose("suppose-sku", "tea-bowl").await;
        browser.replace("suppose-quantity", "1").await;
        browser.click("suppose-start").await;
        browser.says("number-tea-bowl.quantity", "1").await;
        browser.choose("suppose-kind", "code").await;
        browser.write("suppose-code", "welcome5").await;
        browser.click("suppose-start").await;
        browser.mentions("what-if-banner", "code welcome5").await;
        browser.press(key::END).await;
        // TEA10, which came last, has replaced the code.
        browser
            .says("what-if-verdict", "✓ The service agrees.")
            .await;
        browser.click("number-teapot.quantity").await;
        browser.says("explanation-sum", "+5 +2 −1 = 6").await;
        browser
            .mentions("ledger", "supposed: Added 5 × Teapot at €19.99")
            .await;
        // The address has all of it.
        let address = browser.address().await;
        for part in ["quantity=2:5", "add=2:1:tea-bowl", "code=2:welcome5"] {
            assert!(address.contains(part), "{address}");
        }
        browser
            .open(&address[address.find("/history").expect("a path")..])
            .await;
        browser.says("explanation-sum", "+5 +2 −1 = 6").await;
        browser.click("take-back-0").await;
        browser.says("explanation-sum", "+2 +2 −1 = 3").await;
        browser.click("what-if-end").await;
        browser.misses("what-if-banner").await;
        browser.says("number-total", "€64.59").await;
        let events = browser.events_of(&cart).await;
        assert_eq!(events.len(), 6, "nothing was written: {events:?}");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn refused_change_names_its_rule() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.says("cart-title", "Cart at version 6").await;
        browser.choose("suppose-kind", "code").await;
        browser.write("suppose-code", "TEA1O").await;
        browser.click("suppose-start").await;
        browser
            .mentions("what-if-refused", "code TEA1O: This code isn't valid.")
            .await;
        browser.hears("This code isn't valid.").await;
        browser
            .says("what-if-total", "Total €64.59 → €64.59 (the same)")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn first_event_of_a_question_is_found_and_shown() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.write("find-value", "70").await;
        browser.click("find-start").await;
        browser.says("cart-title", "Cart at version 3").await;
        // It fell below with event 4, and rose above with event 5: halving would have missed one.
        browser
            .mentions(
                "find-words",
                "The total exceeded €70.00 first at event #3: the total was €79.96. It became so 1 \
                 more time, last at #5. It no longer does. All 6 events were looked at in order",
            )
            .await;
        browser.choose("find-what", "product").await;
        browser.choose("find-sku", "sencha").await;
        browser.click("find-start").await;
        browser.says("cart-title", "Cart at version 5").await;
        browser
            .mentions("find-words", "was in the cart first at event #5")
            .await;
        browser.choose("find-what", "units").await;
        browser.replace("find-value", "5").await;
        browser.click("find-start").await;
        browser.mentions("find-words", "Never").await;
        browser.replace("find-value", "many").await;
        browser.click("find-start").await;
        browser
            .says("find-words", "Enter a whole number from 1.")
            .await;
        browser.choose("find-what", "discount").await;
        browser.click("find-start").await;
        browser.says("cart-title", "Cart at version 6").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn code_of_an_event_is_shown_with_files_and_line_numbers() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.click("event-2").await;
        browser
            .script::<()>("at('code').querySelector('summary').click()")
            .await;
        browser
            .mentions("code-body", "src/cart/decide.rs, line")
            .await;
        browser.mentions("code-body", "fn added(").await;
        browser
            .mentions("code-body", "src/cart/evolve.rs, line")
            .await;
        browser
            .mentions("code-body", "CartEvent::ItemAdded(units) =>")
            .await;
        // It stays open, and follows the event.
        browser.press(key::END).await;
        browser
            .mentions("code-body", "CartEvent::PromotionApplied(promotion) =>")
            .await;
    })
    .await;
}
