//! Every page in every state: accessibility (axe-core), layout shift and reflow, in light and dark,
//! on small and large screens. Each state is reached by real interaction, at each width.
//!
//! With `CARTLOG_LOOKS=folder` pictures of each state are kept there, for review.

mod cart;
mod history;
mod insights;
mod journal;
mod learn;
mod measured;
mod operations;
mod order;
mod product;
mod reference;
mod shared;
mod shop;

use crate::browser::Browser;
use crate::service::Service;
use crate::stage::drive_with;
use crate::webdriver::key;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::PathBuf;

/// The states of each page, in the order in which they are reached.
const STATES: [(&str, &[&str]); 14] = [
    (
        "the shop",
        &[
            "products",
            "nothing found",
            "a refused product",
            "what happens",
            "products that did not come",
            "out of reach",
        ],
    ),
    (
        "the cart",
        &[
            "empty",
            "filled",
            "refusals",
            "a promotion",
            "shared",
            "not settled",
            "out of reach",
            "nothing to undo",
            "reviewed",
            "ordered",
            "expired",
            "ordered elsewhere",
        ],
    ),
    (
        "a product",
        &[
            "described",
            "added",
            "a refused quantity",
            "bought together",
        ],
    ),
    (
        "an order",
        &[
            "no orders",
            "not ordered",
            "placed",
            "confirmed",
            "cancelled",
            "your orders",
            "not here",
            "did not come",
        ],
    ),
    (
        "a shared cart",
        &["as shared", "copied", "refused lines", "unknown"],
    ),
    (
        "a history",
        &[
            "on its way",
            "newest",
            "a number explained",
            "compared with a pinned moment",
            "a what-if in the past",
            "a what-if",
            "a what-if with changes",
            "code of an event",
            "copied",
            "text to copy",
            "just opened",
            "long",
            "a refused command",
            "several prices",
            "ordered",
            "did not come",
            "another shopper's",
            "read by the operator",
            "unknown",
            "out of reach",
            "expired",
        ],
    ),
    (
        "the journal",
        &[
            "signed out",
            "a wrong token",
            "empty",
            "full",
            "filtered",
            "no such event",
            "paused, with news",
            "did not come",
            "out of reach",
        ],
    ),
    (
        "the insights",
        &[
            "signed out",
            "empty",
            "full",
            "a period without events",
            "on their way",
            "did not come",
            "abandoned carts",
        ],
    ),
    (
        "the operations",
        &[
            "signed out",
            "all current",
            "rebuilding",
            "rebuilt",
            "verifying",
            "a cancelled verification",
            "sound",
            "last runs",
            "the configuration",
            "changed settings",
            "findings",
            "rows that differ",
            "a refused rebuild",
            "failed views",
            "errors in the background",
            "did not come",
            "out of reach",
        ],
    ),
    ("a demo", &["a damaged row"]),
    ("webhooks", &["a parked cart"]),
    (
        "a measured day",
        &["charts with a gap, and errors", "a table behind the charts"],
    ),
    ("learn", &["just opened", "stepped", "did not come"]),
    (
        "the reference",
        &["docs", "problems", "a problem", "nowhere"],
    ),
];

/// The widths of the pictures for review, of telephones, tablets and large screens.
const REVIEWED: [u32; 5] = [360, 390, 768, 1280, 1920];
/// The least width of a page that is laid out for a large screen.
const WIDE: u32 = 700;

/// A large screen, and what is left of it at a zoom of 200 %.
const LARGE: (u32, u32) = (1280, 640);
/// A telephone, and the narrowest page of WCAG 2.2 (1.4.10).
const SMALL: (u32, u32) = (390, 320);
const HEIGHT: u32 = 900;
/// Longer pages, such as the API reference, have no floating element but the header.
const HIGHEST: u32 = 2600;

/// The operator's token where the operator's pages are looked at.
const TOKEN: &str = "the operator's token of this test";

/// A service that asks the operator for that token.
fn guarded() -> Service {
    Service::start_with(&[("security.operator_token", TOKEN)])
}

/// Where `tests/all` puts axe-core.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/axe/node_modules/axe-core/axe.min.js"
);

/// Options of axe-core. Another scheme changes nothing but colours, another width no colour.
const EVERY_RULE: &str = "rules: { 'target-size': { enabled: true } }";
const CONTRAST: &str = "runOnly: ['color-contrast']";
const ALL_BUT_CONTRAST: &str =
    "rules: { 'target-size': { enabled: true }, 'color-contrast': { enabled: false } }";

/// Returns the violations with the elements that they are about.
const PLACES: &str = "
    const place = (it) => `${it.target} ${it.any[0]?.message ?? ''}`;
    return violations.map(({ id, help, nodes }) =>
        ({ id, help, nodes: nodes.map(place) }));";

/// Looks at the states of one page on one kind of screen.
struct Gallery<'a> {
    browser: &'a Browser,
    page: &'static str,
    screens: (u32, u32),
    seen: RefCell<Vec<&'static str>>,
}

