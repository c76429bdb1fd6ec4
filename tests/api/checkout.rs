//! `/api/carts/{id}/checkout` and `/undo`, and closed carts.

use cartlog_testkit::TestApp;
use serde_json::{Value, json};

/// Contract (carts): `POST …/checkout`
#[tokio::test]
async fn checkout_requires_the_total_the_shopper_saw() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let problem = cart.check_out(2, 1998, "a").await;
    assert_eq!(problem.expect_problem(409, "total-changed")["total"], 1999);
    let paid = cart.check_out(2, 1999, "b").await.expect(201);
    let document = paid.json();
    assert_eq!(document["status"], "checked_out");
    let event = cart.events().await.expect(200).json()["items"][2].clone();
    assert_eq!(event["type"], "CartCheckedOut");
    assert_eq!(event["data"]["order_id"], document["order_id"]);
    assert_eq!(event["data"]["total"], 1999);
}

#[tokio::test]
async fn checkout_of_empty_cart_returns_409() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    cart.check_out(1, 0, "a")
        .await
        .expect_problem(409, "empty-cart");
    assert_eq!(app.log_head(), 1);
}

#[tokio::test]
async fn checkout_total_must_be_an_integer() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for body in [
        json!({}),
        json!({ "expected_total": "1999" }),
        json!({ "expected_total": 19.99 }),
        json!({ "expected_total": null }),
        json!([1999]),
    ] {
        let ask = cart.check_out(2, 0, "a").json(&body);
        ask.await.expect_problem(400, "invalid-body");
    }
    assert_eq!(app.log_head(), 2);
}

#[tokio::test]
async fn closed_cart_refuses_commands_and_stays_readable() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let paid = cart.check_out(2, 1999, "pay").await.expect(201);
    let order = &paid.json()["order_id"];
    for ask in [
        cart.add("teapot", 1),
        cart.set("teapot", 2),
        cart.set("teapot", 1),
        cart.remove("teapot"),
        cart.clear(),
        cart.apply_promotion("TEA10"),
        cart.remove_promotion(),
        cart.undo(3),
        cart.check_out(3, 1999, "pay-again"),
    ] {
        let problem = ask.await.expect_problem(409, "cart-closed");
        assert_eq!(problem["order_id"], *order);
    }
    assert_eq!(app.log_head(), 3);
    assert_eq!(cart.get_at_least(3).await.expect(200).json(), paid.json());
    cart.events().await.expect(200);
    cart.why().await.expect(200);
    cart.timeline().await.expect(200);
}

/// Contract (carts): `POST …/undo`
#[tokio::test]
async fn undo_reverses_commands_back_to_the_first() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let mut states = vec![cart.get_at_least(2).await.expect(200).json()];
    for ask in [
        cart.add("sencha", 2),
        cart.apply_promotion("TEA10"),
        cart.set("sencha", 1),
        cart.clear(),
    ] {
        let answer = ask.await;
        assert!(answer.status < 300);
        states.push(answer.json());
    }
    let mut version = states.last().unwrap()["version"].as_u64().unwrap();
    for before in states.iter().rev().skip(1) {
        let undone = cart.undo(version).await.expect(200);
        version = undone.version();
        let document = undone.json();
        for field in [
            "lines",
            "promotion",
            "items_total",
            "discount",
            "total",
            "status",
        ] {
            assert_eq!(document[field], before[field], "{field}");
        }
    }
    cart.undo(version)
        .await
        .expect_problem(409, "nothing-to-undo");
}

/// Contract (history): An undo names the event that it reverses.
#[tokio::test]
async fn undo_names_the_event_that_it_reverses() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    cart.undo(3).await.expect(200);
    cart.undo(4).await.expect_problem(409, "nothing-to-undo");
    cart.add("teapot", 2).await.expect(200);
    cart.undo(5).await.expect(200);
    let events = cart.events().await.expect(200).json();
    let caused_by = |index: usize| events["items"][index]["meta"]["caused_by"].clone();
    assert_eq!(caused_by(2), Value::Null);
    assert_eq!(caused_by(3), json!({ "stream": cart.id, "version": 3 }));
    assert_eq!(caused_by(5), json!({ "stream": cart.id, "version": 5 }));
}
