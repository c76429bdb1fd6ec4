//! Choices where conventions differ: `docs/contract.md` lists them.

use cartlog_testkit::{Ask, TestApp};
use reqwest::Method;
use serde_json::json;

const OPENING: &str = "9f1d6a52-0c5e-4f0b-8f43-3a2e5b1c7d10";

/// A checkout with everything wrong, then right one by one: the first fault is reported.
///
/// Contract (errors): Checks have an order: host, site, path, method, rate, query, body, headers,
/// token, key, version, state.
#[tokio::test]
async fn checks_have_the_documented_order() {
    let limits = [
        ("rates.loopback", "true"),
        ("rates.commands_per_minute", "1"),
    ];
    let app = TestApp::start_with(&limits);
    let limited = app.open_cart().await;
    limited.clear().await.expect(200);
    let path = format!("/api/carts/{}/checkout?x=1", limited.id);
    let anything = || app.ask(Method::POST, &path);
    let foreign = |ask: Ask| ask.header("sec-fetch-site", "cross-site");
    let elsewhere = foreign(anything()).header("host", "shop.example");
    elsewhere.await.expect_problem(421, "wrong-host");
    foreign(anything()).await.expect_problem(403, "cross-site");
    anything().await.expect_problem(429, "too-many-requests");

    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.add("sencha", 1).key("used").await.expect(201);
    let ask = |method, path: &str, body: &'static str| {
        let ask = app.ask(method, &format!("/api/carts/{path}"));
        ask.body(body).token("wrong").key("two words")
    };
    let path = format!("{}/checkout", cart.id);
    let with_query = format!("{path}?x=1");
    ask(Method::PUT, "no-uuid/checkout?x=1", "[")
        .await
        .expect_problem(404, "not-found");
    ask(Method::PUT, &with_query, "[")
        .await
        .expect_problem(405, "method-not-allowed");
    ask(Method::POST, &with_query, "[")
        .await
        .expect_problem(400, "invalid-query");
    let posted = |body| ask(Method::POST, &path, body);
    posted("[")
        .await
        .expect_problem(415, "unsupported-media-type");
    let posted = |body| posted(body).header("content-type", "application/json");
    posted("[").await.expect_problem(400, "invalid-body");
    let posted = || posted(r#"{"expected_total":1}"#);
    posted().await.expect_problem(400, "invalid-header");
    let without_key = posted().without_header("idempotency-key");
    without_key
        .await
        .expect_problem(400, "idempotency-key-required");
    let posted = |key: &str| posted().key(key);
    posted("used")
        .await
        .expect_problem(428, "precondition-required");
    let posted = |key: &str, version| posted(key).if_match(version);
    posted("used", 2).await.expect_problem(404, "not-found");
    let posted = |key: &str, version| posted(key, version).token(&cart.token);
    posted("used", 2)
        .await
        .expect_problem(422, "idempotency-key-reused");
    posted("new", 2)
        .await
        .expect_problem(412, "version-mismatch");
    posted("new", 3).await.expect_problem(409, "total-changed");
    let paid = cart.check_out(3, 3179, "new").await.expect(201);
    // A retry gets its response, whatever the state is by now.
    let again = cart.check_out(3, 3179, "new").await.expect(201);
    assert_eq!(again.body, paid.body);
    posted("newer", 3)
        .await
        .expect_problem(412, "version-mismatch");
    posted("newer", 4).await.expect_problem(409, "cart-closed");
}

/// Contract (errors): A read checks the cart's token before its headers.
#[tokio::test]
async fn read_checks_the_token_before_headers() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let malformed = || {
        [
            cart.get().header("if-none-match", "no tag"),
            cart.events()
                .header("accept", "text/event-stream")
                .header("last-event-id", "no id"),
        ]
    };
    for ask in malformed() {
        let stranger = ask.token("wrong").await;
        stranger.expect_problem(404, "not-found");
    }
    for ask in malformed() {
        ask.await.expect_problem(400, "invalid-header");
    }
}

/// Contract (access): On operator routes the token is checked before query, body and `Accept`.
#[tokio::test]
async fn operator_token_is_checked_before_the_request() {
    let token = ("security.operator_token", "op-secret-op-secret");
    let app = TestApp::start_with(&[token]);
    for ask in [
        app.get("/api/events?x=1").header("accept", "text/html"),
        app.get("/api/events?cursor=x"),
        app.post("/api/verify?x=1").body("["),
        app.get("/api/insights/pairs"),
    ] {
        ask.await.expect_problem(401, "operator-only");
    }
    let unknown = app.get("/api/insights/nothing").await;
    unknown.expect_problem(404, "not-found");
    let method = app.ask(Method::PATCH, "/api/verify").await;
    method.expect_problem(405, "method-not-allowed");
}

