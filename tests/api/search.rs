//! `/api/search`: carts, orders and events by a part of their id.

use cartlog_testkit::{TestApp, text};
use serde_json::{Value, json};

async fn found(app: &TestApp, q: &str) -> Vec<Value> {
    let path = format!("/api/search?q={}", q.replace(' ', "%20"));
    let answer = app.get(&path).await.expect(200).json();
    answer["items"].as_array().expect("items").clone()
}

/// Contract (service): `GET /api/search` finds carts and orders by the beginning or the end of
/// their id, and an event by its position
#[tokio::test]
async fn search_finds_carts_orders_and_events() {
    let app = TestApp::start_with(&[("orders.confirm", "at_once")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let ordered = cart.check_out(2, 1999, "pay").await.expect(201).json();
    let order = text(&ordered["order_id"]);
    app.get(&format!("/api/orders/{order}"))
        .token(&cart.token)
        .await
        .expect(200);
    let end = &cart.id[cart.id.len() - 8..];
    for q in [cart.id.as_str(), end, &end.to_uppercase(), &cart.id[..18]] {
        let carts = found(&app, q).await;
        assert!(
            carts.contains(&json!({ "kind": "cart", "id": cart.id })),
            "{q}: {carts:?}"
        );
    }
    // As the receipt prints it.
    let number = order[order.len() - 8..].to_uppercase();
    let number = format!("{}-{}", &number[..4], &number[4..]);
    let orders = found(&app, &number).await;
    assert!(
        orders.contains(&json!({ "kind": "order", "id": order })),
        "{number}: {orders:?}"
    );
    let event = &found(&app, "2").await[0];
    assert_eq!(event["kind"], "event");
    assert_eq!(event["type"], "ItemAdded");
    assert_eq!(event["stream"], json!({ "model": "cart", "id": cart.id }));
    assert_eq!(event["version"], 2);
    assert_eq!(found(&app, "999").await, Vec::<Value>::new());
}

#[tokio::test]
async fn search_says_what_can_be_searched_for() {
    let app = TestApp::start();
    for q in ["", "abc", "teapot", &"a".repeat(33)] {
        app.get(&format!("/api/search?q={q}"))
            .await
            .expect_problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn search_is_for_the_operator() {
    let app = TestApp::start_with(&[("security.operator_token", "the operator's token")]);
    let refused = app.get("/api/search?q=1").await;
    refused.expect_problem(401, "operator-only");
}
