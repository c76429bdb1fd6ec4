//! Carts with more events than one read folds: their past comes from snapshots, and their
//! explanations in pages.

use cartlog_testkit::{CartClient, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PROCESS: &[(&str, &str)] = &[("log.durability", "process")];

/// Sends commands of all kinds until `cart` has at least `events` events. Returns what the commands
/// responded, by version.
async fn fill(cart: &CartClient, events: u64) -> BTreeMap<u64, Value> {
    let mut responses = BTreeMap::new();
    let mut version = cart.get_at_least(1).await.expect(200).version();
    for round in 0.. {
        if version >= events {
            break;
        }
        let quantity = 1 + round % 2;
        for ask in [
            cart.set("teapot", quantity),
            cart.set("sencha", quantity + 1),
            cart.apply_promotion(["TEA10", "WELCOME5"][round as usize % 2]),
            cart.set("notebook", 3 - quantity),
            cart.clear(),
        ] {
            let answer = ask.await;
            assert!(answer.status < 300, "{answer:?}");
            version = answer.version();
            responses.insert(version, answer.json());
        }
        let undone = cart.undo(version).await.expect(200);
        version = undone.version();
        responses.insert(version, undone.json());
    }
    responses
}

/// All items of a list, which `page` reads.
async fn pages(cart: &CartClient, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let page = cart.ask(Method::GET, &format!("{path}{next}"));
        let page = page.await.expect(200).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next"].as_str() else {
            return items;
        };
        next = format!("&cursor={cursor}");
    }
}

/// Contract (carts): `GET …?version=` and `?at=`
/// Contract (history): `GET …/timeline`
#[tokio::test]
async fn past_of_long_cart_equals_its_command_responses() {
    let app = TestApp::start_with(PROCESS);
    let cart = app.open_cart().await;
    let responses = fill(&cart, 800).await;
    let newest = *responses.keys().last().unwrap();
    app.wait_for_tables().await;
    assert_eq!(snapshots(&app), newest / 256);
    let timeline = pages(&cart, "/timeline?limit=200").await;
    assert_eq!(timeline.len() as u64, newest);
    for (version, response) in &responses {
        let then = cart.get_at(*version).await.expect(200).json();
        assert_eq!(&then, response, "version {version}");
        assert_eq!(&timeline[*version as usize - 1]["cart"], response);
        let changed_at = response["changed_at"].as_str().unwrap();
        let at = cart.ask(Method::GET, &format!("?at={changed_at}"));
        let at = at.await.expect(200);
        let caching = at.header("cache-control").unwrap().to_owned();
        let at = at.json();
        // Later events can have the same time.
        let reached = at["version"].as_u64().unwrap();
        assert!(reached >= *version && at["changed_at"] == changed_at);
        assert_eq!(caching == "no-store", reached == newest, "{caching}");
    }
    for version in [0, newest + 1, u64::MAX] {
        let answer = cart.get_at(version).await;
        answer.expect_problem(404, "no-such-version");
    }
    let before = cart.ask(Method::GET, "?at=1999-01-01T00:00:00Z").await;
    before.expect_problem(404, "no-such-version");
    for path in ["?version=700", "/why?version=0", "?at=1999-01-01T00:00:00Z"] {
        let stranger = app.cart(&cart.id, &"0".repeat(64));
        let refused = stranger.ask(Method::GET, path).await;
        refused.expect_problem(404, "not-found");
    }
}

/// Contract (retries): A retry gets the cart right after its command, however old that is.
#[tokio::test]
async fn replay_of_old_command_on_a_long_cart_repeats_its_response() {
    let app = TestApp::start_with(PROCESS);
    let cart = app.open_cart().await;
    fill(&cart, 300).await;
    let keyed = || {
        cart.add("tea-bowl", 2)
            .key("\"b7c1a0de-6a4f-4f0e-9a3e-000000000001\"")
    };
    let first = keyed().await.expect(201);
    fill(&cart, 600).await;
    app.wait_for_tables().await;
    let again = keyed().await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    assert_eq!(again.version(), first.version());
}

/// A read that finds no snapshot folds all events, with the same result.
#[tokio::test]
async fn past_is_the_same_without_snapshots() {
    let app = TestApp::start_with(PROCESS);
    let cart = app.open_cart().await;
    let responses = fill(&cart, 600).await;
    app.wait_for_tables().await;
    let views = rusqlite::Connection::open(app.file("views.db")).unwrap();
    assert!(views.execute("DELETE FROM snapshots", []).unwrap() >= 2);
    for (version, response) in responses.iter().rev().take(20) {
        let then = cart.get_at(*version).await.expect(200).json();
        assert_eq!(&then, response, "version {version}");
    }
}

fn snapshots(app: &TestApp) -> u64 {
    let views = rusqlite::Connection::open(app.file("views.db")).unwrap();
    let count = views.query_row("SELECT count(*) FROM snapshots", [], |row| row.get(0));
    count.unwrap()
}

