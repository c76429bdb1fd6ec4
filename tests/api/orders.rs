//! Orders: what follows a checkout, and the warehouse's answers.

use cartlog_testkit::{Answer, CartClient, TestApp, text};
use reqwest::Method;
use serde_json::{Value, json};

const WAREHOUSE: &str = "the token of the warehouse";

/// A shop without a warehouse: orders are confirmed at once.
fn shop() -> TestApp {
    TestApp::start_with(&[("orders.confirm", "at_once")])
}

/// A shop that asks a warehouse, which may take `seconds` to answer.
fn shop_with_warehouse(seconds: &str) -> TestApp {
    TestApp::start_with(&[
        ("orders.confirm", "warehouse"),
        ("orders.warehouse_token", WAREHOUSE),
        ("orders.reserve_within_seconds", seconds),
    ])
}

/// A cart with two teapots that was checked out, and the id of its order.
async fn checked_out(app: &TestApp) -> (CartClient, String) {
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let paid = cart.check_out(2, 3998, "pay").await.expect(201).json();
    let order = text(&paid["order_id"]).to_owned();
    (cart, order)
}

async fn get(cart: &CartClient, app: &TestApp, path: &str) -> Answer {
    app.get(path).token(&cart.token).await
}

async fn order(cart: &CartClient, app: &TestApp, id: &str) -> Value {
    get(cart, app, &format!("/api/orders/{id}"))
        .await
        .expect(200)
        .json()
}

/// The order once it has `status`, which it must get by the events of its live stream.
async fn order_with_status(cart: &CartClient, app: &TestApp, id: &str, status: &str) -> Value {
    let path = format!("/api/orders/{id}/events");
    let stream = app.get(&path).token(&cart.token);
    let mut stream = stream.header("accept", "text/event-stream").stream().await;
    loop {
        let order = order(cart, app, id).await;
        if order["status"] == status {
            return order;
        }
        stream.next().await.expect("an event");
    }
}

async fn answer(app: &TestApp, id: &str, body: &Value) -> Answer {
    let path = format!("/api/orders/{id}/reservation");
    app.ask(Method::POST, &path)
        .token(WAREHOUSE)
        .json(body)
        .await
}

/// The types of the order's events, with the actor of each.
async fn history(cart: &CartClient, app: &TestApp, id: &str) -> Vec<(String, String)> {
    let events = get(cart, app, &format!("/api/orders/{id}/events")).await;
    let events = events.expect(200).json();
    let items = events["items"].as_array().expect("a page").iter();
    items
        .map(|event| {
            let actor = text(&event["meta"]["actor"]).to_owned();
            (text(&event["type"]).to_owned(), actor)
        })
        .collect()
}

fn by(events: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, actor): &(&str, &str)| ((*name).to_owned(), (*actor).to_owned());
    events.iter().map(owned).collect()
}

/// Contract (orders): Without a warehouse an order is confirmed at once. `GET /api/orders/{id}`
/// waits for an order that is about to be placed.
#[tokio::test]
async fn order_without_warehouse_is_confirmed_at_once() {
    let app = shop();
    let (cart, id) = checked_out(&app).await;
    let order = order(&cart, &app, &id).await;
    assert_eq!(order["id"], id);
    assert_eq!(order["status"], "confirmed");
    assert_eq!(order["cart_id"], cart.id);
    assert_eq!(order["total"], 3998);
    assert_eq!(order["version"], 2);
    let document = cart.get_at_least(3).await.expect(200).json();
    assert_eq!(order["lines"], document["lines"]);
    let expected = by(&[("OrderPlaced", "service"), ("OrderConfirmed", "service")]);
    assert_eq!(history(&cart, &app, &id).await, expected);
    assert_eq!(app.log_head(), 5);
}

/// An order is asked for before the view has seen its checkout.
#[tokio::test]
async fn order_is_found_right_after_its_checkout() {
    let app = shop();
    for _ in 0..40 {
        let (cart, id) = checked_out(&app).await;
        assert_eq!(order(&cart, &app, &id).await["status"], "confirmed");
    }
}

