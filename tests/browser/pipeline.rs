//! What happens to a command, shown beside the shop: its stages, its refusals, and who can use it.

use crate::browser::Browser;
use crate::stage::drive;
use serde_json::{Value, json};

/// The figure at the start of a stage's time, in milliseconds.
async fn milliseconds(browser: &Browser, stage: &str) -> f64 {
    let id = format!("stage-{stage}-time");
    browser
        .until(&format!("/\\d ms/.test(words('{id}'))"))
        .await;
    let text = browser.text(&id).await;
    let figure = text.split(' ').next().unwrap_or_default();
    figure.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// Each stage says what the service did and how long that took, and opens to what it was.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn stages_show_request_rule_event_and_row() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.misses("pipeline").await;
        browser.click("pipeline-toggle").await;
        browser.sees("pipeline").await;
        browser.click("add-teapot").await;
        browser
            .says("stage-command-what", "open cart, 1 × teapot")
            .await;
        browser.says("stage-view-what", "row at version 2").await;
        browser.click("add-teapot").await;
        browser
            .says("stage-command-what", "add item, 1 × teapot")
            .await;
        browser
            .says("stage-decide-what", "accepted by the rules")
            .await;
        browser
            .says("stage-event-what", "ItemAdded at position 3")
            .await;
        browser.says("stage-view-what", "row at version 3").await;
        let whole = milliseconds(browser, "command").await;
        let decide = milliseconds(browser, "decide").await;
        let append = milliseconds(browser, "event").await;
        let view = milliseconds(browser, "view").await;
        assert!(
            decide + append <= whole,
            "{decide} + {append} ms of {whole} ms"
        );
        assert!(view > 0.0 && append > 0.0, "{append} ms, {view} ms");

        browser.click("stage-command").await;
        browser
            .mentions("pipeline-detail", "POST /api/carts/")
            .await;
        browser
            .mentions("pipeline-detail", "Idempotency-Key: ")
            .await;
        browser.click("stage-event").await;
        browser
            .mentions("pipeline-detail", "Added 1 × Teapot")
            .await;
        browser
            .mentions("pipeline-detail", "\"type\": \"ItemAdded\"")
            .await;
        browser.click("stage-view").await;
        browser.mentions("pipeline-detail", "\"version\": 3").await;
        // The next command waits in the list while a stage is read.
        browser.click("add-sencha").await;
        browser.says("run-3", "✓ add item, 1 × sencha").await;
        browser.mentions("pipeline-detail", "\"version\": 3").await;
        browser.click("run-3").await;
        browser.mentions("pipeline-detail", "\"version\": 4").await;
        browser.click("stage-view").await;
        browser.misses("pipeline-detail").await;
        // It stays open on the next page, until it is closed.
        browser.reload().await;
        browser.sees("pipeline").await;
        browser.click("pipeline-close").await;
        browser.misses("pipeline").await;
        browser.focus_is_on("pipeline-toggle").await;
        browser.reload().await;
        browser.says("found", "32 products").await;
        browser.misses("pipeline").await;
    })
    .await;
}

/// A refused command names its rule in the panel, and stands between the events of the history.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn refused_command_is_shown_with_its_rule() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.click("pipeline-toggle").await;
        for _ in 0..2 {
            browser.click("add-tea-bowl").await;
        }
        browser.until("at('total').textContent === '€78.00'").await;
        browser.click("add-tea-bowl").await;
        browser
            .mentions("stage-decide-what", "refused: Quantity limit")
            .await;
        browser.says("stage-event-what", "no event").await;
        let decided = milliseconds(browser, "decide").await;
        assert!(decided > 0.0, "{decided} ms");
        browser.click("stage-decide").await;
        browser
            .mentions("pipeline-detail", "this node alone keeps it")
            .await;
        browser
            .mentions("pipeline-detail", "Limit 2 of “Matcha Bowl” per order")
            .await;
        let rule: String = browser
            .script("return at('pipeline-detail').querySelector('a').pathname")
            .await;
        assert_eq!(rule, "/problems/quantity-limit");

        let cart = browser.current_cart().await;
        let path = format!("/api/carts/{cart}/items");
        browser
            .ask("POST", &path, json!({ "sku": "sencha", "quantity": 1 }))
            .await;
        let before: Value = browser
            .ask("GET", &format!("/api/carts/{cart}"), Value::Null)
            .await;
        let version = before["version"].as_u64().expect("a version") - 1;
        browser.open(&format!("/history/{cart}?v={version}")).await;
        browser
            .mentions("then-refused", "Then add item was refused: Limit 2")
            .await;
        browser.mentions("refused", "Not part of the log").await;
        browser
            .mentions(
                "refused-list",
                &format!("#{version} and before {}", version + 1),
            )
            .await;
        browser
            .until(&format!("at('event-{version}').matches('.refused')"))
            .await;
        browser.click(&format!("event-{}", version + 1)).await;
        browser.misses("then-refused").await;
        browser.expect_complaint("status of 422");
    })
    .await;
}

/// With the drawer open everything else is inert: the panel moves into it, and back.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn panel_can_be_used_beside_the_open_cart() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.click("pipeline-toggle").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        for width in [1280, 390] {
            browser.resize(width, 844).await;
            browser.click("cart-button").await;
            browser.until("at('drawer').contains(at('pipeline'))").await;
            browser.click("more-teapot").await;
            browser
                .says(
                    "stage-command-what",
                    &format!(
                        "set quantity, {} × teapot",
                        if width == 1280 { 2 } else { 3 }
                    ),
                )
                .await;
            browser.click("stage-event").await;
            browser
                .mentions("pipeline-detail", "Appended at position")
                .await;
            browser.click("stage-event").await;
            // Neither covers what the cart needs.
            let is_free: bool = browser
                .script(
                    "const box = (id) => at(id).getBoundingClientRect();
                     at('checkout').scrollIntoView({ block: 'nearest' });
                     const { left, right, top, bottom } = box('checkout');
                     const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
                     return at('checkout').contains(hit)",
                )
                .await;
            assert!(is_free, "{width} pixels: the checkout is covered");
            browser.click("drawer-close").await;
            browser
                .until("!at('drawer').contains(at('pipeline'))")
                .await;
        }
    })
    .await;
}

/// With reduced motion, and on a narrow screen, the stages are a list, and nothing moves.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn stages_are_a_list_with_reduced_motion() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.click("pipeline-toggle").await;
        browser.click("add-teapot").await;
        browser.says("stage-view-what", "row at version 2").await;
        let columns =
            "getComputedStyle(at('pipeline-stages')).gridTemplateColumns.split(' ').length";
        for (motion, width, expected) in [
            ("no-preference", 1280, 4),
            ("no-preference", 390, 1),
            ("reduce", 1280, 1),
        ] {
            browser.resize(width, 800).await;
            browser.prefer(&[("prefers-reduced-motion", motion)]).await;
            browser.until(&format!("{columns} === {expected}")).await;
        }
        browser.click("add-teapot").await;
        browser.says("stage-view-what", "row at version 3").await;
        let animations: usize = browser
            .script("return at('pipeline').getAnimations({ subtree: true }).length")
            .await;
        assert_eq!(animations, 0);
    })
    .await;
}
