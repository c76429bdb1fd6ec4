//! Breaking a row of the views on the operations page, and watching it heal.

use crate::stage::drive;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn damaged_row_is_named_by_verify_and_healed_by_rebuild() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        let short = format!("…{}", &cart[cart.len() - 8..]);
        browser.open("/operations").await;
        browser.click("damage-start").await;
        browser
            .says(
                "damage-words",
                &format!(
                    "Damaged the row of cart {short}: total €64.59 is now €74.59. \
                     The log is unchanged."
                ),
            )
            .await;
        browser.click("verify-start").await;
        browser.mentions("verify-words", "Problems found").await;
        browser
            .mentions("verify-table", &format!("row different {short}"))
            .await;
        // The cart's page compares the row with its events.
        let operations = browser.tab().await;
        browser.open_tab(&format!("/history/{cart}")).await;
        browser.mentions("indicator-fold", "differs").await;
        browser.close_tab().await;
        browser.turn_to(&operations).await;
        browser.click("rebuild-start").await;
        browser.mentions("rebuild-words", "Completed").await;
        browser.says("rebuild-rows-that-differ", "1").await;
        browser.mentions("rebuild-table", &short).await;
        browser.click("verify-start").await;
        browser.mentions("verify-words", "No problems found").await;
        browser.open(&format!("/history/{cart}")).await;
        browser
            .mentions("indicator-fold", "View matches events")
            .await;
    })
    .await;
}

/// The insights that are open in another tab follow by themselves.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn simulated_days_look_like_a_shop_in_live_insights() {
    drive(async |browser, _| {
        browser.open("/insights").await;
        browser.sees("insights-empty").await;
        let insights = browser.tab().await;
        let operations = browser.open_tab("/operations").await;
        browser.click("simulation-start").await;
        browser
            .mentions("simulation-words", "Added 200 carts with")
            .await;
        browser.turn_to(&insights).await;
        browser.says("stat-opened", "200").await;
        browser.mentions("stat-revenue", "€").await;
        browser.mentions("stat-average", "€").await;
        browser.mentions("stat-time", "min").await;
        browser.mentions("figure-activity", "by hour").await;
        browser.mentions("updated", "Live, updated").await;
        browser.turn_to(&operations).await;
        browser.click("verify-start").await;
        browser.mentions("verify-words", "No problems found").await;
        browser.add_elsewhere("teapot").await;
        browser.turn_to(&insights).await;
        browser.says("stat-opened", "201").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn damage_button_says_so_when_there_is_no_cart() {
    drive(async |browser, _| {
        browser.open("/operations").await;
        browser.click("damage-start").await;
        browser
            .mentions("damage-words", "The views have no cart yet.")
            .await;
    })
    .await;
}
