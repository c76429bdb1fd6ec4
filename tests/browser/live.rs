//! Live updates: one stream for all tabs, and pages that recover by themselves.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::drive;
use serde_json::{Value, json};

/// A browser opens six connections to a host over HTTP/1.1; a stream for each tab took them all.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn eight_tabs_share_one_stream_and_outlive_its_leader() {
    drive(async |browser, _| {
        let leader = browser.tab().await;
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        let cart = browser.current_cart().await;
        browser.until("localStorage['cartlog.cart']").await;
        let mut tabs = Vec::new();
        for _ in 0..7 {
            tabs.push(browser.open_tab("/").await);
            browser.says("cart-count", "1").await;
        }
        assert_eq!(browser.streams().await, 1);
        let items = format!("/api/carts/{cart}/items");
        for (count, close) in [("2", false), ("3", true)] {
            if close {
                browser.turn_to(&leader).await;
                browser.close_tab().await;
                browser.turn_to(&tabs[0]).await;
            }
            browser
                .ask("POST", &items, json!({ "sku": "teapot", "quantity": 1 }))
                .await;
            for tab in &tabs {
                browser.turn_to(tab).await;
                browser.says("cart-count", count).await;
            }
            assert_eq!(browser.streams().await, 1);
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn tab_without_a_stream_says_so_until_one_is_free() {
    drive(async |browser, _| {
        browser.open("/").await;
        let mut carts = Vec::new();
        for _ in 0..5 {
            let cart = browser.ask("POST", "/api/carts", json!({})).await;
            carts.push(cart["id"].as_str().expect("an id").to_owned());
        }
        let all = json!(carts).to_string();
        browser
            .script::<()>(&format!("localStorage['cartlog.carts'] = '{all}'"))
            .await;
        let mut tabs = Vec::new();
        for cart in &carts {
            tabs.push(browser.open_tab(&format!("/history/{cart}")).await);
            browser.says("cart-title", "Cart at version 1").await;
            browser.until("navigator.locks").await;
        }
        browser
            .mentions("offline", "Live updates are off: too many other tabs")
            .await;
        assert_eq!(browser.streams().await, 4);
        // Requests still pass.
        let items = format!("/api/carts/{}/items", carts[4]);
        let teapot = json!({ "sku": "teapot", "quantity": 2 });
        browser.ask("POST", &items, teapot).await;
        browser.turn_to(&tabs[1]).await;
        browser.close_tab().await;
        browser.turn_to(&tabs[4]).await;
        browser.misses("offline").await;
        browser.says("cart-title", "Cart at version 2").await;
        assert_eq!(browser.streams().await, 4);
    })
    .await;
}

/// A log that is restored from a backup has fewer events, or other ones, than the pages have seen.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn pages_start_over_when_the_log_was_restored() {
    drive(async |browser, service| {
        let shop = browser.tab().await;
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        let cart = browser.current_cart().await;
        service.kill();
        service.keep_log();
        service.start_again();
        browser.misses("offline").await;
        browser.click("add-sencha").await;
        browser.says("cart-count", "2").await;
        let history = browser.open_tab(&format!("/history/{cart}")).await;
        browser.says("cart-title", "Cart at version 3").await;
        let journal = browser.open_tab("/history").await;
        browser.sees("journal-3").await;
        service.kill();
        service.restore_log();
        service.start_again();
        browser.misses("journal-3").await;
        browser.sees("journal-2").await;
        browser.turn_to(&history).await;
        browser.says("cart-title", "Cart at version 2").await;
        // The service does not sign a log that lost events, and the history page says so.
        browser.mentions("indicator-seen", "can’t prove").await;
        browser.expect_complaint("status of 503");
        browser.turn_to(&shop).await;
        browser.says("cart-count", "1").await;
        browser.misses("offline").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "2").await;
        browser.turn_to(&history).await;
        browser.says("cart-title", "Cart at version 3").await;
        browser.turn_to(&journal).await;
        browser.sees("journal-3").await;
        browser.expect_complaint("ERR_");
        browser.expect_complaint("status of 4");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn journal_filtered_while_the_service_is_away_recovers() {
    drive(async |browser, service| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.open("/history").await;
        browser.sees("journal-1").await;
        service.kill();
        browser.click("type-ItemAdded").await;
        browser.sees("journal-failed").await;
        browser.misses("journal-1").await;
        service.start_again();
        browser.misses("journal-failed").await;
        browser.sees("journal-2").await;
        browser.misses("journal-1").await;
        browser.misses("offline").await;
        let items = json!([{ "sku": "sencha", "quantity": 9 }]);
        browser
            .ask("POST", "/api/carts", json!({ "items": items }))
            .await;
        browser.mentions("journal-list", "9 × Sencha").await;
        browser.expect_complaint("ERR_");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn pages_opened_while_requests_fail_load_later() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        let history = format!("/history/{cart}");
        for (page, failed, loaded) in [
            ("/", "catalogue-failed", "product-teapot"),
            ("/history", "history-failed", "journal-1"),
            (&history, "history-failed", "sentence"),
            ("/insights", "insights-failed", "span"),
            ("/operations", "operations-failed", "head"),
        ] {
            browser.cut_off(&["*/api/*"]).await;
            browser.open(page).await;
            browser.sees(failed).await;
            browser.cut_off(&[]).await;
            browser.sees(loaded).await;
            browser.misses(failed).await;
        }
        // Figures of another period do not stay below the chosen one.
        browser.open("/insights").await;
        browser.says("span", "All time").await;
        browser.cut_off(&["*/api/*"]).await;
        browser.click("last-hour").await;
        browser.sees("insights-failed").await;
        browser.misses("span").await;
        browser.cut_off(&[]).await;
        browser.says("span", "Last hour").await;
        browser.misses("insights-failed").await;
    })
    .await;
}

/// Notices cover neither what counts on a page nor a control.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn notices_cover_neither_totals_nor_timeline() {
    drive(async |browser, service| {
        browser.open("/").await;
        for sku in ["teapot", "sencha", "matcha-whisk", "tea-bowl", "moka-pot"] {
            browser.click(&format!("add-{sku}")).await;
        }
        browser.says("cart-count", "5").await;
        let cart = browser.current_cart().await;
        let shop = browser.tab().await;
        let history = browser.open_tab(&format!("/history/{cart}")).await;
        browser.says("cart-title", "Cart at version 6").await;
        service.kill();
        let windows = [(1280, 800), (390, 844), (360, 640), (667, 375)];
        browser.mentions("offline", "Connection lost").await;
        for (width, height) in windows {
            browser.resize(width, height).await;
            browser
                .covers_none_of(&["play", "slider", "sentence", "number-total"])
                .await;
        }
        browser.turn_to(&shop).await;
        browser.mentions("offline", "You’re offline").await;
        for (width, height) in windows {
            browser.resize(width, height).await;
            browser.rests().await;
            let above = "scrollTo(0, 0); const bottom = (it) => it.getBoundingClientRect().bottom;
                 return document.querySelector('h1').getBoundingClientRect().top -
                     bottom(at('offline'))";
            let above: f64 = browser.script(above).await;
            assert!(above >= 0.0, "{width} pixels: {above} below the strip");
        }
        browser.click("cart-button").await;
        for (width, height) in windows {
            browser.resize(width, height).await;
            let seen = ["total", "checkout", "drawer-close", "undo", "more-moka-pot"];
            browser.covers_none_of(&seen).await;
        }
        browser.turn_to(&history).await;
        browser.expect_complaint("ERR_");
    })
    .await;
}

impl Browser {
    /// Asserts that no notice lies over these elements, each scrolled into view.
    async fn covers_none_of(&self, ids: &[&str]) {
        self.rests().await;
        let covered: Vec<String> = self
            .script(&format!(
                "return {}.filter((id) => {{
                     at(id).scrollIntoView({{ block: 'nearest' }});
                     const {{ x, y, width, height }} = at(id).getBoundingClientRect();
                     const hit = document.elementFromPoint(x + width / 2, y + height / 2);
                     return !hit || hit.closest('.notices');
                 }})",
                json!(ids)
            ))
            .await;
        assert!(covered.is_empty(), "{covered:?}");
    }

    /// How many streams the browser has.
    async fn streams(&self) -> usize {
        let held: Vec<String> = self
            .asynchronous(
                "const { held } = await navigator.locks.query();
                 return held.map(({ name }) => name);",
                Value::Null,
            )
            .await;
        let streams = held
            .iter()
            .filter(|name| name.starts_with("cartlog stream "));
        streams.count()
    }
}

impl Service {
    /// Keeps a copy of the log's files, which must not be in use.
    pub fn keep_log(&self) {
        self.copy_log("data", "kept");
    }

    /// Puts the copy back in the place of the log's files.
    pub fn restore_log(&self) {
        for file in LOG_FILES {
            let _ = std::fs::remove_file(self.file("data").join(file));
        }
        self.copy_log("kept", "data");
    }

    fn copy_log(&self, from: &str, to: &str) {
        std::fs::create_dir_all(self.file(to)).expect("a folder");
        for file in LOG_FILES {
            let from = self.file(from).join(file);
            if from.exists() {
                std::fs::copy(from, self.file(to).join(file)).expect("a file can be copied");
            }
        }
    }
}

/// The log and its companions.
const LOG_FILES: [&str; 3] = ["events.db", "events.db-wal", "events.db-shm"];