/// Drives `page` through all its states, on a screen of the first width.
async fn look_through(
    page: &'static str,
    screens: (u32, u32),
    service: Service,
    reach_all: impl AsyncFnOnce(&Gallery<'_>, &mut Service),
) {
    drive_with(service, async |browser, service| {
        let gallery = Gallery {
            browser,
            page,
            screens,
            seen: RefCell::default(),
        };
        browser.resize(screens.0, HEIGHT).await;
        reach_all(&gallery, service).await;
        let (_, states) = STATES
            .iter()
            .find(|(it, _)| *it == page)
            .expect("the page's states");
        assert_eq!(*gallery.seen.borrow(), *states, "the states of {page}");
    })
    .await;
}

impl Gallery<'_> {
    /// Asserts that the page had no layout shift, passes axe-core and fits the screen.
    async fn look(&self, state: &'static str) {
        let browser = self.browser;
        let name = format!("{}, {state}", self.page);
        browser.rests().await;
        let shifted = self.shifted().await;
        assert!(shifted.is_empty(), "{name}: layout shift: {shifted:#?}");
        self.bring_axe().await;
        let (width, reflowed) = self.screens;
        for (scheme, rules) in [("light", EVERY_RULE), ("dark", CONTRAST)] {
            let name = format!("{name}, {width} pixels, {scheme}");
            browser.prefer(&[("prefers-color-scheme", scheme)]).await;
            self.unroll(width).await;
            self.breaks_none_of(rules, &name).await;
            self.fits(&name, width).await;
        }
        let reflow = format!("{name}, {reflowed} pixels");
        self.unroll(reflowed).await;
        self.breaks_none_of(ALL_BUT_CONTRAST, &reflow).await;
        self.fits(&reflow, reflowed).await;
        self.keep(&name).await;
        browser.resize(width, HEIGHT).await;
        self.shifted().await;
        browser.script::<()>("window.shifted = []").await;
        self.seen.borrow_mut().push(state);
    }

    /// Asserts that one of many pages with one template fits the screen.
    async fn glance(&self, page: &str) {
        let (width, _) = self.screens;
        let name = format!("{}, {page}, {width} pixels", self.page);
        self.unroll(width).await;
        self.fits(&name, width).await;
        self.picture(&name.replace('/', " ")).await;
        self.browser.resize(width, HEIGHT).await;
    }

    /// Layout shifts since the page was last looked at.
    async fn shifted(&self) -> Vec<String> {
        self.browser
            .asynchronous(
                "await new Promise((resolve) => requestAnimationFrame(() =>
                     requestAnimationFrame(() => setTimeout(resolve, 0))));
                 return window.shifted;",
                json!({}),
            )
            .await
    }

    /// Makes the window as high as the page, so that fixed elements cover nothing.
    async fn unroll(&self, width: u32) {
        self.browser.resize(width, HEIGHT).await;
        self.browser.rests().await;
        let height: u32 = self
            .browser
            .script("return document.documentElement.scrollHeight")
            .await;
        self.browser.resize(width, height.min(HIGHEST)).await;
        self.browser.rests().await;
    }

    async fn bring_axe(&self) {
        let axe = std::fs::read_to_string(AXE)
            .unwrap_or_else(|error| panic!("{AXE}: {error}; tests/all installs it"));
        self.browser
            .script::<()>(&format!("if (!window.axe) {{ {axe} }}"))
            .await;
    }

    async fn breaks_none_of(&self, rules: &str, name: &str) {
        let violations: Vec<Value> = self
            .browser
            .asynchronous(
                &format!(
                    "const {{ violations }} = await axe.run(document, {{
                         resultTypes: ['violations'],
                         {rules},
                     }});
                     {PLACES}"
                ),
                json!({}),
            )
            .await;
        assert!(violations.is_empty(), "{name}: {violations:#?}");
    }

    async fn fits(&self, name: &str, width: u32) {
        let (wide, beyond): (u32, Vec<String>) = self
            .browser
            .script(
                "const { clientWidth, scrollWidth } = document.documentElement;
                 // Content that scrolls, or is cut on purpose, has an ancestor that clips it.
                 const clips = (it) => getComputedStyle(it).overflowX !== 'visible';
                 const clipped = (it) =>
                     it !== document.body && (clips(it) || clipped(it.parentElement));
                 const beyond = [...document.querySelectorAll('body *')].filter((it) =>
                     it.getBoundingClientRect().right > clientWidth + 1
                     && it.checkVisibility() && !clipped(it));
                 // The table of views must fit without scrolling.
                 const frames = [...document.querySelectorAll('.views-panel .table-frame')];
                 beyond.push(...frames.filter((it) => it.scrollWidth > it.clientWidth));
                 return [scrollWidth, beyond.slice(0, 5).map((it) => it.outerHTML.slice(0, 120))]",
            )
            .await;
        assert!(
            wide <= width && beyond.is_empty(),
            "{name}: {wide} pixels wide: {beyond:#?}"
        );
    }

    /// Keeps pictures of a state at the widths for review, if they are asked for.
    async fn keep(&self, name: &str) {
        if pictures().is_none() {
            return;
        }
        let is_wide = |width: u32| width >= WIDE;
        for width in REVIEWED {
            if is_wide(width) != is_wide(self.screens.0) {
                continue;
            }
            for scheme in ["light", "dark"] {
                self.browser
                    .prefer(&[("prefers-color-scheme", scheme)])
                    .await;
                self.unroll(width).await;
                self.picture(&format!("{name}, {width} pixels, {scheme}"))
                    .await;
            }
        }
    }

    async fn picture(&self, name: &str) {
        let Some(folder) = pictures() else { return };
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let picture = self.browser.picture().await.expect("a picture");
        let file = folder.join(format!("{}.png", name.replace([' ', ','], "-")));
        std::fs::write(file, picture).expect("the picture can be written");
    }
}

/// Where pictures are kept, if they are asked for.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("CARTLOG_LOOKS").map(PathBuf::from)
}

impl Browser {
    /// Enters as the operator where the token is required.
    async fn enter_token(&self) {
        self.click("operator-token").await;
        self.press_while(key::CONTROL, "a").await;
        self.write("operator-token", TOKEN).await;
        self.press(key::ENTER).await;
        self.misses("operator-form").await;
    }
}
