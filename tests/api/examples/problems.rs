//! Problems as the service responds with them, each provoked by a request.

use cartlog::timestamp::Timestamp;
use cartlog_testkit::{Ask, CartClient, TestApp, text};
use reqwest::Method;
use serde_json::{Map, Value, json};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TOKEN: &str = "operator-token-from-the-configuration";
/// A catalogue in another currency, which has neither the teapot nor a code.
const YEN: [&str; 2] = [
    "currency = \"JPY\"\n[[product]]\nsku = \"sencha\"\nname = \"Sencha, 100 g\"\n\
     category = \"Tea\"\nprice = 1500\n",
    "",
];

/// The problems, by slug.
#[derive(Default)]
struct Problems(Map<String, Value>);

impl Problems {
    async fn expect(&mut self, status: u16, slug: &str, ask: Ask) {
        let answer = ask.header("traceparent", TRACE).await;
        self.0
            .insert(slug.to_owned(), answer.expect_problem(status, slug));
    }
}

pub async fn provoke() -> Value {
    let mut problems = Problems::default();
    malformed_requests(&mut problems).await;
    conditions(&mut problems).await;
    catalogue(&mut problems).await;
    limits(&mut problems).await;
    guesses(&mut problems).await;
    orders(&mut problems).await;
    json!(problems.0)
}

