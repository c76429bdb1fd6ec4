//! The pages about all carts: the journal, the insights, and the operations.

use crate::browser::Browser;
use crate::stage::drive;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn the_journal_is_live_is_filtered_and_reaches_the_first_event() {
    drive(async |browser, service| {
        service.simulate(30, 5);
        browser.open("/history").await;
        browser.until(&format!("{ENTRIES}.length === 50")).await;
        let newest: u64 = browser.script(&format!("return {NEWEST}")).await;
        browser.add_elsewhere("teapot").await;
        browser.until(&format!("{NEWEST} === {}", newest + 2)).await;
        browser.click("journal-pause").await;
        browser.add_elsewhere("sencha").await;
        browser.mentions("journal-new", "2 new events").await;
        let shown: u64 = browser.script(&format!("return {NEWEST}")).await;
        assert_eq!(shown, newest + 2, "nothing moves while it is paused");
        browser.click("journal-new").await;
        browser.until(&format!("{NEWEST} === {}", newest + 4)).await;
        browser.click("type-CartOpened").await;
        browser
            .until(&format!(
                "{ENTRIES}.every((it) => it.innerText.includes('Opened'))"
            ))
            .await;
        assert_eq!(browser.address().await, "/history?type=CartOpened");
        browser.reload().await;
        browser
            .until("at('type-CartOpened').ariaPressed === 'true'")
            .await;
        browser.click("type-all").await;
        browser.until("location.search === ''").await;
        // Each of a row's tags asks for what else has it.
        let newest = newest + 4;
        for (tag, parameter) in [("sku", "sku=sencha"), ("command", "command=open_cart")] {
            browser.click(&format!("only-{tag}-{newest}")).await;
            browser
                .until(&format!("location.search.includes('{parameter}')"))
                .await;
            browser
                .until(&format!(
                    "{ENTRIES}.length > 0 && {ENTRIES}.every((it) => it.innerText.includes('{}'))",
                    &parameter[tag.len() + 1..]
                ))
                .await;
        }
        browser.click(&format!("only-cart-{newest}")).await;
        browser.sees("journal-open-cart").await;
        browser.until(&format!("{ENTRIES}.length === 1")).await;
        browser.open("/history").await;
        browser.until(&format!("{ENTRIES}.length === 50")).await;
        browser.click("journal-first").await;
        browser.sees("journal-1").await;
        browser.until(&format!("{NEWEST} === 1")).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn the_insights_count_what_the_shoppers_did() {
    drive(async |browser, service| {
        browser.open("/insights").await;
        browser.sees("insights-empty").await;
        service.simulate(60, 7);
        browser.open("/insights").await;
        browser.sees("insights").await;
        browser.says("stat-opened", "60").await;
        let funnel = browser
            .ask("GET", "/api/insights/funnel", Value::Null)
            .await;
        assert_eq!(funnel["opened"], 60);
        let orders = funnel["checked_out"].to_string();
        assert_ne!(orders, "0", "some of sixty shoppers buy");
        browser.says("stat-orders", &orders).await;
        for (figure, time) in [
            ("funnel", "Opened: All time"),
            ("activity", "All time"),
            ("products", "Since the first event"),
            ("abandoned", "As of now"),
        ] {
            browser.mentions(&format!("figure-{figure}"), time).await;
        }
        browser.click("last-week").await;
        browser.says("span", "Last week").await;
        browser.mentions("figure-funnel", "Opened: Last week").await;
        browser
            .mentions("figure-products", "Since the first event")
            .await;
        browser
            .open("/insights?from=2001-01-01&to=2001-01-02")
            .await;
        browser.says("span", "1 Jan 2001 to 2 Jan 2001").await;
        browser.says("stat-opened", "0").await;
        browser
            .mentions("figure-products", "Since the first event")
            .await;
        browser.open("/insights").await;
        browser.says("stat-opened", "60").await;
        for figure in ["funnel", "activity", "products", "pairs"] {
            browser.sees(&format!("figure-{figure}")).await;
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn a_rebuild_can_be_watched() {
    drive(async |browser, service| {
        service.simulate(60, 9);
        browser.open("/operations").await;
        browser
            .mentions("light-views", "Every view has every event")
            .await;
        let views = browser.ask("GET", "/api/views", Value::Null).await;
        let head = views["head"].as_u64().expect("the log's head");
        assert!(head > 60, "{head}");
        browser.click("rebuild-start").await;
        browser.mentions("rebuild-words", "Swapped in").await;
        browser.says("rebuild-rows-that-differ", "0").await;
        let body = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
        browser.ask("POST", "/api/carts", body).await;
        browser
            .until(&format!(
                "words('head').replace(/\\D/g, '') === '{}'",
                head + 2
            ))
            .await;
    })
    .await;
}

/// What the journal shows, and the position of what stands first in it.
pub const ENTRIES: &str = "[...document.querySelectorAll('.entry')]";
const NEWEST: &str = "Number(document.querySelector('.entry').dataset.testid.split('-')[1])";

impl Browser {
    /// Somebody else opens a cart with one product: two events.
    pub async fn add_elsewhere(&self, sku: &str) {
        let body = json!({ "items": [{ "sku": sku, "quantity": 1 }] });
        self.ask("POST", "/api/carts", body).await;
    }
}