/// Contract (orders): An order needs the token of its cart; without it, and for an unknown order,
/// the answer is the same 404.
#[tokio::test]
async fn order_needs_the_token_of_its_cart() {
    let app = shop();
    let (cart, id) = checked_out(&app).await;
    let (other, _) = checked_out(&app).await;
    let unknown = "01990000-0000-7000-8000-000000000001";
    for path in ["", "/events", "/why"] {
        let path_of = |id: &str| format!("/api/orders/{id}{path}");
        get(&cart, &app, &path_of(&id)).await.expect(200);
        let refused = get(&other, &app, &path_of(&id)).await;
        let refused = refused.expect_problem(404, "not-found");
        let missing = get(&cart, &app, &path_of(unknown)).await;
        let missing = missing.expect_problem(404, "not-found");
        assert_eq!(refused["detail"], missing["detail"]);
        app.get(&path_of(&id))
            .await
            .expect_problem(404, "not-found");
        // A cart is no order, and an order no cart.
        let cart_id = &cart.id;
        get(&cart, &app, &path_of(cart_id))
            .await
            .expect_problem(404, "not-found");
    }
    for path in ["", "/events", "/why", "/timeline"] {
        let path = format!("/api/carts/{id}{path}");
        get(&cart, &app, &path)
            .await
            .expect_problem(404, "not-found");
    }
    let add = app.ask(Method::POST, &format!("/api/carts/{id}/items"));
    let add = add
        .token(&cart.token)
        .json(&json!({ "sku": "mug", "quantity": 1 }));
    add.await.expect_problem(404, "not-found");
}

/// Contract (orders): `POST /api/orders/{id}/reservation`: a reservation confirms the order, and a
/// repeated one changes nothing.
#[tokio::test]
async fn reservation_confirms_the_order() {
    let app = shop_with_warehouse("900");
    let (cart, id) = checked_out(&app).await;
    let placed = order(&cart, &app, &id).await;
    assert_eq!(placed["status"], "placed");
    assert!(placed["reserve_by"].is_string());
    let reserved = answer(&app, &id, &json!({ "outcome": "reserved" })).await;
    assert_eq!(reserved.expect(200).json()["status"], "reserved");
    let confirmed = order_with_status(&cart, &app, &id, "confirmed").await;
    assert_eq!(confirmed.get("reserve_by"), None);
    let head = app.log_head();
    let again = answer(&app, &id, &json!({ "outcome": "reserved" })).await;
    assert_eq!(again.expect(200).json()["status"], "confirmed");
    let refused = json!({ "outcome": "refused", "message": "None left." });
    let refused = answer(&app, &id, &refused).await;
    refused.expect_problem(409, "order-settled");
    assert_eq!(app.log_head(), head);
    let expected = by(&[
        ("OrderPlaced", "service"),
        ("OrderReserved", "warehouse"),
        ("OrderConfirmed", "service"),
    ]);
    assert_eq!(history(&cart, &app, &id).await, expected);
}

/// Contract (orders): A refusal cancels the order, with the reason that the warehouse gave.
#[tokio::test]
async fn refusal_cancels_the_order_with_its_reason() {
    let app = shop_with_warehouse("900");
    let (cart, id) = checked_out(&app).await;
    order(&cart, &app, &id).await;
    let refusal = json!({ "outcome": "refused", "message": "None left.", "skus": ["teapot"] });
    answer(&app, &id, &refusal).await.expect(200);
    let cancelled = order_with_status(&cart, &app, &id, "cancelled").await;
    assert_eq!(cancelled["message"], "None left.");
    assert_eq!(cancelled["cancel_reason"], "refused");
    answer(&app, &id, &refusal).await.expect(200);
    let late = answer(&app, &id, &json!({ "outcome": "reserved" })).await;
    late.expect_problem(409, "order-settled");
    let expected = by(&[
        ("OrderPlaced", "service"),
        ("OrderRefused", "warehouse"),
        ("OrderCancelled", "service"),
    ]);
    assert_eq!(history(&cart, &app, &id).await, expected);
}

