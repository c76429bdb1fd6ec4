//! Names and numbers that no designer thought of, at every width.

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::{drive, drive_with};
use serde_json::{Value, json};

const CATALOGUE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/browser/extreme-catalogue.toml"
);
/// From the narrowest page of WCAG 2.2 to a large screen.
const WIDTHS: [u32; 6] = [320, 360, 390, 768, 1280, 1920];

/// The texts with a digit whose place is not whole on the page: cut by a frame, beyond the page,
/// broken over two lines, or overlapped by another text. Only tables and code scroll sideways.
/// Names may be cut, and the tiles of a timeline and texts for screen readers are not looked at.
const HURT: &str = r"
    const scrolls = '.rows-frame, .rows-scroll, .table-frame, pre';
    const number = /^\s*[−+]?[^\s\w]?[\d.,:]+\s*$/;
    const apart = '.unseen, svg, canvas, option, .band, .line-name, #sentence-words, .chips';
    // A modal dialog lies over the page.
    const root = document.querySelector('dialog[open]') ?? document.body;
    const whole = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const hurt = [];
    const texts = [];
    const shown = { visibilityProperty: true };
    while (whole.nextNode()) {
        const text = whole.currentNode;
        const home = text.parentElement;
        if (!/\d/.test(text.data) || !home.checkVisibility(shown) || home.closest(apart)) continue;
        if (getComputedStyle(home).clipPath !== 'none') continue;
        const range = document.createRange();
        range.selectNodeContents(text);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (number.test(text.data) && lines.size > 1) hurt.push(`broken: ${text.data}`);
        for (const box of range.getClientRects()) {
            if (box.width < 1) continue;
            let frame = home;
            const clips = (it) => getComputedStyle(it).overflowX !== 'visible';
            while (frame !== document.body && !clips(frame)) frame = frame.parentElement;
            if (frame.matches(scrolls)) continue;
            const { left, right, top, bottom } = frame.getBoundingClientRect();
            if (box.left < left - 1 || box.right > Math.min(right, innerWidth) + 1)
                hurt.push(`cut: ${text.data}`);
            // What a frame has scrolled out of sight lies over nothing.
            const inSight = frame === document.body ? box : {
                left: box.left,
                right: box.right,
                top: Math.max(box.top, top),
                bottom: Math.min(box.bottom, bottom),
            };
            texts.push({ text, box: inSight });
        }
    }
    const cross = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 6;
    const floating = '.dock, .header, .in-cart, .ledger-sum';
    const floats = (it) => Boolean(it.parentElement.closest(floating));
    texts.forEach(({ text, box }, at) => {
        for (const other of texts.slice(at + 1)) {
            if (other.text === text || floats(text) !== floats(other.text)) continue;
            if (cross(box, other.box)) hurt.push(`over: ${text.data} and ${other.text.data}`);
        }
    });
    return hurt.slice(0, 8);
