//! What a visitor expects of every page: Back, a way to the cart, explanations that add up.

use crate::service::Service;
use crate::stage::{drive, drive_with};
use crate::webdriver::key;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn back_undoes_category_search_and_drawer() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.says("found", "32 products").await;
        browser.click("category-Coffee").await;
        browser.says("found", "7 products").await;
        browser.write("search", "kettle").await;
        browser.says("found", "1 product").await;
        browser.click("cart-button").await;
        browser.sees("drawer").await;
        browser.go_back().await;
        browser.misses("drawer").await;
        browser.says("found", "1 product").await;
        browser.go_back().await;
        browser.says("found", "7 products").await;
        browser.until("at('search').value === ''").await;
        browser.go_back().await;
        browser.says("found", "32 products").await;
        browser
            .until("at('category-all').ariaPressed === 'true'")
            .await;
        // A closed drawer leaves no step behind.
        browser.click("category-Tea").await;
        browser.click("cart-button").await;
        browser.sees("drawer").await;
        browser.press(key::ESCAPE).await;
        browser.misses("drawer").await;
        browser.until("location.hash === ''").await;
        browser.go_back().await;
        browser.says("found", "32 products").await;
        assert_eq!(browser.address().await, "/");
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn refusal_ends_with_its_cause() {
    drive(async |browser, _| {
        browser.open("/").await;
        for count in ["1", "2"] {
            browser.click("add-tea-bowl").await;
            browser.says("cart-count", count).await;
        }
        browser.until("localStorage['cartlog.cart']").await;
        browser.click("add-tea-bowl").await;
        browser.sees("product-refusal-tea-bowl").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "3").await;
        // Its cause is still there.
        browser.sees("product-refusal-tea-bowl").await;
        browser.click("cart-button").await;
        browser.write("promotion-code", "freebie").await;
        browser.click("promotion-apply").await;
        browser.sees("promotion-refusal").await;
        browser.write("promotion-code", "x").await;
        browser.misses("promotion-refusal").await;
        browser.click("less-tea-bowl").await;
        browser.says("total", "€58.99").await;
        browser.click("drawer-close").await;
        browser.misses("product-refusal-tea-bowl").await;
        browser.expect_complaint("status of 422");
    })
    .await;
}

/// The discount follows the subtotal: each event that changes it has its part.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn ledger_lists_later_changes_of_the_discount() {
    drive(async |browser, _| {
        browser.open("/").await;
        let items = json!([{ "sku": "teapot", "quantity": 1 }]);
        let cart = browser
            .ask("POST", "/api/carts", json!({ "items": items }))
            .await;
        browser.remember(&cart["id"]).await;
        let path = format!("/api/carts/{}", cart["id"].as_str().expect("an id"));
        let code = json!({ "code": "TEA10" });
        browser.ask("PUT", &format!("{path}/promotion"), code).await;
        let sencha = json!({ "sku": "sencha", "quantity": 2 });
        let cart = browser.ask("POST", &format!("{path}/items"), sencha).await;
        assert_eq!(cart["discount"], 436);
        let id = cart["id"].as_str().expect("an id");
        browser.open(&format!("/history/{id}?why=discount")).await;
        let values = "[...document.querySelectorAll('.ledger-value')].map((it) => it.innerText)";
        browser
            .until(&format!("{values}.join() === '+2.00,+2.36'"))
            .await;
        browser.click("number-total").await;
        browser
            .until(&format!("{values}.join() === '+19.99,−2.00,+21.24'"))
            .await;
        browser
            .mentions("explanation", "Sum of all 3 events: €39.23")
            .await;
        // What the ledger says of the code equals the effect of its event.
        browser.click("term-3").await;
        browser.mentions("effect", "Discount: 0.00 → 2.00").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn every_page_links_to_the_cart_and_has_its_title() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        let cart = browser.current_cart().await;
        let history = format!("/history/{cart}");
        for (page, title) in [
            ("/history", "cartlog: event log"),
            (&history, "Version 2 of 2: Added 1 × Teapot at €19.99"),
            ("/insights", "cartlog: insights"),
            ("/operations", "cartlog: operations"),
            ("/learn", "cartlog: learn"),
            ("/docs", "cartlog: the API"),
            ("/products/teapot", "Teapot – cartlog"),
            ("/orders", "cartlog: your orders"),
            ("/receipts", "cartlog: your orders"),
            (&format!("/receipts/{cart}"), "cartlog: your orders"),
            (
                &format!("/shared/{}", "0".repeat(80)),
                "cartlog: a shared cart",
            ),
            ("/nowhere", "cartlog: page not found"),
            ("/products/nothing", "cartlog: page not found"),
        ] {
            browser.open(page).await;
            browser
                .until(&format!("document.title === {}", json!(title)))
                .await;
            browser.says("cart-count", "1").await;
            browser.is_called("cart-button", "Cart, 1 item").await;
        }
        browser.click("cart-button").await;
        browser.says("total", "€19.99").await;
        browser.expect_complaint("status of 404");
    })
    .await;
}

