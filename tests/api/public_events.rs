//! The public events: `/api/public-events`, and their description at `/asyncapi.json`.

use crate::schema::violation;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::{Answer, CartClient, TestApp, repository, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const WAREHOUSE: &str = "the token of the warehouse";
const BATCH: &str = "application/cloudevents-batch+json";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The public events of a page, and the path of the next.
fn page(answer: &Answer) -> (Vec<Value>, String) {
    assert_eq!(answer.header("content-type"), Some(BATCH));
    let link = answer.header("link").expect("a Link");
    let (next, relation) = link[1..].split_once('>').expect("a link");
    assert_eq!(relation, "; rel=\"next\"");
    let events = answer.json().as_array().expect("a batch").clone();
    (events, next.to_owned())
}

async fn all(app: &TestApp) -> Vec<Value> {
    page(&app.get("/api/public-events?limit=200").await.expect(200)).0
}

/// A cart that was checked out within a trace, and one that expired.
async fn closed_carts(app: &TestApp) -> [CartClient; 2] {
    let bought = app.open_cart_with(&[("teapot", 2), ("sencha", 1)]).await;
    bought.apply_promotion("TEA10").await.expect(200);
    let cart = bought.get_at_least(4).await.expect(200);
    let total = cart.json()["total"].as_i64().expect("a total");
    bought
        .check_out(4, total, "pay")
        .header("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01"))
        .await
        .expect(201);
    let idle = app.open_cart_with(&[("teapot", 1)]).await;
    idle.get_at_least(2).await.expect(200);
    let later = Timestamp::from_millis(Timestamp::now().millis() + 40 * 24 * 3_600_000);
    assert_eq!(app.expiry().sweep(later).await.expect("a sweep"), 1);
    [bought, idle]
}

/// An order that the warehouse reserved, and one that it refused, with all of their events.
async fn answered_orders(app: &TestApp) {
    for (answer, last) in [
        (
            json!({ "outcome": "reserved" }),
            "cartlog.v1.order.confirmed",
        ),
        (
            json!({ "outcome": "refused", "message": "None left.", "skus": ["teapot"] }),
            "cartlog.v1.order.cancelled",
        ),
    ] {
        let cart = app.open_cart_with(&[("teapot", 1)]).await;
        let paid = cart.check_out(2, 1999, "pay").await.expect(201).json();
        let order = format!("/api/orders/{}", text(&paid["order_id"]));
        app.get(&order).token(&cart.token).await.expect(200);
        let ask = app.post(&format!("{order}/reservation"));
        ask.token(WAREHOUSE).json(&answer).await.expect(200);
        let ended = async { while !all(app).await.iter().any(|event| event["type"] == last) {} };
        let in_time = tokio::time::timeout(Duration::from_secs(20), ended).await;
        in_time.expect("the order is settled");
    }
}

/// Contract (history): The public events are CloudEvents of their own types, ordered by position,
/// complete without the stored events, with one id whenever they are read.
#[tokio::test]
async fn public_events_are_complete_and_ordered() {
    let app = TestApp::start();
    let [bought, idle] = closed_carts(&app).await;
    let events = all(&app).await;
    let types: Vec<&str> = events.iter().map(|event| text(&event["type"])).collect();
    assert_eq!(
        types,
        [
            "cartlog.v1.cart.checked_out",
            "cartlog.v1.order.placed",
            "cartlog.v1.cart.expired"
        ]
    );
    let [checked_out, placed, expired] = [&events[0], &events[1], &events[2]];
    let cart = bought.get().await.expect(200).json();
    for event in [checked_out, placed] {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["partitionkey"], bought.id);
        assert_eq!(event["logposition"], "5");
        assert_eq!(event["streamversion"], "5");
        assert_eq!(event["data"]["order_id"], cart["order_id"]);
        assert_eq!(event["data"]["cart_id"], bought.id);
        assert_eq!(event["data"]["currency"], cart["currency"]);
        assert_eq!(event["data"]["total"], cart["total"]);
        let parent = text(&event["traceparent"]);
        assert!(parent.starts_with(&format!("00-{TRACE}-")), "{parent}");
        assert_eq!(parent.len(), 55);
    }
    assert_eq!(placed["data"]["lines"], cart["lines"]);
    assert_eq!(placed["data"]["promotion"], "TEA10");
    assert_eq!(
        placed["source"],
        format!("/api/orders/{}", text(&cart["order_id"]))
    );
    assert_eq!(expired["data"]["cart_id"], idle.id);
    assert_eq!(expired["source"], format!("/api/carts/{}", idle.id));
    assert!(expired.get("traceparent").is_none());
    let ids: BTreeSet<&str> = events.iter().map(|event| text(&event["id"])).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(all(&app).await, events);
}