/// Contract (history): Sums of a long cart's *why* come in pages that add up exactly.
#[tokio::test]
async fn why_of_long_cart_adds_up_over_its_pages() {
    let app = TestApp::start_with(PROCESS);
    let cart = app.open_cart().await;
    let responses = fill(&cart, 600).await;
    let newest = *responses.keys().last().unwrap();
    for (path, version) in [("/why?", newest), ("/why?version=514&", 514)] {
        let document = cart.get_at(version).await.expect(200).json();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        let mut next = String::new();
        let mut count = 0;
        loop {
            let page = cart.ask(Method::GET, &format!("{path}{next}"));
            let page = page.await.expect(200).json();
            count += 1;
            assert_eq!(page["version"], version, "each page explains one version");
            let mut add = |name: String, number: &Value, of: &str| {
                let terms = number["sum"].as_array().unwrap();
                let sum: i64 = terms.iter().map(|term| term[of].as_i64().unwrap()).sum();
                *sums.entry(name).or_default() += sum;
            };
            for name in ["items_total", "discount", "total"] {
                assert_eq!(page[name]["value"], document[name]);
                add(name.into(), &page[name], "amount");
            }
            for (line, own) in page["lines"]
                .as_array()
                .unwrap()
                .iter()
                .zip(document["lines"].as_array().unwrap())
            {
                assert_eq!(line["sku"], own["sku"]);
                add(
                    format!("{} quantity", line["sku"]),
                    &line["quantity"],
                    "quantity",
                );
                add(format!("{} total", line["sku"]), &line["total"], "amount");
            }
            let Some(cursor) = page["next"].as_str() else {
                break;
            };
            next = format!("cursor={cursor}");
            // Later events are not explained by later pages.
            cart.set("teapot", 1 + count % 2).await.expect(200);
        }
        assert_eq!(u64::from(count), version.div_ceil(256));
        for name in ["items_total", "discount", "total"] {
            assert_eq!(document[name], sums[name], "{name}");
        }
        for line in document["lines"].as_array().unwrap() {
            assert_eq!(line["quantity"], sums[&format!("{} quantity", line["sku"])]);
            assert_eq!(line["total"], sums[&format!("{} total", line["sku"])]);
        }
    }
    let page = cart.why().await.expect(200).json();
    let foreign = format!("/why?version=514&cursor={}", page["next"].as_str().unwrap());
    let refused = cart.ask(Method::GET, &foreign).await;
    refused.expect_problem(400, "invalid-query");
}

#[tokio::test]
async fn what_if_of_long_cart_leaves_out_events_of_any_age() {
    let app = TestApp::start_with(PROCESS);
    let cart = app.open_cart().await;
    let responses = fill(&cart, 600).await;
    let newest = *responses.keys().last().unwrap();
    let versions: Vec<u64> = responses.keys().copied().collect();
    for version in versions.into_iter().step_by(29) {
        let later: Vec<u64> = (version + 1..=newest).collect();
        let hypothetical = cart.what_if(&later).await.expect(200).json();
        for name in ["lines", "promotion", "total"] {
            let expected = &responses[&version][name];
            assert_eq!(&hypothetical["cart"][name], expected, "{name} at {version}");
        }
    }
    // The first addition of teapots: what each later change of the quantity assumes is gone.
    let first = cart.what_if(&[2]).await.expect(200).json();
    assert_eq!(first["without"], json!([2]));
    assert_eq!(first["cart"]["version"], newest);
}

/// Contract (history): A timeline page of large carts has fewer items, and `next`.
#[tokio::test]
async fn timeline_page_of_large_carts_is_bounded_in_bytes() {
    let app = TestApp::start_with(PROCESS);
    let products = app.get("/api/products?limit=200").await.expect(200).json();
    let cart = app.open_cart().await;
    let mut version = 1;
    for product in products["items"].as_array().unwrap() {
        let added = cart
            .add(product["sku"].as_str().unwrap(), 1)
            .await
            .expect(201);
        version = added.version();
    }
    for _ in 0..3 {
        version = cart.clear().await.expect(200).version();
        version = cart.undo(version).await.expect(200).version();
    }
    let page = cart
        .ask(Method::GET, "/timeline?limit=200")
        .await
        .expect(200);
    assert!(page.body.len() < 300 * 1024, "{}", page.body.len());
    let page = page.json();
    assert!(page["items"].as_array().unwrap().len() < 200);
    let timeline = pages(&cart, "/timeline?limit=200").await;
    let events = pages(&cart, "/events?limit=200").await;
    assert_eq!(timeline.len() as u64, version);
    for (moment, event) in timeline.iter().zip(&events) {
        assert_eq!(&moment["event"], event);
        assert_eq!(moment["cart"]["version"], event["version"]);
    }
}

/// Contract (history): `GET /api/events`: filters, pages.
#[tokio::test]
async fn journal_of_long_cart_has_each_event_once() {
    let app = TestApp::start_with(PROCESS);
    let cart = app.open_cart().await;
    let other = app.open_cart().await;
    fill(&cart, 600).await;
    fill(&other, 10).await;
    let mut expected = pages(&cart, "/events?limit=200").await;
    for order in ["asc", "desc"] {
        for filter in ["", "&type=PromotionApplied"] {
            let mut found = Vec::new();
            let mut next = String::new();
            loop {
                let path = format!(
                    "/api/events?cart_id={}&order={order}&limit=70{filter}{next}",
                    cart.id
                );
                let page = app.get(&path).await.expect(200).json();
                found.extend(page["items"].as_array().unwrap().iter().cloned());
                let Some(cursor) = page["next"].as_str() else {
                    break;
                };
                next = format!("&cursor={cursor}");
            }
            let wanted = expected
                .iter()
                .filter(|event| filter.is_empty() || event["type"] == "PromotionApplied");
            assert_eq!(
                found,
                wanted.cloned().collect::<Vec<_>>(),
                "{order}{filter}"
            );
        }
        expected.reverse();
    }
}
