//! The views behind the API: the response to `GET` equals the fold of the cart's events.

use cartlog::cart::document::CartDocument;
use cartlog::cart::{CartEvent, CartModel};
use cartlog::decider::{DecodedEvent, Event, fold};
use cartlog::history::CommitMetadata;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::{CartClient, TestApp};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;
use uuid::Uuid;

/// A pseudo-random number below `end` (SplitMix64).
fn random_below(seed: &mut u64, end: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
}

/// Sends random commands to a cart and returns its version. Refusals are fine, 5xx are not.
pub async fn shop_at_random(cart: &CartClient, mut seed: u64) -> u64 {
    let mut newest = 1;
    for number in 0..40 {
        let sku = ["teapot", "sencha", "notebook", "tea-bowl"][random_below(&mut seed, 4)];
        let quantity = u32::try_from(random_below(&mut seed, 4)).unwrap();
        let ask = match random_below(&mut seed, 12) {
            0..4 => cart.add(sku, quantity),
            4..7 => cart.set(sku, quantity),
            7 => cart.remove(sku),
            8 => cart.apply_promotion(["TEA10", "WELCOME5"][random_below(&mut seed, 2)]),
            9 => cart.remove_promotion(),
            10 => cart.undo(newest),
            _ => cart.clear(),
        };
        let answer = ask.key(&number.to_string()).await;
        assert!(answer.status < 500, "{answer:?}");
        if answer.status < 300 {
            newest = answer.version();
        }
    }
    newest
}

/// Each cart's document, folded from the log file alone.
fn folded(log: &Path) -> BTreeMap<Uuid, String> {
    let file = Connection::open_with_flags(log, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = file
        .prepare(
            "SELECT stream, version, type, schema, recorded_at, data, metadata
             FROM events ORDER BY position",
        )
        .unwrap();
    let mut rows = rows.query([]).unwrap();
    let mut histories: BTreeMap<Uuid, Vec<DecodedEvent<CartEvent>>> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let text = |column| row.get::<_, String>(column).unwrap();
        let metadata = text(6);
        let metadata = CommitMetadata::read(&metadata).unwrap();
        let decoded = DecodedEvent {
            version: row.get(1).unwrap(),
            at: Timestamp::parse(&text(4)).unwrap(),
            command: metadata.command.to_string(),
            command_id: metadata.command_id,
            event: CartEvent::read(&text(2), row.get(3).unwrap(), &text(5)).unwrap(),
        };
        let history = histories.entry(text(0).parse().unwrap()).or_default();
        history.push(decoded);
    }
    histories
        .into_iter()
        .map(|(id, history)| {
            let cart = fold::<CartModel>(&history);
            let json = CartDocument::of(id, &cart).unwrap().to_json();
            (id, String::from_utf8(json).unwrap())
        })
        .collect()
}

/// Each cart's document, as stored in the views' file.
fn viewed(views: &Path) -> BTreeMap<Uuid, String> {
    let file = Connection::open_with_flags(views, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = file.prepare("SELECT id, document FROM carts").unwrap();
    rows.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[tokio::test]
async fn view_rows_equal_the_fold_also_after_deletion() {
    let mut app = TestApp::start();
    let mut carts = Vec::new();
    for _ in 0..10 {
        carts.push(app.open_cart().await);
    }
    let shoppers = carts
        .iter()
        .zip(2026..)
        .map(|(cart, seed)| shop_at_random(cart, seed));
    let newest = futures_util::future::join_all(shoppers).await;
    let mut responses = BTreeMap::new();
    for (cart, version) in carts.iter().zip(newest) {
        let answer = cart.get_at_least(version).await.expect(200);
        assert_eq!(answer.version(), version);
        let body = String::from_utf8(answer.body).unwrap();
        responses.insert(cart.id.parse::<Uuid>().unwrap(), body);
    }
    let carts: Vec<(String, String)> = carts
        .into_iter()
        .map(|cart| (cart.id, cart.token))
        .collect();
    app.stop();
    let folded = folded(&app.file("events.db"));
    assert_eq!(folded, responses);
    assert_eq!(viewed(&app.file("views.db")), folded);

    for name in ["views.db", "views.db-wal", "views.db-shm"] {
        // SQLite removes the -wal and -shm files when it closes the database.
        let _ = std::fs::remove_file(app.file(name));
    }
    app.start_again().expect("the service starts again");
    for (id, token) in &carts {
        let body = &responses[&id.parse::<Uuid>().unwrap()];
        let version: serde_json::Value = serde_json::from_str(body).unwrap();
        let version = version["version"].as_u64().unwrap();
        let answer = app.cart(id, token).get_at_least(version).await.expect(200);
        assert_eq!(&String::from_utf8(answer.body).unwrap(), body);
    }
    app.stop();
    assert_eq!(viewed(&app.file("views.db")), folded);
}
