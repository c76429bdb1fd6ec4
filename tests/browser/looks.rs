//! Every page in every state: for those who hear it, for those who like it dark, and on a small
//! screen as on a large one.

use crate::browser::Browser;
use crate::stage::drive;
use crate::webdriver::key;
use serde_json::{Value, json};

/// A wide window, a telephone, and the narrowest page of WCAG 2.2 (1.4.10), in either scheme. A
/// window of 1280 pixels zoomed to 200 % is 640 wide.
const LOOKS: [(&str, u32); 5] = [
    ("light", 1280),
    ("dark", 1280),
    ("light", 640),
    ("dark", 390),
    ("light", 320),
];

/// Where `tests/all` puts axe-core.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/axe/node_modules/axe-core/axe.min.js"
);

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn the_shop_looks_good() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.looks_good("the shop").await;
        browser.write("search", "gold").await;
        browser.sees("nothing-found").await;
        browser.looks_good("nothing found").await;
        let blocked = json!({ "urls": ["*/api/products*"] });
        browser.devtools("Network.enable", json!({})).await;
        browser.devtools("Network.setBlockedURLs", blocked).await;
        browser.open("/").await;
        browser.sees("catalogue-failed").await;
        browser.looks_good("no products").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn the_cart_looks_good() {
    drive(async |browser, service| {
        browser.open("/").await;
        browser.click("cart-button").await;
        browser.sees("cart-empty").await;
        browser.looks_good("an empty cart").await;
        browser.click("drawer-close").await;
        for product in [
            "teapot",
            "tea-bowl",
            "tea-bowl",
            "tea-bowl",
            "espresso-cups",
        ] {
            browser.click(&format!("add-{product}")).await;
        }
        browser.sees("product-refusal-tea-bowl").await;
        browser.says("cart-count", "4").await;
        browser.looks_good("the shop with a refusal").await;
        browser.click("cart-button").await;
        browser.says("total", "€119.99").await;
        browser.click("more-tea-bowl").await;
        browser.sees("line-refusal-tea-bowl").await;
        browser.write("promotion-code", "freebie").await;
        browser.click("promotion-apply").await;
        browser.sees("promotion-refusal").await;
        browser.looks_good("a full cart with refusals").await;
        browser.click("promotion-code").await;
        browser.press_while(key::CONTROL, "a").await;
        browser.press("TEA10").await;
        browser.click("promotion-apply").await;
        browser.says("promotion", "TEA10: 10 % off").await;
        browser.looks_good("a cart with a promotion").await;
        service.kill();
        browser.click("more-teapot").await;
        browser.sees("offline").await;
        browser.looks_good("a cart out of reach").await;
        service.start_again();
        browser.says("total", "€125.98").await;
        browser.click("checkout").await;
        browser.sees("order").await;
        browser.looks_good("an order").await;
        browser.expect_complaint("status of 422");
        browser.expect_complaint("ERR_");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn the_history_looks_good() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.sees("light-fold").await;
        browser.mentions("light-lag", "The view has").await;
        browser.looks_good("a history").await;
        browser.click("event-2").await;
        browser.press("p").await;
        browser.click("event-5").await;
        browser.click("number-total").await;
        browser.sees("ledger").await;
        browser.looks_good("a number explained").await;
        browser.press("x").await;
        browser.sees("what-if-banner").await;
        browser.looks_good("a what-if").await;
        browser
            .open("/history/0198f0f0-0000-7000-8000-000000000000")
            .await;
        browser.sees("history-failed").await;
        browser.looks_good("no such history").await;
        browser.expect_complaint("status of 404");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn who_wants_no_motion_gets_none() {
    drive(async |browser, _| {
        browser.prefer(&[("prefers-reduced-motion", "reduce")]).await;
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("cart-button").await;
        browser.sees("drawer").await;
        let moving: Vec<String> = browser
            .script("return document.getAnimations().filter((it) => it.effect.getComputedTiming().duration > 1).map((it) => it.effect.target.outerHTML.slice(0, 80))")
            .await;
        assert!(moving.is_empty(), "{moving:?}");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn the_scheme_is_the_systems_until_the_visitor_chooses_one() {
    drive(async |browser, _| {
        let dark = "matchMedia('(prefers-color-scheme: dark)').matches && at('theme-switch').ariaPressed === 'true'";
        let paper = "return getComputedStyle(document.body).backgroundColor";
        browser.prefer(&[("prefers-color-scheme", "light")]).await;
        browser.open("/").await;
        let light_paper: String = browser.script(paper).await;
        browser.prefer(&[("prefers-color-scheme", "dark")]).await;
        browser.until(dark).await;
        let dark_paper: String = browser.script(paper).await;
        assert_ne!(light_paper, dark_paper);
        browser.click("theme-switch").await;
        browser.until("at('theme-switch').ariaPressed === 'false'").await;
        browser.open("/history").await;
        let chosen: String = browser.script(paper).await;
        assert_eq!(chosen, light_paper, "the choice holds on every page");
    })
    .await;
}

impl Browser {
    /// The page as it is now breaks no rule of axe-core and fits the screen, in all [`LOOKS`].
    pub async fn looks_good(&self, state: &str) {
        let axe = std::fs::read_to_string(AXE)
            .unwrap_or_else(|error| panic!("{AXE}: {error}; tests/all installs it"));
        self.script::<()>(&format!("if (!window.axe) {{ {axe} }}"))
            .await;
        for (scheme, width) in LOOKS {
            self.prefer(&[("prefers-color-scheme", scheme)]).await;
            self.resize(width, 900).await;
            self.rests().await;
            // As tall as it is: what is fixed to an edge hides nothing then.
            let height = self
                .script("return document.documentElement.scrollHeight")
                .await;
            self.resize(width, height).await;
            self.rests().await;
            let violations: Vec<Value> = self
                .asynchronous(
                    "const { violations } = await axe.run(document, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } });
                     return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((it) => `${it.target} ${it.any[0]?.message ?? ''}`) }));",
                    json!({}),
                )
                .await;
            assert!(
                violations.is_empty(),
                "{state}, {scheme}, {width} pixels: {violations:#?}"
            );
            let (wide, beyond): (u32, Vec<String>) = self
                .script(
                    "const { clientWidth, scrollWidth } = document.documentElement;
                     const beyond = [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > clientWidth + 1);
                     return [scrollWidth, scrollWidth > clientWidth ? beyond.slice(0, 5).map((it) => it.outerHTML.slice(0, 120)) : []]",
                )
                .await;
            assert!(
                wide <= width,
                "{state}, {scheme}: {wide} pixels wide on {width}: {beyond:#?}"
            );
        }
        self.resize(1280, 900).await;
    }
}
