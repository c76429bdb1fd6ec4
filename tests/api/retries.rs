//! `Idempotency-Key`: a request that is sent again has its effect once.

use cartlog_testkit::log_file::read_intact_log;
use cartlog_testkit::{Answer, Ask, CartClient, TestApp};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// The same answer, but that it says that it is one again.
#[track_caller]
fn replays(first: &Answer, again: &Answer) {
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.status, first.status);
    assert_eq!(again.body, first.body);
    for name in [
        "etag",
        "location",
        "content-type",
        "log-position",
        "set-cookie",
    ] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
}

/// A key that opens a cart.
const OPENING: &str = "9f1d6a52-0c5e-4f0b-8f43-3a2e5b1c7d10";

type Command = fn(&CartClient) -> Ask;

const COMMANDS: [(&str, Command); 8] = [
    ("add", |cart| cart.add("teapot", 1)),
    ("add-new", |cart| cart.add("sencha", 2)),
    ("set", |cart| cart.set("teapot", 7)),
    ("remove", |cart| cart.remove("sencha")),
    ("apply", |cart| cart.apply_promotion("TEA10")),
    ("take-off", |cart| cart.remove_promotion()),
    ("clear", |cart| cart.clear()),
    ("undo", |cart| cart.undo(9)),
];

/// Contract (retries): The same key gets the same response, also after a restart.
#[tokio::test]
async fn keyed_retry_gets_same_bytes_also_after_restart() {
    let mut app = TestApp::start();
    let opening = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
    let opened = app
        .ask_for_cart()
        .json(&opening)
        .key(OPENING)
        .await
        .expect(201);
    let cart = app.cart_of(&opened);
    let mut first = Vec::new();
    for (key, command) in COMMANDS {
        first.push(command(&cart).key(key).await);
    }
    let paid = cart.check_out(10, 11_793, "pay").await;
    let total = first[7].json()["total"].as_i64().unwrap();
    let paid = if paid.status == 409 {
        cart.check_out(10, total, "pay").await.expect(201)
    } else {
        paid.expect(201)
    };
    let (id, token) = (cart.id.clone(), cart.token.clone());
    let head = app.log_head();
    for _ in 0..2 {
        let cart = app.cart(&id, &token);
        let again = app.ask_for_cart().json(&opening).key(OPENING).await;
        replays(&opened, &again);
        for (first, (key, command)) in first.iter().zip(COMMANDS) {
            replays(first, &command(&cart).key(key).await);
        }
        replays(&paid, &cart.check_out(10, total, "pay").await);
        assert_eq!(app.log_head(), head, "nothing was written");
        app.restart();
    }
}

/// Contract (retries): The same key gets the same response, also after a restart.
#[tokio::test]
async fn retry_for_withdrawn_product_is_replayed_but_not_sold() {
    let mut app = TestApp::start();
    let opening = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
    let open = async |app: &TestApp, key: &str| app.ask_for_cart().json(&opening).key(key).await;
    let opened = open(&app, OPENING).await.expect(201);
    let cart = app.cart_of(&opened);
    let added = cart.add("teapot", 2).key("add").await.expect(200);
    let applied = cart.apply_promotion("TEA10").key("apply").await.expect(200);
    let (id, token) = (cart.id.clone(), cart.token.clone());

    let sencha = "currency = \"EUR\"\n[[product]]\nsku = \"sencha\"\nname = \"Sencha\"\n\
                  description = \"Green.\"\ncategory = \"Tea\"\nprice = 1180\n";
    app.restart_with_catalogue(sencha, "");

    let head = app.log_head();
    let cart = app.cart(&id, &token);
    replays(&opened, &open(&app, OPENING).await);
    replays(&added, &cart.add("teapot", 2).key("add").await);
    let again = cart.apply_promotion("TEA10").key("apply").await;
    replays(&applied, &again);
    let reused = cart.add("teapot", 3).key("add").await;
    reused.expect_problem(422, "idempotency-key-reused");
    let another = cart.add("teapot", 2).key("another").await;
    another.expect_problem(422, "unknown-sku");
    let another = open(&app, "fd9a2c61-7be0-4c6e-9a53-2b8d0e61f407").await;
    another.expect_problem(422, "unknown-sku");
    let stranger = app.cart(&id, "stranger");
    let foreign = stranger.add("teapot", 2).key("add").await;
    foreign.expect_problem(404, "not-found");
    assert_eq!(app.log_head(), head, "nothing was written");
    let metrics = app.get("/metrics").await.expect(200);
    let metrics = std::str::from_utf8(&metrics.body).unwrap();
    for (command, outcome) in [
        ("open_cart", "replayed"),
        ("add_item", "replayed"),
        ("apply_promotion", "replayed"),
        ("add_item", "key_reused"),
        ("add_item", "refused"),
        ("open_cart", "refused"),
        ("add_item", "not_found"),
    ] {
        let counted =
            format!("cartlog_commands_total{{command=\"{command}\",outcome=\"{outcome}\"}} 1\n");
        assert!(metrics.contains(&counted), "no {counted}");
    }
}

