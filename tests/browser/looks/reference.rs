//! Pages that explain: the API, each problem, and the one for an address that leads nowhere.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;

const PAGE: &str = "the reference";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn reference_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn reference_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/docs").await;
    // Each kind of part.
    browser
        .script::<()>(
            "for (const id of ['schema-Cart', 'problem-no-longer-offered'])
                 document.getElementById(id).open = true",
        )
        .await;
    gallery.look("docs").await;
    browser.open("/problems").await;
    gallery.look("problems").await;
    let problems: Vec<String> = browser
        .script("return [...document.querySelectorAll('dt a')].map((it) => it.pathname)")
        .await;
    assert!(problems.len() > 30, "{problems:?}");
    // One template with many texts: they differ in where a line breaks, most on a small screen.
    if gallery.screens == SMALL {
        for problem in problems {
            browser.open(&problem).await;
            gallery.glance(&problem).await;
        }
    }
    browser.open("/problems/quantity-limit").await;
    gallery.look("a problem").await;
    browser.open("/history/nonsense").await;
    browser.sees("nowhere").await;
    gallery.look("nowhere").await;
    browser.expect_complaint("status of 404");
}
