//! The journal of all carts, on the history page without a cart.

use super::{Gallery, LARGE, SMALL, guarded, look_through};
use crate::operator::ENTRIES;
use crate::service::Service;
use crate::webdriver::key;

const PAGE: &str = "the journal";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_log_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, guarded(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_log_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, guarded(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, service: &mut Service) {
    let browser = gallery.browser;
    browser.open("/history").await;
    browser.sees("operator-form").await;
    gallery.look("signed out").await;
    browser
        .write("operator-token", "another token than that")
        .await;
    browser.press(key::ENTER).await;
    browser.sees("operator-refusal").await;
    gallery.look("a wrong token").await;
    browser.enter_token().await;
    browser.sees("journal-none").await;
    gallery.look("empty").await;
    service.simulate(20, 3);
    browser.open_history_of_a_pot_of_tea().await;
    browser.open("/history").await;
    browser.until(&format!("{ENTRIES}.length === 50")).await;
    browser.mentions("own-carts", "6 events").await;
    gallery.look("full").await;
    browser.open("/history?type=ItemAdded&sku=teapot").await;
    browser.until(&format!("{ENTRIES}.length > 2")).await;
    gallery.look("filtered").await;
    browser
        .open("/history?type=CartExpired&from=2020-01-01T00:00:00Z")
        .await;
    browser.sees("journal-none").await;
    browser
        .until(
            "(() => {
                const { left, right } = at('type-CartExpired').getBoundingClientRect();
                return left >= 0 && right <= innerWidth;
            })()",
        )
        .await;
    gallery.look("no such event").await;
    browser.open("/history").await;
    browser.until(&format!("{ENTRIES}.length === 50")).await;
    browser.click("journal-pause").await;
    browser.add_elsewhere("sencha").await;
    browser.mentions("journal-new", "2 new events").await;
    gallery.look("paused, with news").await;
    browser.cut_off(&["*/api/events*"]).await;
    browser.click("type-ItemRemoved").await;
    browser.sees("journal-failed").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser.open("/history").await;
    browser.until(&format!("{ENTRIES}.length === 50")).await;
    service.kill();
    browser.sees("offline").await;
    gallery.look("out of reach").await;
    browser.expect_complaint("status of 40");
    browser.expect_complaint("ERR_");
}
