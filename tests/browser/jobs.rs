//! Jobs, the configuration and errors in the background on the operations page.

use crate::service::Service;
use crate::stage::drive_with;

/// What nobody may read.
const MARKER: &str = "c0ffee0ddba11";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_page_shows_settings_and_no_secret() {
    let token = format!("operator-{MARKER}");
    let service = Service::start_with(&[
        ("security.operator_token", &token),
        ("orders.warehouse_token", &format!("warehouse-{MARKER}")),
        (
            "log.postgres.url",
            &format!("postgres://me:{MARKER}@db:5432/shop"),
        ),
        ("log.jetstream.password", MARKER),
        ("traces.endpoint", &format!("http://127.0.0.1:9/{MARKER}")),
    ]);
    drive_with(service, async |browser, _| {
        browser.open("/operations").await;
        browser.write("operator-token", &token).await;
        browser.press(crate::webdriver::key::ENTER).await;
        browser.sees("operations").await;
        let open = "at('configuration-details').open = true";
        browser.script::<()>(open).await;
        browser
            .mentions("setting-security.operator_token", "default: not set")
            .await;
        browser
            .mentions(
                "setting-security.operator_token",
                "CARTLOG_SECURITY__OPERATOR_TOKEN",
            )
            .await;
        browser
            .mentions("setting-log.postgres.url", "postgres://db:5432")
            .await;
        browser
            .write("configuration-filter", "warehouse_token")
            .await;
        browser.sees("setting-orders.warehouse_token").await;
        browser.misses("setting-log.engine").await;
        browser
            .replace("configuration-filter", "no such setting")
            .await;
        browser
            .says("configuration-words", "No setting matches.")
            .await;
        browser.replace("configuration-filter", "log.").await;
        browser.sees("setting-log.engine").await;
        browser.click("configuration-changed").await;
        browser.misses("setting-log.engine").await;
        // Whatever the page has, shown or not, but what was typed.
        let page: String = browser
            .script("return document.documentElement.outerHTML")
            .await;
        assert!(!page.contains(MARKER), "{page}");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn running_rebuild_is_cancelled_on_the_operations_page() {
    drive_with(Service::start(), async |browser, service| {
        service.simulate(300, 4);
        browser.open("/operations").await;
        browser.misses("rebuild-cancel").await;
        let history = "at('rebuild-history').open = true";
        browser.script::<()>(history).await;
        browser.says("rebuild-history-words", "None yet.").await;
        browser.click("rebuild-start").await;
        browser.mentions("rebuild-words", "Completed").await;
        browser.mentions("rebuild-runs", "Done").await;
        // The next one waits until no reader has the old files open.
        browser.click("rebuild-start").await;
        browser.sees("rebuild-cancel").await;
        browser.click("rebuild-cancel").await;
        browser
            .says("rebuild-words", "Cancelled; the current views stay in use.")
            .await;
        browser.misses("rebuild-cancel").await;
        browser.mentions("rebuild-runs", "Cancelled").await;
        browser.focus_is_on("rebuild-start").await;
        browser.click("rebuild-start").await;
        browser.mentions("rebuild-words", "Completed").await;
    })
    .await;
}