#[tokio::test]
async fn key_of_another_request_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    cart.add("teapot", 1).key("k").await.expect(201);
    for other in [
        cart.add("teapot", 2),
        cart.add("sencha", 1),
        cart.set("teapot", 1),
        cart.remove("teapot"),
        cart.clear(),
        cart.apply_promotion("TEA10"),
        cart.undo(2),
        cart.check_out(2, 1999, "k"),
    ] {
        other
            .key("k")
            .await
            .expect_problem(422, "idempotency-key-reused");
    }
    assert_eq!(app.log_head(), 2);
    let other_cart = app.open_cart().await;
    let answer = other_cart.add("teapot", 2).key("k").await.expect(201);
    assert_eq!(
        answer.header("idempotent-replayed"),
        None,
        "a key is a cart's own"
    );
    app.ask_for_cart().key(OPENING).await.expect(201);
    let items = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
    let answer = app.ask_for_cart().json(&items).key(OPENING).await;
    answer.expect_problem(422, "idempotency-key-reused");
}

/// Contract (retries): Concurrent requests with the same key have one effect.
#[tokio::test]
async fn fifty_concurrent_requests_under_one_key_have_one_effect() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let answers = join_all((0..50).map(|_| cart.add("teapot", 2).key("once").into_future())).await;
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_some())
        .count();
    assert_eq!(replayed, 49);
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(app.log_head(), 2);

    let openings = join_all((0..50).map(|_| app.ask_for_cart().key(OPENING).into_future())).await;
    for opened in &openings {
        assert_eq!((opened.status, &opened.body), (201, &openings[0].body));
    }
    assert_eq!(app.log_head(), 3);

    let orders = join_all((0..50).map(|_| cart.check_out(2, 3998, "pay").into_future())).await;
    for paid in &orders {
        assert_eq!((paid.status, &paid.body), (201, &orders[0].body));
    }
    assert_eq!(app.log_head(), 4, "ordered once");
}

/// Contract (retries): `Idempotency-Key` has a form; another one is 400.
#[tokio::test]
async fn idempotency_key_is_bare_or_quoted_visible_ascii() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let longest = "k".repeat(255);
    for (version, key) in (2..).zip(["k", "~!#$%&'()*", &longest]) {
        let first = cart.add("teapot", 1).key(key).await;
        assert_eq!(first.version(), version);
        let quoted = format!("\"{key}\"");
        replays(&first, &cart.add("teapot", 1).key(&quoted).await);
    }
    let too_long = "k".repeat(256);
    for key in ["", "\"\"", "two words", "\"k", "k\u{fc}", &too_long] {
        let problem = cart.add("teapot", 1).key(key).await;
        let problem = problem.expect_problem(400, "invalid-header");
        assert_eq!(problem["header"], "idempotency-key", "{key}");
    }
    assert_eq!(app.log_head(), 4);
}

#[tokio::test]
async fn refusal_is_not_stored_under_its_key() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    cart.remove("teapot")
        .key("k")
        .await
        .expect_problem(404, "no-such-line");
    cart.add("teapot", 1).await.expect(201);
    let removed = cart.remove("teapot").key("k").await.expect(200);
    assert_eq!(removed.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn used_key_without_token_gets_404() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    cart.add("teapot", 1).key("k").await.expect(201);
    for ask in [
        cart.add("teapot", 1)
            .key("k")
            .without_header("authorization"),
        cart.add("teapot", 2).key("k").token("wrong"),
    ] {
        ask.await.expect_problem(404, "not-found");
    }
}

