//! What the node did over time, and the search, on the operations page.

use crate::stage::drive;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_page_charts_the_last_minutes_and_says_what_is_missing() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.open("/operations").await;
        browser
            .mentions(
                "measurements-words",
                "in steps of 10 seconds. Not measured before",
            )
            .await;
        let bars: (u32, u32) = browser
            .script(
                "const chart = document.querySelector('[data-testid=measurements-chart]');
                 const count = (kind) => chart.querySelectorAll(kind).length;
                 return [count('.kind-gap'), count('rect:not(.kind-gap)')]",
            )
            .await;
        // Each of the seven rows has the time before the start as one gap.
        assert_eq!(bars.0, 7);
        assert!(bars.1 >= 4, "{bars:?}");
        browser.click("measured-24h").await;
        browser
            .mentions("measurements-words", "in steps of 10 minutes")
            .await;
        browser
            .script::<()>("document.querySelector('[data-testid=table-measurements]').open = true")
            .await;
        browser
            .mentions("table-measurements", "Events a second")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_page_finds_a_cart_by_the_end_of_its_id() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.open("/operations").await;
        browser.click("find-text").await;
        browser.write("find-text", "999999").await;
        browser.click("find").await;
        browser.says("find-refusal", "Nothing found.").await;
        browser.open("/operations").await;
        browser.click("find-text").await;
        browser.write("find-text", &cart[cart.len() - 8..]).await;
        browser.click("find").await;
        browser.says("found", &format!("Cart {cart}")).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_page_finds_a_cart_by_a_product_and_leads_to_its_events() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.open("/operations").await;
        browser.click("find-text").await;
        browser.write("find-text", "teapot").await;
        browser.click("find").await;
        browser.mentions("found", &format!("Cart {cart}")).await;
        browser.mentions("found", "Removed: Teapot (teapot)").await;
        browser
            .mentions("found-events", "All events: Teapot (teapot)")
            .await;
        browser
            .script::<()>("document.querySelector('[data-testid=found-events] a').click()")
            .await;
        browser.until("location.search === '?sku=teapot'").await;
    })
    .await;
}
