//! What a service publishes, as an auditor reads it.

use cartlog::log::Hash;
use cartlog::merkle::{TileKind, TilePath, WIDTH};
use cartlog::proof::{EventProof, VerifierKey};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::api::{ApiClient, CartClient};
use cartlog_testkit::app::TestApp;
use cartlog_testkit::tree_oracle::{OracleTree, accepts_consistency, open_checkpoint};
use reqwest::Method;
use serde_json::Value;
use tlog_tiles::Tile;

pub async fn text(app: &ApiClient, path: &str) -> String {
    let answer = app.get(path).await.expect(200);
    String::from_utf8(answer.body.clone()).unwrap()
}

pub async fn key(app: &ApiClient) -> String {
    text(app, "/log/key").await.trim_end().to_owned()
}

/// The newest checkpoint, once it has `size` events.
pub async fn checkpoint(app: &ApiClient, size: u64) -> (String, u64, Hash) {
    let key = key(app).await;
    let mut last = String::new();
    let signed = async {
        loop {
            let answer = app.get("/log/checkpoint").await;
            let note = String::from_utf8(answer.body.clone()).unwrap();
            last.clone_from(&note);
            if answer.status == 200 {
                let (_, signed, root) = open_checkpoint(&note, &key).unwrap();
                if signed >= size {
                    return (note, signed, root);
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let signed = tokio::time::timeout(PATIENCE, signed).await;
    signed.unwrap_or_else(|_| panic!("no checkpoint of {size} events: {last}"))
}

/// The proof of an event.
pub async fn proof(cart: &CartClient, version: u64) -> String {
    let path = format!("/events/{version}/proof");
    let answer = cart.ask(Method::GET, &path).await.expect(200);
    String::from_utf8(answer.body.clone()).unwrap()
}

/// Fills the log up to `size` events at least.
pub async fn fill(app: &TestApp, size: u64) -> CartClient {
    let cart = app.open_cart().await;
    for _ in app.log_head()..size {
        assert!(cart.add("teapot", 1).await.status < 300);
    }
    cart
}

/// Promise (proof): An auditor's own tree over the published entries has the signed root, and each
/// published tile.
/// Fault: The views are deleted and built again, with other batches.
/// Control: The oracle has another root for one entry less.
#[tokio::test]
async fn published_tree_is_that_of_its_entries() {
    let mut app = TestApp::start();
    fill(&app, 515).await;
    let (_, size, root) = checkpoint(&app, 515).await;
    let log: Vec<String> = app.log().into_iter().map(|event| event.hash).collect();
    let mut entries = Vec::new();
    for index in 0..size.div_ceil(WIDTH) {
        let width = (size - index * WIDTH).min(WIDTH);
        let path = TilePath {
            kind: TileKind::Entries,
            index,
            width,
        };
        let bundle = app.get(&format!("/log/tile/{path}")).await.expect(200).body;
        for entry in bundle.chunks(34) {
            assert_eq!(entry[..2], [0, 32]);
            entries.push(Hash(entry[2..].try_into().unwrap()));
        }
    }
    let published: Vec<String> = entries.iter().map(Hash::to_string).collect();
    assert_eq!(published, log[..entries.len()]);
    let oracle = OracleTree::of(&entries);
    assert_eq!(oracle.root_at(size), root);
    assert_ne!(oracle.root_at(size - 1), root);
    check_tiles(&app, size, &oracle).await;
    for absent in [
        "0/x001/000",
        "0/002.p/255",
        "1/000.p/3",
        "2/000.p/1",
        "entries/003",
        "64/000",
    ] {
        let answer = app.get(&format!("/log/tile/{absent}")).await;
        answer.expect_problem(404, "not-found");
    }
    app.stop();
    std::fs::remove_file(app.file("views.db")).unwrap();
    app.start_again().unwrap();
    checkpoint(&app, size).await;
    check_tiles(&app, size, &oracle).await;
}

/// Each published tile of the tree of `size` is that of the oracle.
async fn check_tiles(app: &TestApp, size: u64, oracle: &OracleTree) {
    for tile in Tile::new_tiles(8, 0, size) {
        let width = u64::from(tile.width());
        let path = TilePath {
            kind: TileKind::Tree(tile.level()),
            index: tile.level_index(),
            width,
        };
        let answer = app.get(&format!("/log/tile/{path}")).await.expect(200);
        assert_eq!(answer.body, tile.read_data(oracle).unwrap(), "{path}");
        let caching = answer.header("cache-control").unwrap();
        assert!(caching.contains("immutable"), "{caching}");
    }
}

/// Promise (proof): Each event of a cart has a proof that holds without the service, and no byte of
/// it can change.
/// Fault: Each character of the file is altered, one at a time.
/// Control: The unaltered file holds.
#[tokio::test]
async fn event_proof_holds_and_no_byte_can_change() {
    let app = TestApp::start();
    let cart = fill(&app, 20).await;
    let key: VerifierKey = key(&app).await.parse().unwrap();
    for version in [1, 2, 19] {
        let text = proof(&cart, version).await;
        let proof = EventProof::check(&text, &key).unwrap();
        let stored = &app.stored_events(&cart.id)[version as usize - 1];
        let lines: Vec<&str> = proof.event.lines().collect();
        assert_eq!(lines[1..3], [&*cart.id, &*version.to_string()]);
        assert_eq!(
            (lines[6], proof.position.0),
            (&*stored.data, stored.position)
        );
        for place in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[place] ^= 1;
            let Ok(altered) = String::from_utf8(altered) else {
                continue;
            };
            let checked = EventProof::check(&altered, &key);
            assert!(checked.is_err(), "{place}: {altered}");
        }
    }
    cart.ask(Method::GET, "/events/99/proof")
        .await
        .expect_problem(404, "no-such-version");
    cart.ask(Method::GET, "/events/0/proof")
        .await
        .expect_problem(404, "not-found");
    let stranger = app.cart(&cart.id, &"0".repeat(64));
    let refused = stranger.ask(Method::GET, "/events/1/proof").await;
    refused.expect_problem(404, "not-found");
}

/// Promise (proof): Two checkpoints of one service are connected by a consistency proof.
/// Fault: Proofs between 15 pairs of sizes are given for another old root.
/// Control: The proof of another pair is refused by Cloudflare's tlog_tiles.
#[tokio::test]
async fn checkpoints_are_connected_by_proofs() {
    let app = TestApp::start();
    let mut heads = Vec::new();
    for size in [1, 7, 8, 30, 300] {
        fill(&app, size).await;
        let (_, size, root) = checkpoint(&app, size).await;
        heads.push((size, root));
    }
    for (place, old) in heads.iter().enumerate() {
        for new in &heads[place..] {
            let path = format!("/log/proof/consistency?from={}&to={}", old.0, new.0);
            let answer: Value = app.get(&path).await.expect(200).json();
            let proof: Vec<Hash> = serde_json::from_value(answer["hashes"].clone()).unwrap();
            assert!(accepts_consistency(&proof, *old, *new), "{answer}");
            if old.0 < new.0 {
                assert!(!accepts_consistency(&proof, (old.0, new.1), *new));
            }
        }
    }
    let newest = heads.last().unwrap().0;
    for query in [
        format!("from={}", newest + 1),
        format!("from=1&to={}", newest + 1),
    ] {
        let answer = app.get(&format!("/log/proof/consistency?{query}")).await;
        answer.expect_problem(400, "invalid-query");
    }
}

/// Contract (proof): With `proof.public = false` checkpoints, tiles and consistency proofs require
/// the operator; the key and the proof of an event do not.
#[tokio::test]
async fn private_proof_requires_the_operator() {
    let token = "0123456789abcdef0123456789abcdef";
    let settings = [
        ("proof.public", "false"),
        ("security.operator_token", token),
    ];
    let app = TestApp::start_with(&settings);
    let cart = fill(&app, 3).await;
    proof(&cart, 1).await;
    key(&app).await;
    for path in [
        "/log/checkpoint",
        "/log/tile/0/000.p/1",
        "/log/proof/consistency?from=1",
    ] {
        app.get(path).await.expect_problem(401, "operator-only");
        app.get(path).token(token).await.expect(200);
    }
}

/// Contract (proof): The answer to a checkout links to the proof of its event.
#[tokio::test]
async fn checkout_links_to_its_proof() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let open = cart.get().await.expect(200);
    let total = open.json()["total"].as_i64().unwrap();
    let order = cart
        .check_out(open.version(), total, "key-of-the-order")
        .await;
    let order = order.expect(201);
    let link = order.header("link").unwrap();
    let (path, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(relation, "; rel=\"https://c2sp.org/tlog-proof\"");
    let below = path
        .strip_prefix(&format!("/api/carts/{}", cart.id))
        .unwrap();
    let answer = cart.ask(Method::GET, below).await.expect(200);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let key: VerifierKey = key(&app).await.parse().unwrap();
    let proof = EventProof::check(&text, &key).unwrap();
    assert!(proof.event.contains("CartCheckedOut"), "{}", proof.event);
}