";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn no_number_is_cut_by_extreme_names_and_prices() {
    let service = Service::start_with(&[("catalogue.products", CATALOGUE)]);
    drive_with(service, async |browser, _| {
        browser.open("/").await;
        browser.says("found", "45 products").await;
        let first = json!([
            { "sku": "p1", "quantity": 1 },
            { "sku": "p2", "quantity": 999 },
            { "sku": "p3", "quantity": 300 },
        ]);
        let cart = browser
            .ask("POST", "/api/carts", json!({ "items": first }))
            .await;
        browser.remember(&cart["id"]).await;
        browser
            .script::<()>(&format!("localStorage['cartlog.cart'] = {}", cart["id"]))
            .await;
        let id = cart["id"].as_str().expect("an id");
        let most = json!({ "quantity": 999 });
        browser
            .ask("PUT", &format!("/api/carts/{id}/items/p1"), most)
            .await;
        let code = json!({ "code": "TEA10" });
        let path = format!("/api/carts/{id}/promotion");
        let cart = browser.ask("PUT", &path, code).await;
        for key in ["one", "two"] {
            browser.order_together(&["p1", "p2", "p3"], key).await;
        }
        browser.until_bought_together("p2").await;
        let shares = format!("/api/carts/{id}/shares");
        let share = browser.ask("POST", &shares, json!({})).await;
        let shared = share["page"].as_str().expect("a path");
        for width in WIDTHS {
            browser.resize(width, 900).await;
            browser.open("/").await;
            browser.says("cart-count", "2298").await;
            browser.sees("product-p45").await;
            browser.hurts_no_number("the shop").await;
            browser.click("cart-button").await;
            browser.mentions("total", "€").await;
            browser.hurts_no_number("the cart").await;
            browser.click("checkout").await;
            browser.sees("review").await;
            browser.hurts_no_number("the review").await;
            browser.open("/products/p2").await;
            browser.sees("related").await;
            browser.hurts_no_number("a product").await;
            browser.open(shared).await;
            browser.mentions("shared-totals", "€").await;
            browser.hurts_no_number("a shared cart").await;
            for why in ["", "?why=total", "?why=items_total", "?without=2"] {
                browser.open(&format!("/history/{id}{why}")).await;
                browser.says("cart-status", "open").await;
                browser.mentions("indicator-fold", "View matches").await;
                browser.hurts_no_number(&format!("the history {why}")).await;
            }
            browser.open("/history").await;
            browser.sees("journal-1").await;
            browser.mentions(&format!("own-{id}"), "€").await;
            browser.hurts_no_number("the journal").await;
            browser.open("/learn").await;
            browser.mentions("cart-rows", "p3").await;
            browser.hurts_no_number("the examples").await;
        }
        browser.order(&cart).await;
        for width in WIDTHS {
            browser.resize(width, 900).await;
            browser.open("/#cart").await;
            browser.sees("order-total").await;
            browser.hurts_no_number("the order").await;
            browser.open(&format!("/receipts/{id}")).await;
            browser.mentions("order-total", "€").await;
            browser.hurts_no_number("the receipt").await;
            browser.open("/orders").await;
            browser.mentions(&format!("order-{id}"), "€").await;
            browser.hurts_no_number("the orders").await;
            browser.open("/insights").await;
            browser.mentions("stat-orders", "3").await;
            browser.hurts_no_number("the insights").await;
        }
    })
    .await;
}

/// With the spacing of WCAG 2.2, 1.4.12.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn text_spacing_cuts_no_value_of_a_chart() {
    drive(async |browser, service| {
        service.simulate(20, 3);
        browser.open("/insights").await;
        browser.sees("span").await;
        for width in [320, 1280] {
            let cut: Vec<String> = browser
                .asynchronous(
                    "const sheet = new CSSStyleSheet();
                     sheet.replaceSync('* { letter-spacing: .12em !important;'
                         + 'word-spacing: .16em !important; line-height: 1.5 !important }');
                     document.adoptedStyleSheets = [sheet];
                     return [];",
                    Value::Null,
                )
                .await;
            assert!(cut.is_empty());
            // Another width draws the charts again.
            browser.resize(width + 1, 900).await;
            browser.rests().await;
            browser.resize(width, 900).await;
            browser
                .until(
                    "[...document.querySelectorAll('.chart')].every((chart) =>
                         [...chart.querySelectorAll('text')].every((it) =>
                             it.getBoundingClientRect().right
                                 <= chart.getBoundingClientRect().right + 1))",
                )
                .await;
        }
    })
    .await;
}

impl Browser {
    async fn hurts_no_number(&self, page: &str) {
        self.rests().await;
        let hurt: Vec<String> = self.script(HURT).await;
        let width: u32 = self.script("return innerWidth").await;
        assert!(hurt.is_empty(), "{page}, {width} pixels: {hurt:#?}");
    }
}
