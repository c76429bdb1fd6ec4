//! Everything without a mouse: the focus can be seen, comes back, and is never lost.

use crate::browser::Browser;
use crate::stage::drive;
use crate::webdriver::key;
use serde_json::json;

/// More stops than any page has before what a test looks for.
const STOPS: usize = 120;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn purchase_works_by_keyboard_alone() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.press(key::TAB).await;
        browser
            .until("document.activeElement.className === 'skip' && seen(document.activeElement)")
            .await;
        browser.press(key::ENTER).await;
        browser.until("document.activeElement.id === 'main'").await;
        browser.tab_to("add-teapot").await;
        browser.press(key::ENTER).await;
        browser.says("cart-count", "1").await;
        browser.focus_is_on("add-teapot").await;
        browser.tab_back_to("cart-button").await;
        browser.press(key::ENTER).await;
        browser
            .until("document.activeElement.id === 'drawer-title'")
            .await;
        browser.says("total", "€19.99").await;
        browser.tab_to("more-teapot").await;
        browser.press(key::SPACE).await;
        browser.hears("Teapot, quantity 2, total 39.98 euro").await;
        browser.focus_is_on("more-teapot").await;
        browser.tab_to("promotion-code").await;
        browser.press("TEA10").await;
        browser.press(key::ENTER).await;
        browser.hears("10% off, total 35.98 euro").await;
        // The form is gone; the focus is on its replacement.
        browser.focus_is_on("promotion-remove").await;
        browser.tab_to("checkout").await;
        browser.press(key::ENTER).await;
        browser.tab_to("place-order").await;
        browser.press(key::ENTER).await;
        let order = browser.text("order-number").await;
        browser
            .hears(&format!("Ordered, total 35.98 euro. Order number {order}"))
            .await;
        browser
            .until("document.activeElement.id === 'drawer-title'")
            .await;
        browser.press(key::ESCAPE).await;
        browser.misses("drawer").await;
        browser.focus_is_on("cart-button").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn focus_stays_in_drawer_when_a_line_is_removed() {
    drive(async |browser, _| {
        browser.open("/").await;
        for (count, product) in [("1", "teapot"), ("2", "sencha"), ("3", "notebook")] {
            browser.click(&format!("add-{product}")).await;
            browser.says("cart-count", count).await;
        }
        browser.click("cart-button").await;
        browser.says("total", "€46.29").await;
        for _ in 0..40 {
            browser.press(key::TAB).await;
            // A modal dialog may pass focus to the browser's controls, never to the page behind.
            browser
                .until(
                    "document.activeElement === document.body
                     || at('drawer').contains(document.activeElement)",
                )
                .await;
        }
        for (gone, then) in [("sencha", "notebook"), ("notebook", "teapot")] {
            browser.tab_to(&format!("remove-{gone}")).await;
            browser.press(key::ENTER).await;
            browser.misses(&format!("line-{gone}")).await;
            browser.focus_is_on(&format!("remove-{then}")).await;
        }
        browser.press(key::ENTER).await;
        browser.sees("cart-empty").await;
        browser
            .until("document.activeElement.id === 'drawer-title'")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn own_history_is_reached_by_keyboard() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.open("/history").await;
        browser.mentions("own-carts", "6 events").await;
        browser.tab_to("3 × Teapot, 1 × Sencha, 100 g").await;
        browser.press(key::ENTER).await;
        browser.says("cart-title", "Cart at version 6").await;
        assert!(
            browser
                .address()
                .await
                .ends_with(&format!("/history/{cart}"))
        );
    })
    .await;
}

impl Browser {
    /// Presses the tab key until `id` has the focus, which shows wherever it stops.
    pub async fn tab_to(&self, id: &str) {
        self.tab_until(id, async || self.press(key::TAB).await)
            .await;
    }

    /// The same with the shift key.
    pub async fn tab_back_to(&self, id: &str) {
        self.tab_until(id, async || self.press_while(key::SHIFT, key::TAB).await)
            .await;
    }

    async fn tab_until(&self, id: &str, step: impl AsyncFn()) {
        let mut stops = Vec::new();
        for _ in 0..STOPS {
            step().await;
            let (stop, shows): (String, bool) = self
                .script(
                    "const it = document.activeElement;
                     // A link that is as large as its card is outlined with it.
                     const outlined = [null, '::after'].some((part) => {
                         const { outlineStyle, outlineWidth } = getComputedStyle(it, part);
                         return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
                     });
                     const { left, top, width, height } = it.getBoundingClientRect();
                     const above = document.elementFromPoint(left + width / 2, top + height / 2);
                     const shows = outlined && (it.contains(above) || above?.contains(it));
                     const name = it.dataset.testid || it.id || it.textContent;
                     return [name, it === document.body || shows]",
                )
                .await;
            assert!(shows, "the focus on {stop} cannot be seen");
            if stop == id {
                return;
            }
            stops.push(stop);
        }
        panic!("{id} is not reached by tab: {stops:?}");
    }

    /// Waits until these words are read to those who do not see.
    pub async fn hears(&self, words: &str) {
        let region = "(document.querySelector('dialog[open] [data-live]')
                       ?? document.querySelector('body > [data-live]'))";
        self.until(&format!("{region}.textContent.trim() === {}", json!(words)))
            .await;
    }
}
