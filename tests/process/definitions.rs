//! A start with views of an earlier program, some with another definition.

use crate::recover::{assert_exit_code, documents, open_carts};
use cartlog::cart::event::{CartOpened, Units};
use cartlog::cart::{CartEvent, Currency, Money, Sku};
use cartlog::history::CommitMetadata;
use cartlog::log::sqlite::{Durability, SqliteLog, SqliteLogSettings};
use cartlog::log::{Commit, Head, LogWriter, NewEvent};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::http_client;
use cartlog_testkit::log_file::log_path;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

const EVENTS: &str = "/api/events?limit=7";
const PRODUCTS: &str = "/api/insights/products?limit=5";

/// Enough carts that the rebuild takes long enough to be observed.
pub const MANY: usize = 20_000;

/// Appends `carts` carts of twelve events each to the log in `folder`, recorded at `at`.
pub async fn fill(folder: &Path, carts: usize, at: Timestamp) {
    const EACH: usize = 12;
    let settings = SqliteLogSettings {
        durability: Durability::Process,
        ..SqliteLogSettings::at(log_path(folder))
    };
    let (log, writer) = SqliteLog::open(&settings).unwrap();
    let added = CartEvent::ItemAdded(Units {
        sku: Sku::parse("sencha").unwrap(),
        name: "Sencha".into(),
        quantity: 1,
        unit_price: Money::from_minor(990),
    });
    let mut events = vec![added; EACH];
    events[0] = CartEvent::CartOpened(CartOpened {
        currency: Currency::EUR,
        token_hash: [7; 32],
    });
    let commit = || {
        let id = Uuid::now_v7();
        let metadata = CommitMetadata::new("open_cart", id, "shopper");
        let events = events.iter().map(NewEvent::of);
        let metadata = metadata.to_json();
        Commit::new(id, Head::START, at, metadata, events.collect())
    };
    for group in vec![(); carts].chunks(500) {
        for appended in join_all(group.iter().map(|()| log.append(commit()))).await {
            appended.unwrap();
        }
    }
    log.close();
    writer.join();
}

/// Status and body of `GET path`.
async fn get(address: SocketAddr, path: &'static str) -> (u16, String) {
    let url = format!("http://{address}{path}");
    let answer = http_client().get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    if path.starts_with("/api") && status == 503 {
        assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
    }
    (status, answer.text().await.unwrap())
}

async fn rebuild(address: SocketAddr) -> Value {
    let (_, status) = get(address, "/api/views/rebuild").await;
    serde_json::from_str(&status).unwrap()
}

/// A response from each view but the carts', once the log is signed: the signer waits for them.
async fn answers(address: SocketAddr) -> Vec<String> {
    let mut answers = Vec::new();
    for path in [
        EVENTS,
        PRODUCTS,
        "/api/insights/pairs",
        "/api/insights/activity",
        "/api/views",
    ] {
        let started = Instant::now();
        let answer = loop {
            let (status, answer) = get(address, path).await;
            assert_eq!(status, 200, "{path}: {answer}");
            if path != "/api/views" || answer.contains("\"not_signed\":null") {
                break answer;
            }
            assert!(started.elapsed() < PATIENCE, "not signed in time: {answer}");
        };
        answers.push(answer);
    }
    answers
}

/// The final state of the rebuild.
async fn outcome(address: SocketAddr) -> String {
    let started = Instant::now();
    loop {
        let status = rebuild(address).await;
        match status["state"].as_str() {
            Some("running") => assert!(started.elapsed() < PATIENCE, "{status}"),
            state => return state.unwrap_or_default().to_owned(),
        }
    }
}

async fn wait_until_ready(address: SocketAddr) {
    let started = Instant::now();
    while get(address, "/readyz").await.0 != 200 {
        assert!(
            started.elapsed() < PATIENCE,
            "the views are not ready in time"
        );
    }
}

/// Contract (views): A changed definition is rebuilt at the next start, while carts and the other
/// views are served.
#[tokio::test]
async fn changed_view_definitions_are_rebuilt_while_carts_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = ServiceProcess::serve(folder);
    let carts = open_carts(program.address, 3).await;
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    fill(folder, MANY, Timestamp::now()).await;
    let program = ServiceProcess::serve(folder);
    wait_until_ready(program.address).await;
    let before = answers(program.address).await;
    let cart_before = documents(program.address, &carts).await;
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));

    for (changed, named, serving) in [
        ("view = 'products'", "products: definition changed", true),
        (
            "view IN ('carts', 'products')",
            "carts, products: definition changed",
            true,
        ),
        ("true", "initial build", false),
    ] {
        let file = Connection::open(folder.join("data/views.db")).unwrap();
        file.execute_batch(&format!(
            "UPDATE definitions SET definition = definition - 1 WHERE {changed};
             ALTER TABLE products RENAME COLUMN revenue TO takings;
             DELETE FROM products;"
        ))
        .unwrap();
        if changed != "view = 'products'" {
            file.execute_batch("UPDATE carts SET document = 'of another shape'")
                .unwrap();
        }
        drop(file);

        let program = ServiceProcess::serve(folder);
        let address = program.address;
        // The query waits a moment for the view before it gets 503.
        let asked = tokio::spawn(get(address, PRODUCTS));
        let mut rounds = 0;
        loop {
            let ready = get(address, "/readyz").await;
            let others = if serving {
                Some(get(address, EVENTS).await)
            } else {
                None
            };
            // Carts are served at every moment of the rebuild.
            assert_eq!(documents(address, &carts).await, cart_before, "{changed}");
            assert!(others.is_none_or(|(status, answer)| status == 200 && answer == before[0]));
            if ready.0 == 200 {
                break;
            }
            rounds += 1;
            assert_eq!(ready.0, 503, "{changed}: {ready:?}");
            assert!(ready.1.contains(named), "{changed}: {ready:?}");
            let status = rebuild(address).await;
            assert!(status["events_total"].as_u64() > Some(0), "{status}");
        }
        let (status, answer) = asked.await.unwrap();
        assert!(status == 503 || answer == before[1], "{changed}: {answer}");
        assert!(
            rounds > 0,
            "{changed}: the rebuild was too quick to observe"
        );
        assert_eq!(answers(address).await, before, "{changed}");
        // `/readyz` may be ready before the rebuild's status is complete: it runs at low priority.
        assert_eq!(outcome(address).await, "swapped", "{changed}");
        assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    }
    assert_exit_code(&run_to_exit(command(folder, &["verify"])), 0);
}
