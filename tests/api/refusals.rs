//! `/api/carts/{id}/refusals`.

use cartlog_testkit::{Answer, CartClient, TestApp, text};
use reqwest::Method;
use serde_json::{Value, json};

async fn refusals(cart: &CartClient) -> Vec<Value> {
    let answer = cart.ask(Method::GET, "/refusals").await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let document = answer.json();
    assert_eq!(document["id"], cart.id);
    document["refusals"].as_array().expect("a list").clone()
}

fn slug(problem: &Answer) -> String {
    let problem = problem.json();
    text(&problem["type"])
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned()
}

/// Contract (carts): `GET …/refusals`: what the cart refused, with the rule and the version before.
#[tokio::test]
async fn refusals_name_the_rule_and_the_version() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("tea-bowl", 2)]).await;
    assert_eq!(refusals(&cart).await, Vec::<Value>::new());
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let add = cart.ask(Method::POST, "/items");
    let add = add.header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"));
    let full = add.json(&json!({ "sku": "tea-bowl", "quantity": 3 })).await;
    let full = full.expect_problem(422, "quantity-limit");
    cart.add("sencha", 1).await.expect(201);
    let gone = cart.ask(Method::DELETE, "/items/teapot").await;
    gone.expect_problem(404, "no-such-line");
    cart.apply_promotion("no-such-code")
        .await
        .expect_problem(422, "unknown-promotion");
    let late = cart.ask(Method::POST, "/undo").header("if-match", "\"2\"");
    late.await.expect_problem(412, "version-mismatch");

    let kept = refusals(&cart).await;
    let summary: Vec<Value> = kept
        .iter()
        .map(|it| {
            json!([
                it["version"],
                it["command"],
                it["type"],
                it["sku"],
                it["quantity"]
            ])
        })
        .collect();
    assert_eq!(
        Value::from(summary),
        json!([
            [2, "add_item", "/problems/quantity-limit", "tea-bowl", 3],
            [3, "remove_item", "/problems/no-such-line", "teapot", null],
            [
                3,
                "apply_promotion",
                "/problems/unknown-promotion",
                null,
                null
            ],
            [3, "undo", "/problems/version-mismatch", null, null],
        ])
    );
    assert_eq!(kept[0]["detail"], full["detail"]);
    assert_eq!(kept[0]["title"], full["title"]);
    assert_eq!(kept[0]["trace_id"], trace);
    for refused in &kept {
        let time = refused["decide_ms"].as_f64().expect("a duration");
        assert!((0.001..10_000.0).contains(&time), "{time}");
        assert!(text(&refused["refused_at"]) <= text(&kept[3]["refused_at"]));
    }
    assert_eq!(app.log_head(), 3, "a refusal is no event");
}

/// Contract (carts): What fails before the rules of the cart, and what a stranger sends, is no
/// refusal of the cart.
#[tokio::test]
async fn only_the_owner_causes_and_reads_refusals() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let stranger = app.cart(&cart.id, &"0".repeat(64));
    stranger.add("no-such-thing", 1).await.expect(404);
    cart.ask(Method::POST, "/undo").await.expect(428);
    let body = json!({ "sku": "teapot", "quantity": 0 });
    let malformed = cart.ask(Method::POST, "/items").json(&body).await;
    malformed.expect_problem(400, "invalid-body");
    assert_eq!(refusals(&cart).await, Vec::<Value>::new());
    let unknown = cart.add("no-such-thing", 1).await;
    assert_eq!(slug(&unknown), "unknown-sku");
    assert_eq!(refusals(&cart).await.len(), 1);
    let foreign = stranger.ask(Method::GET, "/refusals").await;
    foreign.expect_problem(404, "not-found");
    let other = app.open_cart_with(&[("teapot", 1)]).await;
    assert_eq!(refusals(&other).await, Vec::<Value>::new());
}

/// Contract (carts): A node keeps the newest 20 refusals of a cart, until it stops.
#[tokio::test]
async fn refusals_are_bounded_and_end_with_the_process() {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("tea-bowl", 2)]).await;
    for quantity in 1..=23 {
        cart.add("tea-bowl", quantity).await.expect(422);
    }
    let kept = refusals(&cart).await;
    let quantities: Vec<_> = kept.iter().map(|it| it["quantity"].as_u64()).collect();
    assert_eq!(quantities, (4..=23).map(Some).collect::<Vec<_>>());
    let (id, token) = (cart.id.clone(), cart.token.clone());
    app.restart();
    let kept = refusals(&app.cart(&id, &token)).await;
    assert_eq!(kept, Vec::<Value>::new());
}
