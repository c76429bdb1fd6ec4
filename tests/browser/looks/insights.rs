//! What the shop learns, with and without shoppers.

use super::{Gallery, LARGE, SMALL, guarded, look_through};
use crate::service::Service;
use serde_json::Value;

const PAGE: &str = "the insights";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn insights_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, guarded(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn insights_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, guarded(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, service: &mut Service) {
    let browser = gallery.browser;
    browser.open("/insights").await;
    browser.sees("operator-form").await;
    gallery.look("signed out").await;
    browser.enter_token().await;
    browser.sees("insights-empty").await;
    gallery.look("empty").await;
    service.simulate(60, 7);
    browser.open("/insights").await;
    browser.says("stat-opened", "60").await;
    gallery.look("full").await;
    browser
        .open("/insights?from=2001-01-01&to=2001-01-02")
        .await;
    browser.says("stat-opened", "0").await;
    gallery.look("a period without events").await;
    browser.hold_up("*/api/insights/*").await;
    browser.open("/insights").await;
    browser.sees("waiting").await;
    gallery.look("on their way").await;
    browser.let_go().await;
    browser.says("stat-opened", "60").await;
    browser.cut_off(&["*/api/insights/*"]).await;
    browser.open("/insights").await;
    browser.sees("insights-failed").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser.misses("insights-failed").await;
    // This page requests nothing while the service is away. Sessions end with the service.
    browser.open("/docs").await;
    service.kill();
    service.start_again_after(1);
    browser.open("/insights").await;
    browser.enter_token().await;
    let funnel = browser
        .ask("GET", "/api/insights/funnel", Value::Null)
        .await;
    let idle = &funnel["idle"];
    assert_ne!(*idle, 0, "some of sixty shoppers leave a cart behind");
    browser.says("stat-idle", &idle.to_string()).await;
    browser
        .mentions("figure-abandoned", &format!("{idle} carts"))
        .await;
    gallery.look("abandoned carts").await;
}