/// Contract (orders): An order that the warehouse does not answer in time is cancelled.
#[tokio::test]
async fn order_without_an_answer_is_cancelled_in_time() {
    let app = shop_with_warehouse("1");
    let (cart, id) = checked_out(&app).await;
    let cancelled = order_with_status(&cart, &app, &id, "cancelled").await;
    assert_eq!(cancelled["cancel_reason"], "timed_out");
    let late = answer(&app, &id, &json!({ "outcome": "reserved" })).await;
    late.expect_problem(409, "order-settled");
}

/// Contract (orders): Only the warehouse's token answers orders, and malformed answers are refused.
#[tokio::test]
async fn only_the_warehouse_answers_and_answers_are_checked() {
    let app = shop_with_warehouse("900");
    let (cart, id) = checked_out(&app).await;
    order(&cart, &app, &id).await;
    let path = format!("/api/orders/{id}/reservation");
    let body = json!({ "outcome": "reserved" });
    for token in ["wrong", &*cart.token] {
        let ask = app.ask(Method::POST, &path).token(token).json(&body);
        ask.await.expect_problem(401, "warehouse-only");
    }
    let ask = app.ask(Method::POST, &path).json(&body);
    ask.await.expect_problem(401, "warehouse-only");
    for wrong in [
        json!({}),
        json!({ "outcome": "lost" }),
        json!({ "outcome": "refused" }),
        json!({ "outcome": "refused", "message": "" }),
        json!({ "outcome": "refused", "message": "two\nlines" }),
        json!({ "outcome": "refused", "message": "x".repeat(201) }),
        json!({ "outcome": "reserved", "message": "why" }),
        json!({ "outcome": "reserved", "skus": ["teapot"] }),
        json!({ "outcome": "reserved", "more": 1 }),
    ] {
        let refused = answer(&app, &id, &wrong).await;
        refused.expect_problem(400, "invalid-body");
    }
    let unknown = "01990000-0000-7000-8000-000000000001";
    answer(&app, unknown, &body)
        .await
        .expect_problem(404, "not-found");
    answer(&app, &cart.id, &body)
        .await
        .expect_problem(404, "not-found");
    assert_eq!(order(&cart, &app, &id).await["status"], "placed");

    // Without a token in the configuration no token is right.
    let app = shop();
    let (_, id) = checked_out(&app).await;
    let ask = app
        .ask(Method::POST, &format!("/api/orders/{id}/reservation"))
        .token("")
        .json(&body);
    ask.await.expect_problem(401, "warehouse-only");
}

/// Contract (orders): `GET /api/orders/{id}/why` has the chain of events from the checkout on, each
/// with the event that it reacts to.
#[tokio::test]
async fn why_leads_from_the_status_back_to_the_checkout() {
    let app = shop_with_warehouse("900");
    let (cart, id) = checked_out(&app).await;
    order(&cart, &app, &id).await;
    answer(&app, &id, &json!({ "outcome": "reserved" }))
        .await
        .expect(200);
    order_with_status(&cart, &app, &id, "confirmed").await;
    let why = get(&cart, &app, &format!("/api/orders/{id}/why")).await;
    let why = why.expect(200).json();
    assert_eq!(why["status"], json!({ "value": "confirmed", "version": 3 }));
    let explained = text(&why["amounts"]["explained_by"]);
    let cart_why = get(&cart, &app, explained).await.expect(200).json();
    assert_eq!(cart_why["version"], 3);
    let events = why["events"].as_array().expect("events");
    let chain: Vec<_> = events
        .iter()
        .map(|event| (text(&event["type"]), event["meta"]["caused_by"].clone()))
        .collect();
    let of_order = |version: u64| json!({ "stream": id, "version": version });
    assert_eq!(
        chain,
        [
            ("CartCheckedOut", Value::Null),
            ("OrderPlaced", json!({ "stream": cart.id, "version": 3 })),
            ("OrderReserved", of_order(1)),
            ("OrderConfirmed", of_order(2)),
        ]
    );
    // One correlation through all of it, and the order's events name both ids.
    let correlation = &events[0]["meta"]["correlation_id"];
    for event in &events[1..] {
        assert_eq!(event["cart_id"], cart.id);
        assert_eq!(event["order_id"], id);
        if event["meta"]["actor"] == "service" && event["type"] == "OrderPlaced" {
            assert_eq!(event["meta"]["correlation_id"], *correlation);
        }
    }
}

