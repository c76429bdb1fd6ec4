//! The API reference: found by search, followed by its contents, copied from and tried out.

use crate::browser::Browser;
use crate::stage::drive;
use crate::webdriver::key;

/// From the narrowest page of WCAG 2.2 to a large screen.
const WIDTHS: [u32; 8] = [320, 360, 390, 768, 1024, 1280, 1920, 2560];

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn first_call_is_within_the_first_screen() {
    drive(async |browser, _| {
        browser.resize(1280, 800).await;
        browser.open("/docs").await;
        browser.rests().await;
        let ends: f64 = browser
            .script(
                "const call = document.querySelector('#start [data-sample=curl]');
                 return call.getBoundingClientRect().bottom",
            )
            .await;
        assert!(ends < 800.0, "the first call ends at {ends} pixels");
        let call: String = browser
            .script("return document.querySelector('#start [data-sample=curl]').innerText")
            .await;
        assert!(call.contains(&browser.origin), "{call}");
        assert!(
            call.contains("curl -i -X POST \"$shop/api/carts\""),
            "{call}"
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn search_filters_the_contents_by_keyboard() {
    drive(async |browser, _| {
        browser.open("/docs").await;
        browser.sees("docs-search").await;
        browser.rests().await;
        browser.press("/").await;
        browser.focus_is_on("docs-search").await;
        browser.write("docs-search", "checkout").await;
        let shown = "[...document.querySelectorAll('#index a')].filter(seen)";
        browser.mentions("docs-found", "result").await;
        browser
            .until(&format!("{shown}.some((it) => it.hash === '#checkOut')"))
            .await;
        browser
            .until(&format!("!{shown}.some((it) => it.hash === '#openCart')"))
            .await;
        // Schemas and problems are found, too.
        browser.press(key::ESCAPE).await;
        browser.says("docs-found", "").await;
        browser.write("docs-search", "CartLine").await;
        browser
            .until(&format!(
                "{shown}.some((it) => it.hash === '#schema-CartLine')"
            ))
            .await;
        browser.press(key::ESCAPE).await;
        browser.write("docs-search", "version mismatch").await;
        browser.says("docs-found", "1 result").await;
        browser.press(key::ENTER).await;
        browser
            .until("location.hash === '#problem-version-mismatch'")
            .await;
        browser
            .until("document.getElementById('problem-version-mismatch').open")
            .await;
        browser
            .until(
                "document.getElementById('problem-version-mismatch').getBoundingClientRect().top \
                 < 200",
            )
            .await;
        browser.press_while(key::CONTROL, "a").await;
        browser.write("docs-search", "xyzzy").await;
        browser
            .says("docs-found", "No results. Try fewer words.")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn contents_follow_the_reader() {
    drive(async |browser, _| {
        browser.open("/docs").await;
        browser.rests().await;
        let current = "document.querySelector('#index [aria-current]')";
        browser.until(&format!("{current}.hash === '#start'")).await;
        for id in ["undo", "getWhy", "listPairs"] {
            browser
                .script::<()>(&format!("document.getElementById('{id}').scrollIntoView()"))
                .await;
            browser.until(&format!("{current}.hash === '#{id}'")).await;
            browser
                .until(&format!(
                    "(() => {{ const {{ top, bottom }} = {current}.getBoundingClientRect();
                        return top >= 0 && bottom <= innerHeight; }})()"
                ))
                .await;
        }
    })
    .await;
}

/// The console opens a cart and goes on with its id, its token and its version by itself.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn requests_are_tried_against_this_service() {
    drive(async |browser, _| {
        browser.open("/docs").await;
        browser.click("try-openCart").await;
        browser.click("openCart-send").await;
        browser.mentions("openCart-status", "201 Created").await;
        browser.mentions("openCart-headers", "etag: \"2\"").await;
        browser.mentions("openCart-response", "\"token\":").await;
        browser.click("try-addItem").await;
        browser.click("addItem-send").await;
        browser.mentions("addItem-status", "201 Created").await;
        browser
            .mentions("addItem-response", "\"sku\": \"teapot\"")
            .await;
        browser.click("try-checkOut").await;
        browser.click("checkOut-send").await;
        browser.mentions("checkOut-status", "201 Created").await;
        browser.mentions("checkOut-response", "checked_out").await;
        let events: u64 = browser
            .asynchronous(
                "const answer = await fetch('/api/events?type=CartCheckedOut');
                 return (await answer.json()).items.length",
                serde_json::json!({}),
            )
            .await;
        assert_eq!(events, 1, "the order is in the log");
        // A problem is shown like any other response.
        browser.click("addItem-send").await;
        browser.expect_complaint("status of 409");
        browser.mentions("addItem-status", "409").await;
        browser
            .mentions("addItem-response", "/problems/cart-closed")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn console_that_could_not_load_is_opened_later() {
    drive(async |browser, _| {
        browser.open("/docs").await;
        browser.cut_off(&["*/openapi.json"]).await;
        browser.click("try-openCart").await;
        browser
            .says("try-openCart", "Couldn’t load. Try again")
            .await;
        browser.misses("openCart-send").await;
        browser.cut_off(&[]).await;
        browser.click("try-openCart").await;
        browser.sees("openCart-send").await;
        browser.says("try-openCart", "Try it").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn live_stream_is_shown_until_stopped() {
    drive(async |browser, _| {
        browser.open("/docs").await;
        browser.click("try-openCart").await;
        browser.click("openCart-send").await;
        browser.mentions("openCart-status", "201").await;
        browser.click("try-listCartEvents").await;
        browser
            .script::<()>(
                "at('listCartEvents-accept').value = 'text/event-stream';
                 at('listCartEvents-after').value = '0'",
            )
            .await;
        browser.click("listCartEvents-send").await;
        browser
            .mentions("listCartEvents-response", "\"type\":\"CartOpened\"")
            .await;
        browser.click("listCartEvents-stop").await;
        browser.misses("listCartEvents-stop").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn samples_switch_language_and_are_copied() {
    drive(async |browser, _| {
        browser.may_copy("granted").await;
        browser.open("/docs").await;
        browser.click("undo-copy").await;
        browser.says("undo-copy", "Copied").await;
        let copied = browser.clipboard().await;
        assert!(
            copied.starts_with("curl -i -X POST \"$shop/api/carts/$id/undo\""),
            "{copied}"
        );
        browser.click("undo-js").await;
        let scripts = "[...document.querySelectorAll('[data-sample=js]')].every(seen)";
        browser.until(scripts).await;
        browser.click("checkOut-copy").await;
        browser.says("checkOut-copy", "Copied").await;
        let copied = browser.clipboard().await;
        assert!(
            copied.contains("await fetch(`${shop}/api/carts/${id}/checkout`"),
            "{copied}"
        );
        assert!(copied.contains("\"If-Match\": \"\\\"13\\\"\""), "{copied}");
        browser.reload().await;
        browser.until(scripts).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn api_reference_fits_every_width() {
    drive(async |browser, _| {
        browser.open("/docs").await;
        browser.click("try-checkOut").await;
        browser.sees("checkOut-send").await;
        for width in WIDTHS {
            browser.resize(width, 900).await;
            browser.rests().await;
            let beyond = browser.beyond_the_page().await;
            assert!(beyond.is_empty(), "{width} pixels: {beyond:#?}");
            let is_beside: bool = browser.script("return seen(at('docs-search'))").await;
            assert_eq!(is_beside, width > 896, "{width} pixels");
        }
        browser.resize(2560, 900).await;
        let used: f64 = browser
            .script(
                "return document.querySelector('.docs').getBoundingClientRect().width / innerWidth",
            )
            .await;
        assert!(used > 0.7, "{used} of a wide screen");
        // On a telephone the contents open over the text and close with a choice.
        browser.resize(390, 844).await;
        // In a field of the console, it would be a character.
        let _: Option<bool> = browser.script("document.activeElement.blur()").await;
        browser.press("/").await;
        browser.focus_is_on("docs-search").await;
        browser.write("docs-search", "undo").await;
        browser.press(key::ENTER).await;
        browser.misses("docs-search").await;
    })
    .await;
}

impl Browser {
    /// Elements that reach beyond the page and are not in a frame that scrolls.
    async fn beyond_the_page(&self) -> Vec<String> {
        self.script(
            "const { clientWidth, scrollWidth } = document.documentElement;
             const clips = (it) => getComputedStyle(it).overflowX !== 'visible';
             const clipped = (it) =>
               it !== document.body && (clips(it) || clipped(it.parentElement));
             const beyond = [...document.querySelectorAll('main *')].filter((it) =>
                 it.getBoundingClientRect().right > clientWidth + 1
                 && it.checkVisibility() && !clipped(it));
             const names = beyond.slice(0, 5).map((it) => it.outerHTML.slice(0, 120));
             return scrollWidth > clientWidth ? [`${scrollWidth} pixels`, ...names] : names",
        )
        .await
    }
}
