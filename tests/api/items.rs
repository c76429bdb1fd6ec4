//! `/api/carts/{id}/items` and `/api/carts/{id}/items/{sku}`.

use cartlog_testkit::TestApp;
use serde_json::{Value, json};

/// Invalid bodies, each with the pointer to its error.
const INVALID_ITEMS: &[(&str, &str)] = &[
    ("", ""),
    ("{", ""),
    ("null", ""),
    ("[]", ""),
    (r#"["teapot", 1]"#, ""),
    ("{}", ""),
    (r#"{"sku":"teapot"}"#, ""),
    (r#"{"quantity":1}"#, ""),
    (r#"{"sku":"teapot","quantity":0}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":-1}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":1.5}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":1.0}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":1e2}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":"1"}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":null}"#, "/quantity"),
    (r#"{"sku":"teapot","quantity":true}"#, "/quantity"),
    (r#"{"sku":"tea pot","quantity":1}"#, "/sku"),
    (r#"{"sku":"","quantity":1}"#, "/sku"),
    (r#"{"sku":7,"quantity":1}"#, "/sku"),
    (r#"{"sku":"teapot","quantity":1,"price":1}"#, "/price"),
    (r#"{"sku":"teapot","sku":"teapot","quantity":1}"#, ""),
    (r#"{"sku":"teapot","quantity":1} {}"#, ""),
];

#[tokio::test]
async fn invalid_item_body_returns_400_with_pointer() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for (body, pointer) in INVALID_ITEMS {
        let ask = cart
            .ask(reqwest::Method::POST, "/items")
            .body(*body)
            .header("content-type", "application/json");
        let answer = ask.await;
        assert_eq!(answer.status, 400, "{body}");
        let problem = answer.expect_problem(400, "invalid-body");
        let found = &problem["errors"][0]["pointer"];
        if !pointer.is_empty() {
            assert_eq!(found, pointer, "{body}: {problem}");
        }
        assert!(found.is_string(), "{body}: {problem}");
    }
    assert_eq!(app.log_head(), 1);
}

/// Contract (carts): `POST …/items`: 201 for a new line.
#[tokio::test]
async fn adding_items_returns_201_only_for_a_new_line() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let created = cart.add("teapot", 2).await.expect(201);
    assert_eq!(created.version(), 2);
    assert_eq!(created.log_position(), app.log_head());
    let document = cart.add("teapot", 1).await.expect(200).json();
    assert_eq!(
        document["lines"],
        json!([{
            "sku": "teapot", "name": "Teapot", "quantity": 3, "total": 5997,
            "lots": [{ "quantity": 3, "unit_price": 1999 }],
        }])
    );
    cart.remove("teapot").await.expect(200);
    cart.add("teapot", 1).await.expect(201);
}

/// Contract (carts): `PUT …/items/{sku}`: the same quantity writes nothing.
#[tokio::test]
async fn setting_the_same_quantity_writes_no_event() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for (quantity, version, line) in [
        (3, 2, json!(3)),
        (3, 2, json!(3)),
        (1, 3, json!(1)),
        (0, 4, Value::Null),
        (0, 4, Value::Null),
    ] {
        let answer = cart.set("teapot", quantity).await.expect(200);
        assert_eq!(answer.version(), version);
        assert_eq!(answer.json()["lines"][0]["quantity"], line);
        assert_eq!(app.log_head(), version);
    }
}

/// Contract (carts): `DELETE …/items/{sku}`, `DELETE …/items`
#[tokio::test]
async fn line_is_removed_once_and_clearing_is_idempotent() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2), ("sencha", 1)]).await;
    let left = cart.remove("teapot").await.expect(200).json();
    assert_eq!(left["items_total"], 1180);
    let problem = cart
        .remove("teapot")
        .await
        .expect_problem(404, "no-such-line");
    assert_eq!(problem["sku"], "teapot");
    cart.remove("no-such-thing")
        .await
        .expect_problem(404, "no-such-line");
    let cleared = cart.clear().await.expect(200);
    assert_eq!(cleared.json()["lines"], json!([]));
    assert_eq!(cart.clear().await.expect(200).version(), cleared.version());
}

/// Contract (errors): 422: against a rule that does not depend on the state of the cart.
#[tokio::test]
async fn unknown_sku_returns_422() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for ask in [
        cart.add("no-such-thing", 1),
        cart.set("no-such-thing", 1),
        app.ask_for_cart()
            .json(&json!({ "items": [{ "sku": "no-such-thing", "quantity": 1 }] })),
    ] {
        let problem = ask.await.expect_problem(422, "unknown-sku");
        assert_eq!(problem["sku"], "no-such-thing");
    }
    assert_eq!(app.log_head(), 1);
}

/// Contract (carts): A limit of a cart is 422 with `max`, although it depends on the cart.
#[tokio::test]
async fn exceeded_limit_returns_422_with_max() {
    let app = TestApp::start_with(&[
        ("limits.lines", "2"),
        ("limits.units", "5"),
        ("limits.events", "6"),
    ]);
    let cart = app.open_cart_with(&[("teapot", 5), ("tea-bowl", 2)]).await;
    for (ask, slug, max) in [
        (cart.add("teapot", 1), "quantity-limit", 5),
        (cart.set("teapot", 6), "quantity-limit", 5),
        (cart.set("teapot", u32::MAX), "quantity-limit", 5),
        (cart.add("tea-bowl", 1), "quantity-limit", 2),
        (cart.add("sencha", 1), "line-limit", 2),
    ] {
        let problem = ask.await.expect_problem(422, slug);
        assert_eq!(problem["max"], max);
    }
    let huge = cart
        .ask(reqwest::Method::POST, "/items")
        .json(&json!({ "sku": "sencha", "quantity": u64::MAX }));
    huge.await.expect_problem(422, "quantity-limit");
    cart.set("teapot", 4).await.expect(200);
    let last = cart.set("teapot", 3).await.expect(200);
    let problem = cart
        .set("teapot", 2)
        .await
        .expect_problem(422, "history-limit");
    assert_eq!(problem["max"], 6);
    let total = last.json()["total"].as_i64().unwrap();
    cart.check_out(5, total, "pay").await.expect(201);
    assert_eq!(app.log_head(), 6);
}

#[tokio::test]
async fn malformed_sku_in_path_returns_404() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let long = "a".repeat(65);
    for sku in ["%20", "-a", "a%2fb", "t%C3%A9", &long] {
        let path = format!("/items/{sku}");
        let ask = cart
            .ask(reqwest::Method::PUT, &path)
            .json(&json!({ "quantity": 1 }));
        ask.await.expect_problem(404, "not-found");
        let ask = cart.ask(reqwest::Method::DELETE, &path);
        ask.await.expect_problem(404, "not-found");
    }
}