/// Contract (orders): Orders are placed after a restart for checkouts that had none, once, also
/// when the views were deleted meanwhile.
#[tokio::test]
async fn orders_are_placed_once_across_restarts_and_rebuilds() {
    let mut app = shop();
    let (cart, id) = checked_out(&app).await;
    order(&cart, &app, &id).await;
    let before = order(&cart, &app, &id).await;
    let head = app.log_head();
    app.stop();
    std::fs::remove_file(app.file("views.db")).expect("the views are deleted");
    app.start_again().expect("the service starts again");
    assert_eq!(order(&cart, &app, &id).await, before);
    let (other, other_id) = checked_out(&app).await;
    order(&other, &app, &other_id).await;
    // The process has looked at its list since the restart: it found nothing of the first order.
    assert_eq!(app.log_head(), head + 5);
}

/// Contract (orders): With `orders.confirm = "off"` a checkout is all there is of an order, also
/// after orders are switched on.
#[tokio::test]
async fn checkouts_without_orders_never_get_one() {
    let mut app = TestApp::start();
    let (cart, id) = checked_out(&app).await;
    let events = cart.events().await.expect(200).json();
    assert!(events["items"][2]["data"].get("order_follows").is_none());
    app.set("orders.confirm", "at_once");
    app.restart();
    let (other, other_id) = checked_out(&app).await;
    order(&other, &app, &other_id).await;
    let path = format!("/api/orders/{id}");
    get(&cart, &app, &path)
        .await
        .expect_problem(404, "not-found");
    assert_eq!(app.log_head(), 3 + 5);
}

/// Contract (orders): A browser that checks out with its cart's cookie gets a cookie for the order.
#[tokio::test]
async fn checkout_by_cookie_sets_a_cookie_for_the_order() {
    let app = shop();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let path = format!("/api/carts/{}/checkout", cart.id);
    let paid = app
        .ask(Method::POST, &path)
        .header("cookie", &format!("cart_token={}", cart.token))
        .header("idempotency-key", "pay")
        .header("if-match", "\"2\"")
        .json(&json!({ "expected_total": 1999 }))
        .await
        .expect(201);
    let id = text(&paid.json()["order_id"]).to_owned();
    let cookie = paid.header("set-cookie").expect("a cookie").to_owned();
    assert!(
        cookie.contains(&format!("Path=/api/orders/{id};")),
        "{cookie}"
    );
    assert!(cookie.contains("HttpOnly"), "{cookie}");
    let (pair, _) = cookie.split_once(';').expect("attributes");
    let path = format!("/api/orders/{id}");
    app.get(&path).header("cookie", pair).await.expect(200);
    // A program that sends a bearer token needs none.
    let (_, _) = checked_out(&app).await;
    let bearer = app.open_cart_with(&[("teapot", 1)]).await;
    let paid = bearer.check_out(2, 1999, "pay").await.expect(201);
    assert_eq!(paid.header("set-cookie"), None);
}

/// Contract (orders): The journal has the events of orders, found by their types and by the order's
/// id.
#[tokio::test]
async fn journal_has_the_events_of_orders() {
    let app = shop();
    let (cart, id) = checked_out(&app).await;
    order(&cart, &app, &id).await;
    for query in [
        "type=OrderPlaced".to_owned(),
        format!("cart_id={id}&type=OrderPlaced"),
        format!("cart_id={id}&type=OrderPlaced&order=desc"),
        "command=place_order&type=OrderPlaced".to_owned(),
    ] {
        let found = app
            .get(&format!("/api/events?{query}"))
            .await
            .expect(200)
            .json();
        let items = found["items"].as_array().expect("a page");
        assert_eq!(items.len(), 1, "{query}");
        assert_eq!(items[0]["order_id"], id);
        assert_eq!(items[0]["cart_id"], cart.id);
        assert_eq!(items[0]["version"], 1);
        assert_eq!(items[0]["sentence"], "Placed the order for €39.98");
    }
}
