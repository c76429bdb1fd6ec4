//! The service at work: its views, a rebuild and a verification, each caught while it runs.

use super::{Gallery, LARGE, SMALL, TOKEN, look_through};
use crate::browser::Browser;
use crate::senses::PATIENCE;
use crate::service::Service;
use crate::webhooks::demo_with_webhook;
use cartlog_testkit::receiver::{Reply, WebhookReceiver};
use rusqlite::Connection;
use serde_json::json;
use std::fs::OpenOptions;
use uuid::Uuid;

/// How often a work may be over before it is seen.
const TRIES: usize = 10;

const PAGE: &str = "the operations";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, unsynced(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn operations_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, unsynced(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn damaged_row_is_accessible_on_large_screens() {
    look_through("a demo", LARGE, Service::start(), damage_in_demo).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn damaged_row_is_accessible_on_small_screens() {
    look_through("a demo", SMALL, Service::start(), damage_in_demo).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn parked_cart_is_accessible_on_large_screens() {
    let receiver = refusing_receiver();
    look_through("webhooks", LARGE, demo_with_webhook(&receiver), park_a_cart).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn parked_cart_is_accessible_on_small_screens() {
    let receiver = refusing_receiver();
    look_through("webhooks", SMALL, demo_with_webhook(&receiver), park_a_cart).await;
}

fn refusing_receiver() -> WebhookReceiver {
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Status(422, ""));
    receiver
}

async fn park_a_cart(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/operations").await;
    browser.order_elsewhere("park").await;
    browser.mentions("parked-words", "1 cart waits").await;
    browser.click("parked-drop").await;
    gallery.look("a parked cart").await;
}

async fn damage_in_demo(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open_history_of_a_pot_of_tea().await;
    browser.open("/operations").await;
    browser.click("damage-start").await;
    browser.mentions("damage-words", "is now €74.59").await;
    browser.click("simulation-start").await;
    browser.mentions("simulation-words", "See insights").await;
    gallery.look("a damaged row").await;
}

/// The operator's service, on a log that is filled quickly.
fn unsynced() -> Service {
    Service::start_with(&[
        ("security.operator_token", TOKEN),
        ("log.durability", "process"),
    ])
}

async fn reach_all(gallery: &Gallery<'_>, service: &mut Service) {
    let browser = gallery.browser;
    browser.open("/operations").await;
    browser.sees("operator-form").await;
    gallery.look("signed out").await;
    browser.enter_token().await;
    browser.misses("damage").await;
    service.simulate(400, 9);
    let cart = browser.open_history_of_a_pot_of_tea().await;
    browser.open("/operations").await;
    browser
        .mentions("indicator-views", "All views up to date")
        .await;
    gallery.look("all current").await;
    gallery.catch_running("rebuild", service).await;
    gallery.look("rebuilding").await;
    service.thaw();
    browser.mentions("rebuild-words", "Completed").await;
    browser.says("rebuild-rows-that-differ", "0").await;
    gallery.look("rebuilt").await;
    gallery.catch_running("verify", service).await;
    gallery.look("verifying").await;
    gallery.cancel_verification(service).await;
    gallery.look("a cancelled verification").await;
    browser.click("verify-start").await;
    browser.mentions("verify-words", "No problems found").await;
    gallery.look("sound").await;
    open_details(browser, "rebuild-history").await;
    open_details(browser, "verify-history").await;
    browser.mentions("verify-runs", "Cancelled").await;
    browser.mentions("rebuild-runs", "by the operator").await;
    gallery.look("last runs").await;
    open_details(browser, "configuration-details").await;
    browser
        .mentions("setting-security.operator_token", "set")
        .await;
    let below = "at('configuration').scrollIntoView()";
    browser.script::<()>(below).await;
    gallery.look("the configuration").await;
    browser.click("configuration-changed").await;
    browser.misses("setting-log.engine").await;
    gallery.look("changed settings").await;
    damage(service, &cart);
    browser.click("verify-start").await;
    browser.mentions("verify-words", "Problems found").await;
    browser.mentions("verify-table", "teapat").await;
    gallery.look("findings").await;
    browser.click("rebuild-start").await;
    browser.says("rebuild-rows-that-differ", "1").await;
    gallery.look("rows that differ").await;
    browser.cut_off(&["*/api/views/rebuild"]).await;
    browser.click("rebuild-start").await;
    browser.sees("rebuild-refusal").await;
    gallery.look("a refused rebuild").await;
    browser.cut_off(&[]).await;
    // Where the new views would be put is something else: as long as it stands, they cannot serve.
    let obstacle = service.file("data/views.db.link");
    std::fs::create_dir(&obstacle).expect("a folder can be made");
    cut(service);
    browser
        .mentions("indicator-views", "All views failed")
        .await;
    browser
        .mentions("indicator-views", "bytes instead of")
        .await;
    browser
        .asynchronous::<()>("await fetch('/api/insights/products')", json!({}))
        .await;
    browser.mentions("view-carts", "failed").await;
    gallery.look("failed views").await;
    browser
        .mentions("background-rows", "rebuilding the views failed")
        .await;
    let below = "at('background').scrollIntoView()";
    browser.script::<()>(below).await;
    gallery.look("errors in the background").await;
    std::fs::remove_dir(&obstacle).expect("the folder can be removed");
    browser
        .mentions("indicator-views", "All views up to date")
        .await;
    browser.expect_complaint("status of 503");
    browser.cut_off(&["*/api/views*"]).await;
    browser.open("/operations").await;
    browser.sees("operations-failed").await;
    gallery.look("did not come").await;
    browser.cut_off(&[]).await;
    browser.open("/operations").await;
    browser
        .mentions("indicator-views", "All views up to date")
        .await;
    service.kill();
    browser.sees("offline").await;
    gallery.look("out of reach").await;
    browser.expect_complaint("ERR_");
}

/// Opens an element that shows more, which is loaded then.
async fn open_details(browser: &Browser, id: &str) {
    let open = format!("at({}).open = true", json!(id));
    browser.script::<()>(&open).await;
}

/// Takes away the second half of the views' file, as a fault of the disk may.
fn cut(service: &Service) {
    let views = service.file("data/views.db");
    let file = OpenOptions::new().write(true).open(views);
    let file = file.expect("the views' file");
    let length = file.metadata().expect("its length").len();
    file.set_len(length / 2).expect("it can be cut");
}

/// Writes another product into the row of a cart, as a fault of the disk may.
fn damage(service: &Service, cart: &str) {
    let file = Connection::open(service.file("data/views.db")).expect("the views' file");
    file.busy_timeout(PATIENCE).expect("a bound on waiting");
    let id = Uuid::parse_str(cart).expect("a cart's id");
    let changed = file
        .execute(
            "UPDATE carts SET document = replace(document, 'teapot', 'teapat') WHERE id = ?1",
            [id.as_bytes()],
        )
        .expect("the row can be written");
    assert_eq!(changed, 1, "the row of {cart}");
}

impl Gallery<'_> {
    /// Cancels the verification that is frozen. It may end before it is cancelled, so it may be
    /// another one.
    async fn cancel_verification(&self, service: &Service) {
        for _ in 0..TRIES {
            self.browser.click("verify-cancel").await;
            service.thaw();
            self.browser
                .until("at('verify-words').dataset.state !== 'running'")
                .await;
            let words = self.browser.text("verify-words").await;
            if words == "Cancelled before its end." {
                return;
            }
            self.catch_running("verify", service).await;
        }
        panic!("the verification was over each time before it was cancelled");
    }

    /// Starts a work and freezes the service in the middle of it, which the page shows then.
    async fn catch_running(&self, work: &str, service: &Service) {
        let words = json!(format!("{work}-words"));
        let shows = format!("at({words}).dataset.state === 'running'");
        for _ in 0..TRIES {
            self.browser.click(&format!("{work}-start")).await;
            let started = format!(
                "{shows} || words({words}) !== {}",
                json!(self.browser.text(&format!("{work}-words")).await)
            );
            self.browser.until(&started).await;
            service.freeze();
            if self.browser.script(&format!("return {shows}")).await {
                return;
            }
            service.thaw();
        }
        panic!("{work} was over each time before it was seen");
    }
}
