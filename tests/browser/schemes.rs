//! What a visitor prefers: light or dark, and no motion.

use crate::stage::drive;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn reduced_motion_disables_animations() {
    drive(async |browser, _| {
        browser
            .prefer(&[("prefers-reduced-motion", "reduce")])
            .await;
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.click("cart-button").await;
        browser.sees("drawer").await;
        let moving: Vec<String> = browser
            .script(
                "const runs = (it) => it.effect.getComputedTiming().duration > 1;
                 const moving = document.getAnimations().filter(runs);
                 return moving.map((it) => it.effect.target.outerHTML.slice(0, 80))",
            )
            .await;
        assert!(moving.is_empty(), "{moving:?}");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn theme_follows_system_until_visitor_chooses() {
    drive(async |browser, _| {
        let dark = "matchMedia('(prefers-color-scheme: dark)').matches
                    && at('theme-switch').ariaPressed === 'true'";
        let paper = "return getComputedStyle(document.body).backgroundColor";
        browser.prefer(&[("prefers-color-scheme", "light")]).await;
        browser.open("/").await;
        let light_paper: String = browser.script(paper).await;
        browser.prefer(&[("prefers-color-scheme", "dark")]).await;
        browser.until(dark).await;
        let dark_paper: String = browser.script(paper).await;
        assert_ne!(light_paper, dark_paper);
        browser.click("theme-switch").await;
        browser
            .until("at('theme-switch').ariaPressed === 'false'")
            .await;
        browser.open("/history").await;
        let chosen: String = browser.script(paper).await;
        assert_eq!(chosen, light_paper, "the choice holds on every page");
    })
    .await;
}