async fn orders(problems: &mut Problems) {
    let app = TestApp::start_with(&[
        ("orders.confirm", "at_once"),
        ("orders.warehouse_token", TOKEN),
    ]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let paid = cart.check_out(2, 1999, "pay").await.expect(201).json();
    let order = format!("/api/orders/{}", text(&paid["order_id"]));
    app.get(&order).token(&cart.token).await.expect(200);
    let answer = || {
        let answer = app.post(&format!("{order}/reservation"));
        answer.json(&json!({ "outcome": "reserved" }))
    };
    problems.expect(401, "warehouse-only", answer()).await;
    let answer = answer().token(TOKEN);
    problems.expect(409, "order-settled", answer).await;
}

async fn malformed_requests(problems: &mut Problems) {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let add = |body: &str| {
        let ask = cart.ask(Method::POST, "/items").body(body.to_owned());
        ask.header("content-type", "application/json")
    };
    let large = add(&" ".repeat(16_385));
    let elsewhere = app.get("/api/products").header("host", "shop.example");
    let long = app.get(&format!("/api/products?cursor={}", "a".repeat(8 * 1024)));
    let headers = app
        .get("/api/products")
        .header("x-large", &"a".repeat(16 * 1024));
    let unknown_id = cart.events().header("accept", "text/event-stream");
    for (status, slug, ask) in [
        (
            400,
            "invalid-body",
            add(r#"{ "sku": "teapot", "quantity": 0 }"#),
        ),
        (400, "invalid-query", app.get("/api/products?limit=500")),
        (
            400,
            "invalid-header",
            cart.add("teapot", 1).header("if-match", "2"),
        ),
        (
            400,
            "unknown-event-id",
            unknown_id.header("last-event-id", "9-0000000000000000"),
        ),
        (
            403,
            "cross-site",
            cart.add("teapot", 1).header("sec-fetch-site", "cross-site"),
        ),
        (404, "not-found", cart.get().token("a-wrong-token")),
        (405, "method-not-allowed", cart.ask(Method::PATCH, "")),
        (
            406,
            "not-acceptable",
            cart.events().header("accept", "text/csv"),
        ),
        (413, "body-too-large", large),
        (414, "address-too-long", long),
        (
            415,
            "unsupported-media-type",
            add("{}").header("content-type", "text/plain"),
        ),
        (421, "wrong-host", elsewhere),
        (422, "guessable-key", app.ask_for_cart().key("1")),
        (431, "headers-too-large", headers),
    ] {
        problems.expect(status, slug, ask).await;
    }
    let slow = format!(
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nTraceparent: {TRACE}\r\n\
         Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
    );
    let timeout = app.raw(slow.as_bytes()).await;
    let timeout = timeout.expect_problem(408, "body-timeout");
    problems.0.insert("body-timeout".to_owned(), timeout);
}

async fn conditions(problems: &mut Problems) {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let empty = app.open_cart().await;
    let ordered = app.open_cart_with(&[("sencha", 1)]).await;
    ordered.check_out(2, 1180, "order").await.expect(201);
    cart.set("teapot", 3).key("key").await.expect(200);
    let without_key = cart
        .check_out(3, 5997, "order")
        .without_header("idempotency-key");
    let blind = cart.undo(3).without_header("if-match");
    let behind = cart.get_at_least(99).header("prefer", "wait=0");
    for (status, slug, ask) in [
        (400, "idempotency-key-required", without_key),
        (404, "no-such-line", cart.remove("sencha")),
        (404, "no-promotion", cart.remove_promotion()),
        (404, "no-such-version", cart.get_at(99)),
        (409, "cart-closed", ordered.add("teapot", 1)),
        (409, "empty-cart", empty.check_out(1, 0, "order")),
        (409, "total-changed", cart.check_out(3, 3998, "order")),
        (409, "nothing-to-undo", empty.undo(1)),
        (409, "not-cancelled", app.ask(Method::DELETE, "/api/verify")),
        (412, "version-mismatch", cart.add("teapot", 1).if_match(2)),
        (422, "unknown-sku", cart.add("teacosy", 1)),
        (422, "unknown-promotion", cart.apply_promotion("TEA99")),
        (422, "quantity-limit", cart.add("teapot", 999)),
        (
            422,
            "idempotency-key-reused",
            cart.set("teapot", 4).key("key"),
        ),
        (422, "cannot-set-aside", cart.what_if(&[1])),
        (428, "precondition-required", blind),
        (503, "view-behind", behind),
    ] {
        problems.expect(status, slug, ask).await;
    }
}

async fn catalogue(problems: &mut Problems) {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let (id, token) = (cart.id.clone(), cart.token.clone());
    app.restart_with_catalogue(YEN[0], YEN[1]);
    let cart = app.cart(&id, &token);
    problems
        .expect(409, "currency-mismatch", cart.add("sencha", 1))
        .await;
    problems
        .expect(409, "no-longer-offered", cart.check_out(2, 3998, "order"))
        .await;
    let file = app.file("promotions.toml");
    std::fs::write(&file, "[[promotion]]\ncode = \"TEA10\"\npercent = 110\n").expect("a file");
    problems
        .expect(409, "invalid-catalogue", app.post("/api/catalogue/reload"))
        .await;
    // The folder of this run is no part of the problem.
    let folder = file
        .parent()
        .and_then(|folder| folder.to_str())
        .expect("a folder");
    let problem = problems.0["invalid-catalogue"]
        .to_string()
        .replace(folder, "/etc/cartlog");
    problems.0["invalid-catalogue"] = serde_json::from_str(&problem).expect("JSON");
}

async fn limits(problems: &mut Problems) {
    let app = TestApp::start_with(&[
        ("limits.lines", "2"),
        ("limits.events", "4"),
        ("carts.expire_after_minutes", "30"),
        ("server.live_streams_per_client", "1"),
    ]);
    let cart = app.open_cart_with(&[("teapot", 1), ("sencha", 1)]).await;
    problems
        .expect(422, "line-limit", cart.add("stoneware-mug", 1))
        .await;
    problems
        .expect(422, "history-limit", cart.set("teapot", 2))
        .await;
    let _followed = cart.follow(None).await;
    let stream = |cart: &CartClient| cart.events().header("accept", "text/event-stream");
    problems
        .expect(429, "too-many-streams", stream(&cart))
        .await;
    cart.get_at_least(3).await.expect(200);
    let in_time = Timestamp::from_millis(Timestamp::now().millis() + 31 * 60_000);
    let expired = app.expiry().sweep(in_time).await;
    assert_eq!(expired.expect("a sweep"), 1);
    problems
        .expect(410, "cart-expired", cart.add("teapot", 1))
        .await;

    let app = TestApp::start_with(&[("server.live_streams", "1")]);
    let cart = app.open_cart().await;
    let _followed = cart.follow(None).await;
    problems.expect(503, "overloaded", stream(&cart)).await;

    let limited = [("rates.loopback", "true"), ("rates.opens_per_minute", "1")];
    let app = TestApp::start_with(&limited);
    app.open_cart().await;
    problems
        .expect(429, "too-many-requests", app.ask_for_cart())
        .await;
}

async fn guesses(problems: &mut Problems) {
    let app = TestApp::start_with(&[("security.operator_token", TOKEN)]);
    problems
        .expect(401, "operator-only", app.get("/api/views"))
        .await;
    let guess = |number: u32| app.get("/api/views").token(&format!("wrong-{number}"));
    let mut number = 0;
    while guess(number).await.status == 401 {
        number += 1;
        assert!(number < 100, "guesses are limited");
    }
    problems
        .expect(429, "too-many-guesses", guess(number))
        .await;
}