/// Contract (access): The token is returned once, and only its hash is stored.
#[tokio::test]
async fn token_is_not_stored_in_any_file() {
    let mut app = TestApp::start();
    let opened = app.ask_for_cart().key(OPENING).await.expect(201);
    let cart = app.cart_of(&opened);
    cart.ask(Method::POST, "/items")
        .json(&json!({ "sku": "teapot", "quantity": 1 }))
        .key("a-secret-key")
        .await
        .expect(201);
    cart.get_at_least(2).await.expect(200);
    let token = cart.token.clone();
    app.stop();
    for name in ["events.db", "views.db"] {
        let bytes = std::fs::read(app.file(name)).unwrap();
        for secret in [&token, OPENING, "a-secret-key"] {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} in {name}");
        }
    }
}

/// Contract (retries): A retry is the same request however its path is encoded.
#[tokio::test]
async fn keyed_retry_through_an_encoded_path_is_replayed() {
    let app = TestApp::start();
    let opened = app.post("/api/%63arts").key(OPENING).await.expect(201);
    let again = app.ask_for_cart().key(OPENING).await.expect(201);
    replays(&opened, &again);
    let cart = app.cart_of(&opened);
    let body = json!({ "quantity": 2 });
    let first = cart.set("teapot", 2).key("set").await.expect(200);
    for path in [
        format!("/api/carts/{}/items/%74eapot", cart.id),
        format!("/%61pi/carts/{}/items/teapot", cart.id),
        format!("/api/carts/{}/items/teapot", cart.id.to_uppercase()),
        format!(
            "/api/carts/%{:x}{}/items/teapot",
            cart.id.as_bytes()[0],
            &cart.id[1..]
        ),
    ] {
        let ask = app.ask(Method::PUT, &path).token(&cart.token);
        let again = ask.json(&body).key("set").await.expect(200);
        replays(&first, &again);
    }
    let other = cart.set("sencha", 2).key("set").await;
    other.expect_problem(422, "idempotency-key-reused");
    assert_eq!(app.log_head(), 2);
}

/// Contract (retries): A key that opens a cart is as hard to guess as the cart's token: 422
/// otherwise.
#[tokio::test]
async fn guessable_opening_key_is_refused() {
    let app = TestApp::start();
    for key in [
        "order-1",
        "a",
        "checkout-2026-11-29-customer-0001-first",
        "0123456789abcdef0123456789abcde",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "00000000-0000-4000-8000-000000000001",
        "d9428888-122b-11e1-b85c-61cd3cbb3210",
    ] {
        for key in [key, &format!("\"{key}\"")] {
            let problem = app.ask_for_cart().key(key).await;
            let problem = problem.expect_problem(422, "guessable-key");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("UUID") && detail.contains("32"), "{detail}");
        }
    }
    assert_eq!(app.log_head(), 0);
    for key in [
        OPENING,
        "01a20c19-324e-76c9-b286-e42798811daa",
        "9F1D6A520C5E4F0B8F433A2E5B1C7D10",
        "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
    ] {
        let opened = app.ask_for_cart().key(key).await.expect(201);
        // With the cart's token a key need not be hard to guess.
        let cart = app.cart_of(&opened);
        cart.add("teapot", 1).key("order-1").await.expect(201);
    }
}

/// Contract (access): Digests of idempotency keys in the log are keyed by the secret: a reader of
/// the log cannot check a guess.
#[tokio::test]
async fn stored_key_digests_depend_on_the_secret() {
    let [one, other] = [TestApp::start(), TestApp::start()];
    let mut stored = Vec::new();
    for app in [&one, &other] {
        let cart = app.open_cart().await;
        cart.add("teapot", 1).key("order-1").await.expect(201);
        let log = read_intact_log(&app.file("events.db"));
        let metadata: Value = serde_json::from_str(&log[1].metadata).unwrap();
        for digest in ["key", "request"] {
            assert!(metadata[digest].as_str().unwrap().starts_with("hmac:"));
            stored.push(metadata[digest].clone());
        }
    }
    assert_ne!(stored[0], stored[2], "the same key under two secrets");
}
