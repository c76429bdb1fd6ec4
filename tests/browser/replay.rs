//! A history played, pinned by the mouse, and taken along as text.

use crate::browser::Browser;
use crate::stage::drive;
use crate::webdriver::key;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn play_steps_from_first_to_last_event() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.says("cart-title", "Cart at version 6").await;
        browser
            .script::<()>(
                "window.titles = [];
                 const observer = new MutationObserver(() =>
                     titles.at(-1) === words('cart-title') || titles.push(words('cart-title')));
                 const all = { childList: true, characterData: true, subtree: true };
                 observer.observe(at('cart-title'), all);",
            )
            .await;
        browser.click("speed").await;
        browser.click("play").await;
        browser.until("titles.at(-1) === 'Cart at version 6'").await;
        browser.until("at('play').ariaPressed === 'false'").await;
        let titles: Vec<String> = browser.script("return titles").await;
        let each = (1..=6).map(|version| format!("Cart at version {version}"));
        assert_eq!(titles, each.collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn single_key_shortcuts_can_be_disabled() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.click_with_shift("event-3").await;
        browser.mentions("compared", "pinned version 3").await;
        browser.click("unpin").await;
        browser.mentions("compared", "previous event").await;
        browser.press("p").await;
        browser
            .mentions("compared", "pinned: select another event to compare")
            .await;
        browser.click("shortcut-keys").await;
        browser.press("x").await;
        browser.press(key::LEFT).await;
        browser.says("cart-title", "Cart at version 5").await;
        browser.misses("what-if-banner").await;
        browser.reload().await;
        browser.until("at('shortcut-keys').checked === false").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_is_copied_as_text() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.may_copy("granted").await;
        browser.click("event-4").await;
        browser
            .mentions("event-sentence", "Removed 1 × Teapot")
            .await;
        let stored = browser
            .ask(
                "GET",
                &format!("/api/carts/{cart}/events?limit=6"),
                Value::Null,
            )
            .await;
        browser.click("copy-json").await;
        browser.mentions("toast", "Copied as JSON").await;
        let copied: Value = serde_json::from_str(&browser.clipboard().await).expect("JSON");
        assert_eq!(copied, stored["items"][3]);
        browser.click("copy-cloudevent").await;
        browser
            .until("document.body.innerText.includes('Copied as CloudEvent')")
            .await;
        let copied: Value = serde_json::from_str(&browser.clipboard().await).expect("JSON");
        assert_eq!(copied["specversion"], "1.0");
        assert_eq!(copied["data"]["sku"], "teapot", "{copied}");
        browser.click("copy-given").await;
        browser
            .until("document.body.innerText.includes('Copied as given/when/then')")
            .await;
        let given = [
            "given CartOpened",
            "      ItemAdded teapot 2 × 19.99",
            "      ItemAdded teapot 2 × 19.99",
            "when  set_quantity teapot 3",
            "then  ItemRemoved teapot 1 × 19.99",
        ]
        .join("\n");
        assert_eq!(browser.clipboard().await, given);
        browser.click("copy-link").await;
        browser
            .until("document.body.innerText.includes('Link copied')")
            .await;
        let link = browser.clipboard().await;
        assert!(link.ends_with(&format!("/history/{cart}?v=4")), "{link}");
    })
    .await;
}

impl Browser {
    /// Whether the page may read and write the clipboard: `granted` or `denied`.
    pub async fn may_copy(&self, setting: &str) {
        for name in ["clipboard-write", "clipboard-read"] {
            let permission = json!({ "name": name });
            let set = json!({ "permission": permission, "setting": setting });
            self.devtools("Browser.setPermission", set).await;
        }
    }

    pub async fn clipboard(&self) -> String {
        self.asynchronous("return navigator.clipboard.readText()", json!({}))
            .await
    }
}