/// Contract (history): `Link` of `GET /api/public-events` leads to what was recorded since, also
/// after the last event, and is refused by another history.
#[tokio::test]
async fn public_events_continue_from_the_last_link() {
    let app = TestApp::start();
    closed_carts(&app).await;
    let whole = all(&app).await;
    let mut found = Vec::new();
    let mut path = "/api/public-events?limit=1".to_owned();
    loop {
        let (events, next) = page(&app.get(&path).await.expect(200));
        path = next;
        if events.is_empty() {
            break;
        }
        found.extend(events);
    }
    assert_eq!(found, whole);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.check_out(2, 1999, "pay").await.expect(201);
    let (events, _) = page(&app.get(&path).await.expect(200));
    assert_eq!(events.len(), 2);
    let only = "/api/public-events?type=cartlog.v1.cart.expired";
    let (expired, _) = page(&app.get(only).await.expect(200));
    assert_eq!(expired, [whole[2].clone()]);

    let elsewhere = "/api/public-events?after=5-0123456789abcdef";
    app.get(elsewhere)
        .await
        .expect_problem(400, "unknown-event-id");
    let json = app
        .get("/api/public-events")
        .header("accept", "application/json");
    json.await.expect_problem(406, "not-acceptable");
}

/// Contract (history): `GET /asyncapi.json` describes every public event as it is sent.
#[tokio::test]
async fn asyncapi_describes_the_messages_that_are_sent() {
    let app = TestApp::start_with(&[
        ("orders.confirm", "warehouse"),
        ("orders.warehouse_token", WAREHOUSE),
    ]);
    closed_carts(&app).await;
    answered_orders(&app).await;
    let document = app.get("/asyncapi.json").await.expect(200).json();
    assert_eq!(document["asyncapi"], "3.0.0");
    let messages = document["components"]["messages"].as_object().unwrap();
    let events = all(&app).await;
    let sent: BTreeSet<&str> = events.iter().map(|event| text(&event["type"])).collect();
    let described: BTreeSet<&str> = messages.keys().map(String::as_str).collect();
    assert_eq!(sent, described);
    for event in &events {
        let payload = &messages[text(&event["type"])]["payload"];
        assert_eq!(violation(&document, payload, event), None);
        // Control: what is wrong is noticed.
        for (member, wrong) in [
            ("type", json!("cartlog.v1.other")),
            ("data", json!({})),
            ("id", json!(5)),
            ("added", json!(true)),
        ] {
            let mut altered = event.clone();
            altered[member] = wrong;
            assert!(
                violation(&document, payload, &altered).is_some(),
                "{member}"
            );
        }
    }
    references_resolve(&document, &document);
    for operation in document["operations"].as_object().unwrap().values() {
        let channel = text(&operation["channel"]["$ref"]);
        for message in operation["messages"].as_array().unwrap() {
            assert!(text(&message["$ref"]).starts_with(&format!("{channel}/messages/")));
        }
    }
}

fn references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').expect("a reference within");
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            members
                .values()
                .for_each(|part| references_resolve(document, part));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|part| references_resolve(document, part)),
        _ => {}
    }
}

/// The description is the contract: a change of it shows where changes are read.
#[tokio::test]
async fn asyncapi_matches_the_snapshot() {
    let app = TestApp::start();
    let current = app.get("/asyncapi.json").await.expect(200).json();
    let current = serde_json::to_string_pretty(&current).unwrap() + "\n";
    let copy = repository().join("tests/golden/asyncapi.json");
    if std::env::var_os("CARTLOG_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&copy, &current).unwrap();
    }
    let kept = std::fs::read_to_string(&copy).unwrap_or_default();
    assert!(
        kept == current,
        "the description of the public events has changed: if that is meant, renew the copy with \
         CARTLOG_GOLDEN=write cargo nextest run --test api asyncapi"
    );
}