/// 100 events a second would move the rows without rest.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn busy_journal_counts_events_instead_of_sliding() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.open("/history").await;
        browser.sees("journal-1").await;
        browser
            .until("document.querySelector('#journal-list').ariaBusy === 'false'")
            .await;
        let moved: u64 = browser
            .asynchronous(
                "let slides = 0;
                 new MutationObserver(() => (slides += 1))
                     .observe(at('journal-list'), { childList: true });
                 const headers = { 'Content-Type': 'application/json' };
                 const body = JSON.stringify({ items: [{ sku: 'teapot', quantity: 1 }] });
                 const open = () => fetch('/api/carts', { method: 'POST', headers, body });
                 const until = performance.now() + 3000;
                 while (performance.now() < until)
                     await Promise.all(Array.from({ length: 4 }, open));
                 return slides;",
                Value::Null,
            )
            .await;
        assert!(moved <= 3, "the list was changed {moved} times");
        browser.mentions("journal-new", "new events").await;
        // Once it is quiet, the rows come by themselves.
        browser.misses("journal-new").await;
        browser
            .until("at('journal-list').childElementCount > 12")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn stepping_through_events_is_announced() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.mentions("indicator-lag", "View up to date").await;
        browser.click("back").await;
        browser
            .until("/^Version [0-9]+: .*Total /.test(at('live').textContent)")
            .await;
        let first: String = browser.script("return at('live').textContent").await;
        browser.press(key::LEFT).await;
        browser
            .until(&format!("at('live').textContent !== {}", json!(first)))
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn forced_colours_keep_selection_and_progress() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.prefer(&[("forced-colors", "active")]).await;
        for (page, chosen, other) in [
            ("/", "category-all", "category-Tea"),
            ("/history", "type-all", "type-ItemAdded"),
            ("/insights", "last-all", "last-hour"),
        ] {
            browser.open(page).await;
            browser.sees(other).await;
            let colour = |id: &str| format!("getComputedStyle(at('{id}')).backgroundColor");
            let (chosen, other) = (colour(chosen), colour(other));
            browser.until(&format!("{chosen} !== {other}")).await;
        }
        browser.open("/operations").await;
        browser.sees("views").await;
        browser
            .until("getComputedStyle(document.querySelector('progress')).borderTopWidth === '1px'")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn every_place_to_go_is_in_sight_on_a_narrow_page() {
    drive(async |browser, _| {
        for page in [
            "/",
            "/history",
            "/insights",
            "/operations",
            "/learn",
            "/docs",
        ] {
            for width in [320, 360, 375, 384, 390, 768] {
                browser.resize(width, 667).await;
                browser.open(page).await;
                browser
                    .until(
                        "[...document.querySelectorAll('.nav a')].every((it) =>
                             it.getBoundingClientRect().right <= innerWidth
                             && it.parentElement.scrollWidth <= it.parentElement.clientWidth)",
                    )
                    .await;
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn timeline_is_in_the_first_screen_of_a_low_window() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        for (width, height) in [(375, 667), (667, 375), (1280, 800), (1280, 720), (390, 844)] {
            browser.resize(width, height).await;
            browser.open(&format!("/history/{cart}")).await;
            browser.mentions("indicator-lag", "View up to date").await;
            browser
                .until("at('scrubber').getBoundingClientRect().bottom <= innerHeight")
                .await;
        }
        // At 1280 by 800 four lines and the sums are in sight beside it.
        browser.resize(1280, 800).await;
        browser
            .until(
                "(({ bottom }, dock) => bottom < innerHeight
                     && (dock.bottom < bottom || dock.top > bottom))(
                     at('history-lines').getBoundingClientRect(),
                     document.querySelector('.dock').getBoundingClientRect())",
            )
            .await;
    })
    .await;
}

/// A telephone on its side and a desktop at 200 % are low: the header leaves them to the page.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn header_of_a_low_window_is_one_row() {
    drive(async |browser, _| {
        for page in ["/", "/history", "/docs"] {
            for (width, height) in [(568, 320), (640, 400), (667, 375), (844, 390)] {
                browser.resize(width, height).await;
                browser.open(page).await;
                browser
                    .until(
                        "(({ height }, links) => height <= 49 && links.every((it) => {
                             const { left, right, top, bottom } = it.getBoundingClientRect();
                             const middle = [(left + right) / 2, (top + bottom) / 2];
                             const hit = document.elementFromPoint(...middle);
                             return bottom - top >= 24 && hit === it;
                         }))(
                             document.querySelector('.header').getBoundingClientRect(),
                             [...document.querySelectorAll('.nav a')])",
                    )
                    .await;
            }
        }
    })
    .await;
}

/// The operator cannot read a cart, so its row is not compared: the check says so.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn no_check_of_a_foreign_history_stays_pending() {
    let service = Service::start();
    drive_with(service, async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        // The page of the cart's owner would report that its token is gone.
        browser.open("/docs").await;
        browser.script::<()>("localStorage.clear()").await;
        browser
            .devtools("Network.clearBrowserCookies", json!({}))
            .await;
        browser.open(&format!("/history/{cart}")).await;
        browser
            .mentions("indicator-fold", "View not compared")
            .await;
        browser
            .until(
                "[...document.querySelectorAll('.indicator-mark')].every((it) =>
                     it.textContent !== '…')",
            )
            .await;
    })
    .await;
}