/// Contract (retries): What-if takes neither `Idempotency-Key` nor `If-Match`: it ignores both.
#[tokio::test]
async fn what_if_ignores_key_and_condition() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let plain = cart.what_if(&[2]).await.expect(200);
    for ask in [
        cart.what_if(&[2]).key("two words"),
        cart.what_if(&[2]).if_match(99),
        cart.what_if(&[2]).header("if-match", "no tag"),
    ] {
        assert_eq!(ask.await.expect(200).body, plain.body);
    }
    cart.add("sencha", 1).key("used").await.expect(201);
    let again = cart.what_if(&[2]).key("used").await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), None);
}

/// Contract (conditions): A new cart is at version 0 for `If-Match`, and `*` allows it.
#[tokio::test]
async fn opening_is_allowed_at_version_zero() {
    let app = TestApp::start();
    for allowed in ["*", "\"0\"", "\"7\", \"0\""] {
        let opened = app.ask_for_cart().header("if-match", allowed);
        opened.await.expect(201);
    }
    let problem = app.ask_for_cart().if_match(1).await;
    let problem = problem.expect_problem(412, "version-mismatch");
    assert_eq!(problem["current_version"], 0);
    // Under its key, the opening is replayed before its condition is checked.
    let open = || app.ask_for_cart().key(OPENING).if_match(0);
    let opened = open().await.expect(201);
    let again = open().await.expect(201);
    assert_eq!(again.body, opened.body);
    assert_eq!(app.log_head(), 4);
}

/// Contract (carts): A cart opened under a key has a UUIDv8, any other a UUIDv7.
#[tokio::test]
async fn keyed_opening_has_uuid_v8() {
    let app = TestApp::start();
    let version = |id: &str| uuid::Uuid::parse_str(id).unwrap().get_version_num();
    let keyed = app.ask_for_cart().key(OPENING).await.expect(201);
    assert_eq!(version(&app.cart_of(&keyed).id), 8);
    assert_eq!(version(&app.open_cart().await.id), 7);
}

/// Contract (headers): Events, timeline, why and what-if are `no-store`, also of closed carts.
#[tokio::test]
async fn histories_are_not_cached() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.check_out(2, 1999, "pay").await.expect(201);
    for ask in [
        cart.events(),
        cart.ask(Method::GET, "/events?limit=1"),
        cart.events()
            .header("accept", "application/cloudevents-batch+json"),
        cart.timeline(),
        cart.why(),
        cart.ask(Method::GET, "/why?version=1"),
        cart.what_if(&[2]),
    ] {
        let answer = ask.await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

/// Contract (carts): `PUT …/items/{sku}` is 200 also for a new line.
#[tokio::test]
async fn setting_a_new_line_returns_200() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let set = cart.set("teapot", 2).await.expect(200).json();
    assert_eq!(set["lines"][0]["quantity"], 2);
    let event = cart.events().await.expect(200).json()["items"][1].clone();
    assert_eq!(event["type"], "ItemAdded");
}

/// Contract (carts): An undo is not undone: the next undo reverses the command before.
#[tokio::test]
async fn second_undo_reverses_the_command_before() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    cart.add("teapot", 1).await.expect(201);
    cart.add("sencha", 1).await.expect(201);
    let quantities = |document: serde_json::Value| {
        let lines = document["lines"].as_array().unwrap().clone();
        lines
            .iter()
            .map(|line| line["sku"].clone())
            .collect::<Vec<_>>()
    };
    let once = cart.undo(3).await.expect(200).json();
    assert_eq!(quantities(once), [json!("teapot")]);
    let twice = cart.undo(4).await.expect(200).json();
    assert_eq!(quantities(twice), [json!(null); 0]);
    let thrice = cart.undo(5).await;
    thrice.expect_problem(409, "nothing-to-undo");
}

/// Contract (history): `Last-Event-ID` takes precedence over `after`.
#[tokio::test]
async fn last_event_id_takes_precedence_over_after() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for path in [
        "/api/events?after=0".to_owned(),
        format!("/api/carts/{}/events?after=0", cart.id),
    ] {
        let live = |path: &str| {
            let ask = app.get(path).token(&cart.token);
            ask.header("accept", "text/event-stream")
        };
        let mut stream = live(&path).header("last-event-id", "1").stream().await;
        assert_eq!(stream.next().await.unwrap().place(), 2, "{path}");
    }
}

/// Contract (history): Why explains a discount by one term, at the version of its promotion.
#[tokio::test]
async fn discount_is_one_term_of_its_promotion() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    let why = cart.why().await.expect(200).json();
    // 10 % of 1999 is 199.9.
    let term = json!({ "version": 3, "quantity": 1, "unit_price": 200, "amount": 200 });
    assert_eq!(why["discount"], json!({ "value": 200, "sum": [term] }));
    let negative = json!({ "version": 3, "quantity": 1, "unit_price": -200, "amount": -200 });
    assert_eq!(why["total"]["sum"][1], negative);
    // The discount is that of the items at the time, still by the promotion's event.
    cart.set("teapot", 3).await.expect(200);
    let why = cart.why().await.expect(200).json();
    let term = json!({ "version": 3, "quantity": 1, "unit_price": 600, "amount": 600 });
    assert_eq!(why["discount"]["sum"], json!([term]));
}
