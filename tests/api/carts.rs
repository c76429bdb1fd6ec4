//! `/api/carts` and `/api/carts/{id}`.

use cartlog_testkit::{TestApp, text};
use serde_json::json;

/// Contract (carts): `POST /api/carts`, `GET /api/carts/{id}`
#[tokio::test]
async fn cart_is_opened_filled_changed_and_checked_out() {
    let app = TestApp::start();
    let opened = app
        .ask_for_cart()
        .json(&json!({ "items": [{ "sku": "teapot", "quantity": 2 }] }))
        .await
        .expect(201);
    let cart = app.cart_of(&opened);
    assert_eq!(
        opened.header("location"),
        Some(format!("/api/carts/{}", cart.id).as_str())
    );
    assert_eq!(opened.version(), 2);
    assert_eq!(opened.log_position(), app.log_head());

    let added = cart.add("sencha", 1).await.expect(201);
    let more = cart.add("teapot", 1).await.expect(200);
    assert_eq!((added.version(), more.version()), (3, 4));
    let fewer = cart.set("teapot", 1).await.expect(200);
    let without = cart.remove("sencha").await.expect(200);
    let reduced = cart.apply_promotion("TEA10").await.expect(200);
    assert_eq!(fewer.json()["lines"][0]["quantity"], 1);
    assert_eq!(without.json()["items_total"], 1999);
    assert_eq!(reduced.json()["total"], 1799);
    let full_price = cart.remove_promotion().await.expect(200);
    assert_eq!(full_price.json()["total"], 1999);
    let undone = cart.undo(full_price.version()).await.expect(200);
    assert_eq!(undone.json()["total"], 1799);

    let paid = cart
        .check_out(undone.version(), 1799, "pay-once")
        .await
        .expect(201);
    let document = paid.json();
    assert_eq!(document["status"], "checked_out");
    assert!(!text(&document["order_id"]).is_empty());
    let refused = cart.clear().await.expect_problem(409, "cart-closed");
    assert_eq!(refused["order_id"], document["order_id"]);
    assert_eq!(paid.version(), app.stored_events(&cart.id).len() as u64);

    let read = cart.get_at_least(paid.version()).await.expect(200);
    assert_eq!(read.json(), document);
    let earlier = cart.get_at(2).await.expect(200).json();
    assert_eq!(earlier["items_total"], 3998);
}

#[tokio::test]
async fn cart_is_unchanged_by_restart() {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2), ("sencha", 1)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    let before = cart.get_at_least(4).await.expect(200);
    let (id, token) = (cart.id.clone(), cart.token.clone());
    app.restart();
    let after = app.cart(&id, &token).get_at_least(4).await.expect(200);
    assert_eq!(after.body, before.body);
    assert_eq!(after.version(), 4);
}

#[tokio::test]
async fn lowered_limit_applies_after_restart_and_removes_nothing() {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1), ("sencha", 1)]).await;
    let (id, token) = (cart.id.clone(), cart.token.clone());
    app.stop();
    app.set("limits.lines", "1");
    app.start_again().expect("the service starts again");
    let cart = app.cart(&id, &token);
    let refused = cart.add("tea-bowl", 1).await;
    assert_eq!(refused.expect_problem(422, "line-limit")["max"], 1);
    let document = cart.add("teapot", 1).await.expect(200).json();
    assert_eq!(document["lines"].as_array().map(Vec::len), Some(2));
}
