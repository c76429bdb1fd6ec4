//! The visitor's browser checks the shop: a proof is computed on the page, and what was seen on an
//! earlier visit must still be in the log.

use crate::stage::drive;
use cartlog::proof::{EventProof, SignedTreeHead, SigningKey, TreeHead, VerifierKey};
use cartlog_testkit::tampering::{Tampering, tamper};
use rusqlite::Connection;
use serde_json::json;

/// Promise (proof): The history page computes the proof of an event, and one changed byte breaks
/// it.
/// Fault: The button of the page changes one byte; the file of the log has another event.
/// Control: The unaltered event holds in all three steps.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn page_computes_a_proof_that_one_byte_breaks() {
    drive(async |browser, service| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.mentions("indicator-seen", "Log is signed").await;
        browser.click("proof-open").await;
        browser.says("proof-title", "Proof of event 6").await;
        browser.mentions("proof-words", "All steps hold").await;
        browser.click("proof-tamper").await;
        browser.mentions("proof-words", "2 of 3 steps fail").await;
        browser.click("proof-tamper").await;
        browser.mentions("proof-words", "All steps hold").await;
        // An event that was altered in the log: the page gets it, and sees that it was not signed.
        service.kill();
        let log = Connection::open(service.file("data/events.db")).unwrap();
        log.execute_batch(
            "DROP TRIGGER log_refuses_update;
             UPDATE log SET data = replace(data, '1999', '1998') WHERE version = 2;",
        )
        .unwrap();
        drop(log);
        service.start_again();
        browser.open(&format!("/history/{cart}?v=2")).await;
        browser
            .mentions("indicator-chain", "Hash chain intact")
            .await;
        browser.click("proof-open").await;
        browser.mentions("proof-words", "2 of 3 steps fail").await;
        browser.expect_complaint("ERR_");
    })
    .await;
}

/// Promise (proof): A browser that was here before notices that the shop put an older log in place,
/// with its old checkpoint or without.
/// Fault: The log of an earlier moment is restored, first alone and then with the checkpoint of
/// that moment.
/// Control: With the log that went on, the page says since when nothing was rewritten.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn returning_browser_notices_an_older_log() {
    drive(async |browser, service| {
        let cart = browser.open_history_of_a_pot_of_tea().await;
        browser.mentions("indicator-seen", "Log is signed").await;
        service.kill();
        service.keep_log();
        let checkpoint = service.file("data/proof.key.checkpoint");
        let kept = std::fs::read(&checkpoint).unwrap();
        service.start_again();
        let items = json!([{ "sku": "sencha", "quantity": 1 }]);
        browser
            .ask("POST", "/api/carts", json!({ "items": items }))
            .await;
        // The next checkpoint has the new events, and the page keeps it.
        browser
            .until(
                "fetch('/log/checkpoint').then((it) => it.text()).then((it) => {
                     window.newest = Number(it.split('\\n')[1]);
                 }) && window.newest > 6",
            )
            .await;
        browser.open(&format!("/history/{cart}")).await;
        browser
            .mentions("indicator-seen", "Nothing rewritten since")
            .await;
        service.kill();
        service.restore_log();
        service.start_again();
        browser.open(&format!("/history/{cart}")).await;
        browser
            .mentions("indicator-seen", "can’t prove that it kept")
            .await;
        browser.expect_complaint("status of 503");
        browser.expect_complaint("ERR_");
        service.kill();
        service.restore_log();
        std::fs::write(&checkpoint, kept).unwrap();
        service.start_again();
        browser.open(&format!("/history/{cart}")).await;
        browser
            .mentions("indicator-seen", "has rewritten what you saw")
            .await;
    })
    .await;
}

/// Promise (proof): A browser that was here before notices that the shop has rewritten its log,
/// even if the shop signs the new one with the same key.
/// Fault: The last events or a whole cart are removed, or a chain is computed again, and the
/// checkpoint that was signed last is replaced by one of an empty log.
/// Control: Before that the page says since when nothing was rewritten.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn returning_browser_notices_a_rewritten_log() {
    for how in [
        Tampering::TailRemoved,
        Tampering::CartRemoved,
        Tampering::ChainRecomputed,
    ] {
        drive(async |browser, service| {
            browser.open("/history").await;
            let items = json!([{ "sku": "sencha", "quantity": 1 }]);
            let other = browser
                .ask("POST", "/api/carts", json!({ "items": items }))
                .await;
            let cart = browser.open_history_of_a_pot_of_tea().await;
            browser.mentions("indicator-seen", "Log is signed").await;
            browser.open(&format!("/history/{cart}")).await;
            browser
                .mentions("indicator-seen", "Nothing rewritten since")
                .await;
            service.kill();
            let removed = other["id"].as_str().unwrap();
            tamper(&service.file("data/events.db"), how, removed);
            for views in ["views.db", "views.db-wal", "views.db-shm"] {
                let _ = std::fs::remove_file(service.file("data").join(views));
            }
            let key = std::fs::read_to_string(service.file("data/proof.key")).unwrap();
            let key: SigningKey = key.parse().unwrap();
            let empty = SignedTreeHead::sign(TreeHead::EMPTY, &[&key]);
            std::fs::write(service.file("data/proof.key.checkpoint"), empty.note).unwrap();
            service.start_again();
            browser.open(&format!("/history/{cart}")).await;
            browser
                .mentions("indicator-seen", "has rewritten what you saw")
                .await;
            browser.expect_complaint("ERR_");
        })
        .await;
    }
}

/// Promise (proof): A page that cannot check a signature says so, and shows nothing as proved.
/// Fault: The browser's WebCrypto lacks Ed25519.
/// Control: With Ed25519 all steps hold.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn browser_without_ed25519_says_so() {
    drive(async |browser, _| {
        browser.open_history_of_a_pot_of_tea().await;
        browser.mentions("indicator-seen", "Log is signed").await;
        browser
            .script::<()>(
                "const own = crypto.subtle.importKey.bind(crypto.subtle);
                 crypto.subtle.importKey = async (form, key, name, ...rest) => {
                     if (window.lacks && name === 'Ed25519') throw new Error('not supported');
                     return own(form, key, name, ...rest);
                 };
                 window.lacks = true;",
            )
            .await;
        browser.click("proof-open").await;
        browser
            .mentions("proof-words", "The signature was not checked")
            .await;
        browser.script::<()>("window.lacks = false;").await;
        browser.click("proof-close").await;
        browser.click("proof-open").await;
        browser.mentions("proof-words", "All steps hold").await;
    })
    .await;
}

/// Contract (proof): The receipt of an order links to the proof of its event.
#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn receipt_links_to_its_proof() {
    drive(async |browser, _| {
        browser.open("/").await;
        browser.click("add-teapot").await;
        browser.says("cart-count", "1").await;
        browser.click("cart-button").await;
        browser.check_out().await;
        browser.click("order-receipt").await;
        browser.sees("receipt-proof").await;
        let file: String = browser
            .asynchronous(
                "const link = document.getElementById('receipt-proof');
                 return (await fetch(link.href)).text();",
                json!({}),
            )
            .await;
        let key: String = browser
            .asynchronous("return (await fetch('/log/key')).text();", json!({}))
            .await;
        let key: VerifierKey = key.trim().parse().unwrap();
        let proof = EventProof::check(&file, &key).unwrap();
        assert!(proof.event.contains("CartCheckedOut"), "{}", proof.event);
    })
    .await;
}
