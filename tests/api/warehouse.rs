//! The warehouse's answers to orders, and its deadline.

use cartlog_testkit::{Ask, PATIENCE, TestApp, text};
use reqwest::Method;
use serde_json::{Value, json};

const TOKEN: &str = "warehouse-of-the-test";
const REFUSAL: &str = "Sorry, Teapot is sold out.";

/// An order, and the token of its cart.
struct Order {
    id: String,
    token: String,
}

fn start(reserve_within_seconds: &str) -> TestApp {
    TestApp::start_with(&[
        ("orders.confirm", "warehouse"),
        ("orders.warehouse_token", TOKEN),
        ("orders.reserve_within_seconds", reserve_within_seconds),
    ])
}

async fn order(app: &TestApp) -> Order {
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let checked_out = cart.check_out(2, 1999, "pay").await.expect(201).json();
    Order {
        id: text(&checked_out["order_id"]).to_owned(),
        token: cart.token,
    }
}

impl Order {
    async fn document(&self, app: &TestApp) -> Value {
        let get = app.get(&format!("/api/orders/{}", self.id));
        get.token(&self.token).await.expect(200).json()
    }

    async fn until(&self, app: &TestApp, status: &str) -> Value {
        let reached = async {
            loop {
                let order = self.document(app).await;
                if order["status"] == status {
                    return order;
                }
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("the status within the time limit")
    }

    fn answer(&self, app: &TestApp, body: &Value) -> Ask {
        let path = format!("/api/orders/{}/reservation", self.id);
        app.ask(Method::POST, &path).json(body).token(TOKEN)
    }
}

fn reserved() -> Value {
    json!({ "outcome": "reserved" })
}

fn refused() -> Value {
    json!({ "outcome": "refused", "message": REFUSAL, "skus": ["teapot"] })
}

/// Contract (carts): An order that the warehouse does not answer in `orders.reserve_within_seconds`
/// is cancelled as `timed_out`, and a later reservation is 409 `order-settled`.
#[tokio::test]
async fn order_without_an_answer_is_cancelled_in_time() {
    let app = start("1");
    let order = order(&app).await;
    assert_eq!(order.document(&app).await["status"], "placed");
    let cancelled = order.until(&app, "cancelled").await;
    assert_eq!(cancelled["cancel_reason"], "timed_out");
    assert_eq!(cancelled["version"], 2);
    let late = order.answer(&app, &reserved()).await;
    late.expect_problem(409, "order-settled");
    // Nothing is reserved for a refusal, which changes nothing.
    order.answer(&app, &refused()).await.expect(200);
    assert_eq!(order.document(&app).await, cancelled);
}

/// Contract (carts): The warehouse's first answer counts: the same again is 200, and the opposite
/// is 409 `order-settled`.
#[tokio::test]
async fn contradicting_answers_of_the_warehouse_are_refused() {
    let app = start("900");
    for (first, second, status) in [
        (reserved(), refused(), "confirmed"),
        (refused(), reserved(), "cancelled"),
    ] {
        let order = order(&app).await;
        order.document(&app).await;
        order.answer(&app, &first).await.expect(200);
        order.answer(&app, &first).await.expect(200);
        let contradiction = order.answer(&app, &second).await;
        contradiction.expect_problem(409, "order-settled");
        let last = order.until(&app, status).await;
        order.answer(&app, &first).await.expect(200);
        let contradiction = order.answer(&app, &second).await;
        contradiction.expect_problem(409, "order-settled");
        assert_eq!(order.document(&app).await, last);
        assert_eq!(last["version"], 3);
        if status == "cancelled" {
            assert_eq!(last["message"], REFUSAL);
            assert_eq!(last["cancel_reason"], "refused");
        }
    }
}

/// Contract (access): Only the warehouse's token answers an order: another one, the cart's
/// included, is 401 `warehouse-only`.
#[tokio::test]
async fn answer_without_the_token_of_the_warehouse_is_401() {
    let app = start("900");
    let order = order(&app).await;
    let placed = order.document(&app).await;
    for token in ["warehouse-of-another", "", &order.token] {
        let answer = order.answer(&app, &reserved()).token(token).await;
        answer.expect_problem(401, "warehouse-only");
    }
    assert_eq!(order.document(&app).await, placed);
}

/// Contract (access): Wrong tokens of the warehouse are counted and limited per client address, as
/// the operator's are, and neither limit affects the other.
#[tokio::test]
async fn wrong_warehouse_tokens_are_counted_and_limited() {
    let app = start("900");
    let order = order(&app).await;
    let path = format!("/api/orders/{}/reservation", order.id);
    let send = |token: &str| {
        let ask = app.ask(Method::POST, &path).json(&reserved());
        ask.token(token)
    };
    for _ in 0..10 {
        let wrong = send("wrong").await;
        wrong.expect_problem(401, "warehouse-only");
    }
    for token in ["wrong", TOKEN] {
        let limited = send(token).await;
        let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=6).contains(&wait), "{wait}");
        let problem = limited.expect_problem(429, "too-many-guesses");
        assert_eq!(problem["max"], 10);
    }
    order.until(&app, "placed").await;
    let metrics = app.get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    for line in [
        "cartlog_warehouse_auth_failures_total{outcome=\"wrong_token\"} 10",
        "cartlog_warehouse_auth_failures_total{outcome=\"limited\"} 2",
        "cartlog_operator_auth_failures_total{outcome=\"wrong_token\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

/// Contract (service): `GET /api/search` finds carts and orders by products, codes and types of
/// their events and by messages, the newest match first
#[tokio::test]
async fn order_is_found_by_the_message_of_the_warehouse() {
    let app = start("900");
    let (refused_order, other) = (order(&app).await, order(&app).await);
    for (order, answer) in [(&refused_order, refused()), (&other, reserved())] {
        order.until(&app, "placed").await;
        order.answer(&app, &answer).await.expect(200);
    }
    refused_order.until(&app, "cancelled").await;
    app.wait_for_tables().await;
    let found = app.get("/api/search?q=SOLD%20out").await.expect(200).json();
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{found}");
    assert_eq!(items[0]["kind"], "order");
    assert_eq!(items[0]["id"], refused_order.id);
    let matched = json!({ "kind": "message", "text": REFUSAL });
    assert_eq!(items[0]["last_match"]["matched"], matched);
    assert_eq!(found["complete"], true);
}
