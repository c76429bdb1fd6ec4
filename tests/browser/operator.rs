//! The pages about all carts: event log, insights and operations.

use crate::browser::Browser;
use crate::stage::drive;
use crate::webdriver::key;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_log_is_live_filtered_and_reaches_first_event() {
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
        // Each tag of a row filters by itself.
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
async fn filtered_event_log_shows_matching_live_events_only() {
    drive(async |browser, _| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.open("/history").await;
        browser.sees("journal-1").await;
        let mut newest: u64 = browser.script(&format!("return {NEWEST}")).await;
        let of_cart = format!("cart={cart}");
        for (asked, fitting) in [
            ("type=ItemAdded", 2),
            ("sku=sencha", 1),
            ("command=add_item", 1),
            (&of_cart, 1),
        ] {
            browser.open(&format!("/history?{asked}")).await;
            browser.until(&format!("{ENTRIES}.length > 0")).await;
            browser.rests().await;
            let shown: u64 = browser.script(&format!("return {ENTRIES}.length")).await;
            // Two events of another cart with a teapot, and one that matches all of these filters.
            browser.add_elsewhere("teapot").await;
            let sencha = json!({ "sku": "sencha", "quantity": 1 });
            browser
                .ask("POST", &format!("/api/carts/{cart}/items"), sencha)
                .await;
            newest += 3;
            browser.until(&format!("{NEWEST} === {newest}")).await;
            let now: u64 = browser.script(&format!("return {ENTRIES}.length")).await;
            assert_eq!(now - shown, fitting, "{asked}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_log_does_not_shift_while_being_read() {
    drive(async |browser, service| {
        service.simulate(30, 5);
        browser.open("/history").await;
        browser.until(&format!("{ENTRIES}.length === 50")).await;
        browser.rests().await;
        let mut newest: u64 = browser.script(&format!("return {NEWEST}")).await;
        browser.script::<()>("window.shifted = []").await;
        // Without a reader, live events are shown without a layout shift.
        for motion in ["no-preference", "reduce"] {
            browser.prefer(&[("prefers-reduced-motion", motion)]).await;
            browser.add_elsewhere("teapot").await;
            newest += 2;
            browser.until(&format!("{NEWEST} === {newest}")).await;
            browser.rests().await;
        }
        browser.hears("4 new events").await;
        browser.misses("journal-new").await;
        // A pointer, the focus, selected text or a scrolled page: each holds back new rows.
        let read = format!("journal-{newest}");
        let link = format!("at({}).querySelector('a')", json!(read));
        let words = format!("{link}.parentElement.querySelector('.entry-when')");
        // Each with the actions that begin and end it; the pointer is moved.
        let ways = [
            ("pointer", String::new(), ""),
            (
                "focus",
                format!("{link}.focus()"),
                "document.activeElement.blur()",
            ),
            (
                "selection",
                format!("getSelection().selectAllChildren({words})"),
                "getSelection().removeAllRanges()",
            ),
            ("scroll", "scrollTo(0, 900)".to_owned(), "scrollTo(0, 0)"),
        ];
        browser
            .script::<()>(
                "window.heard = [];
                 const live = document.querySelector('body > [data-live]');
                 new MutationObserver(() => window.heard.push(live.textContent.trim()))
                     .observe(live, { childList: true });",
            )
            .await;
        for (way, begin, end) in ways {
            match way {
                "pointer" => browser.hover(&[&read]).await,
                _ => browser.script::<()>(&begin).await,
            }
            browser.add_elsewhere("sencha").await;
            browser.says("journal-new", "2 new events").await;
            browser.hears("New events available").await;
            browser.add_elsewhere("sencha").await;
            browser.says("journal-new", "4 new events").await;
            let shown: u64 = browser.script(&format!("return {NEWEST}")).await;
            assert_eq!(shown, newest, "held for the {way}");
            // The reader has left.
            match way {
                "pointer" => browser.hover(&["theme-switch"]).await,
                _ => browser.script::<()>(end).await,
            }
            newest += 4;
            browser.until(&format!("{NEWEST} === {newest}")).await;
            browser.misses("journal-new").await;
            browser.hears("4 new events").await;
            let announced: u32 = browser
                .script(
                    "const heard = window.heard.splice(0);
                     return heard.filter((it) => it === 'New events available').length",
                )
                .await;
            assert_eq!(announced, 1, "announced once, held for the {way}");
            browser.rests().await;
            let row = format!("journal-{}", newest - 4);
            browser.sees(&row).await;
        }
        let shifted: Vec<String> = browser.script("return window.shifted").await;
        assert!(shifted.is_empty(), "layout shift: {shifted:#?}");
        // By keyboard: back from the rows to the button that shows the held events.
        browser.focus_on(&format!("only-type-{newest}")).await;
        browser.add_elsewhere("teapot").await;
        browser.says("journal-new", "2 new events").await;
        browser.tab_back_to("journal-new").await;
        let address = browser.address().await;
        browser.press(key::ENTER).await;
        browser.until(&format!("{NEWEST} === {}", newest + 2)).await;
        browser
            .until("document.activeElement.id === 'journal-title'")
            .await;
        assert_eq!(browser.address().await, address);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn event_log_filters_are_removable_chips_kept_in_the_url() {
    drive(async |browser, service| {
        service.simulate(30, 5);
        let cart = browser.open_history_of_a_pot_of_tea().await;
        let chips = |chips: &str| format!("words('journal-chosen') === {}", json!(chips));
        browser.open("/history").await;
        browser.until(&format!("{ENTRIES}.length === 50")).await;
        let newest: u64 = browser.script(&format!("return {NEWEST}")).await;
        // The third event from the end added two teapots.
        let row = newest - 3;
        browser.focus_on(&format!("only-sku-{row}")).await;
        browser.press(key::ENTER).await;
        browser
            .says("without-sku", "Product: Teapot × , remove this filter")
            .await;
        // The row is gone; the focus is on the button that removes the filter.
        browser.focus_is_on("without-sku").await;
        let teapots = format!("{ENTRIES}.every((it) => it.innerText.includes('teapot'))");
        browser
            .until(&format!("at('journal-{row}') && {teapots}"))
            .await;
        browser.click(&format!("only-cart-{row}")).await;
        browser.focus_is_on("without-cart").await;
        browser.until(&format!("{ENTRIES}.length === 3")).await;
        browser.click(&format!("only-command-{row}")).await;
        let all = format!("/history?sku=teapot&cart={cart}&command=add_item");
        browser
            .until(&format!(
                "location.pathname + location.search === '{all}' && {ENTRIES}.length === 1"
            ))
            .await;
        let four = format!(
            "Open this cart’s history Cart: …{} × , remove this filter \
             Command: add item × , remove this filter Product: Teapot × , remove this filter",
            &cart[cart.len() - 8..]
        );
        browser.until(&chips(&four)).await;
        // The URL restores the same filters, and so does each step back.
        let first = browser.tab().await;
        browser.open_tab(&all).await;
        browser
            .until(&format!("{} && {ENTRIES}.length === 1", chips(&four)))
            .await;
        browser.turn_to(&first).await;
        browser.go_back().await;
        browser.misses("without-command").await;
        browser.until(&format!("{ENTRIES}.length === 3")).await;
        browser.script::<()>("history.forward()").await;
        browser.sees("without-command").await;
        browser.until(&format!("{ENTRIES}.length === 1")).await;
        // Filters are removed one by one, by keyboard: the focus moves to the next.
        browser.focus_on("without-cart").await;
        for (gone, then) in [("cart", "command"), ("command", "sku")] {
            browser.press(key::ENTER).await;
            browser.misses(&format!("without-{gone}")).await;
            browser.focus_is_on(&format!("without-{then}")).await;
        }
        browser.press(key::ENTER).await;
        browser
            .until("document.activeElement.id === 'journal-title' && location.search === ''")
            .await;
        browser.until(&format!("{ENTRIES}.length === 50")).await;
        // A value that no row shows is chosen from a list.
        browser.choose("journal-command", "undo").await;
        browser
            .says("without-command", "Command: undo × , remove this filter")
            .await;
        browser.until("location.search === '?command=undo'").await;
        browser.open("/history?type=Unheard").await;
        browser
            .says("journal-none", "No matching events. Remove a filter.")
            .await;
        browser.misses("journal-failed").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn insights_count_simulated_shoppers() {
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
        browser.says("span", "All time").await;
        browser.mentions("figure-abandoned", "As of now").await;
        browser.click("last-week").await;
        browser.says("span", "Last week").await;
        browser.mentions("figure-funnel", "60 carts opened").await;
        browser
            .open("/insights?from=2001-01-01&to=2001-01-02")
            .await;
        browser.says("span", "1 Jan 2001 to 2 Jan 2001").await;
        browser.says("stat-opened", "0").await;
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
async fn rebuild_shows_progress_and_result() {
    drive(async |browser, service| {
        service.simulate(60, 9);
        browser.open("/operations").await;
        browser
            .mentions("indicator-views", "All views up to date")
            .await;
        let views = browser.ask("GET", "/api/views", Value::Null).await;
        let head = views["head"].as_u64().expect("the log's head");
        assert!(head > 60, "{head}");
        browser.click("rebuild-start").await;
        browser.mentions("rebuild-words", "Completed").await;
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

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn reload_button_shows_what_changed_or_why_not() {
    drive(async |browser, service| {
        let products = |price: &str| {
            format!(
                "currency = \"EUR\"\n[[product]]\nsku = \"tea\"\nname = \"Tea\"\n\
                 category = \"Tea\"\nprice = {price}\n"
            )
        };
        service.start_again_with_products(&products("100"));
        let file = service.file("products.toml");
        browser.open("/operations").await;
        browser.click("reload-start").await;
        browser
            .mentions("reload-words", "1 product (unchanged)")
            .await;
        std::fs::write(&file, products("250")).expect("the products can be written");
        browser.click("reload-start").await;
        browser
            .mentions("reload-words", "1 product (changed tea)")
            .await;
        browser.expect_complaint("409");
        std::fs::write(&file, products("-1")).expect("the products can be written");
        browser.click("reload-start").await;
        browser.mentions("reload-refusal", "products.toml").await;
        browser.says("reload-words", "").await;
        let shown = browser.ask("GET", "/api/products/tea", Value::Null).await;
        assert_eq!(shown["price"], 250, "the previous catalogue stays in use");
    })
    .await;
}

/// What the journal shows, and the position of what stands first in it.
pub const ENTRIES: &str = "[...document.querySelectorAll('.entry')]";
const NEWEST: &str = "Number(document.querySelector('.entry').dataset.testid.split('-')[1])";

impl Browser {
    async fn focus_on(&self, id: &str) {
        self.script::<()>(&format!("at({}).focus()", json!(id)))
            .await;
    }

    /// Chooses an option of a list.
    pub async fn choose(&self, id: &str, value: &str) {
        let change = "const list = at(%); list.value = @; list.dispatchEvent(new Event('change'))";
        let change = change.replace('%', &json!(id).to_string());
        self.script::<()>(&change.replace('@', &json!(value).to_string()))
            .await;
    }

    /// Another shopper opens a cart with one product: two events.
    pub async fn add_elsewhere(&self, sku: &str) {
        let body = json!({ "items": [{ "sku": sku, "quantity": 1 }] });
        self.ask("POST", "/api/carts", body).await;
    }
}
