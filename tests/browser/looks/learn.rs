//! The page that explains, with its examples at work.

use super::{Gallery, LARGE, SMALL, guarded, look_through};
use crate::service::Service;

const PAGE: &str = "learn";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn learn_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, guarded(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn learn_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, guarded(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/learn").await;
    browser.sees("cart-none").await;
    browser
        .mentions("terms-words", "for the shop’s operator")
        .await;
    gallery.look("just opened").await;
    browser.click("cart-open").await;
    browser.sees("cart-event-6").await;
    browser.mentions("driven", "Stock puts").await;
    browser.click("chess-move-25").await;
    browser.click("square-d7").await;
    browser.mentions("chess-answer", "white rook").await;
    browser.click("wal-steps-back").await;
    browser.mentions("wal-lines", "discarded").await;
    browser.click("wal-run").await;
    browser.click("wal-steps-back").await;
    browser
        .script::<()>(
            "const slider = at('wal-steps-slider');
             slider.value = Number(slider.value) - 5;
             slider.dispatchEvent(new Event('input'));",
        )
        .await;
    browser.mentions("wal-lines", "torn").await;
    gallery.look("stepped").await;
    browser.cut_off(&["*/api/*"]).await;
    browser.open("/learn").await;
    browser.sees("cart-failed").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser.misses("cart-failed").await;
}
