//! Conditions, keys and other headers that the contract gives a meaning: malformed, stale, foreign
//! and doubled.

use super::{commands, refused};
use cartlog_testkit::TestApp;
use reqwest::Method;

/// Contract (conditions): `If-Match` on every command: 412 with `current_version`.
#[tokio::test]
async fn condition_without_current_version_changes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.apply_promotion("WELCOME5").await.expect(200);
    for tags in [
        "\"1\"",
        "\"2\"",
        "\"4\"",
        "\"0\"",
        "\"03\"",
        "\"+3\"",
        "\"3 \"",
        "\"three\"",
        "\"\"",
        "\"18446744073709551616\"",
        "W/\"2\"",
        "W/\"4\", \"2\"",
        "W/\"03\"",
        "\"4-gzip\"",
        "\"3-\"",
        "\"3-gzip-gzip\"",
        "\"-gzip\"",
        "\"1\", \"2\",\"4\"",
        "\"01990000-0000-7000-8000-000000000001\"",
    ] {
        for (command, ask) in commands(&cart, 3) {
            let case = format!("{command} if {tags}");
            let ask = ask.header("if-match", tags);
            let problem = refused(&app, &case, ask, 412, "version-mismatch").await;
            assert_eq!(problem["current_version"], 3, "{case}");
        }
    }
    let doubled = cart.add("teapot", 1).if_match(1);
    let doubled = doubled.another_header("if-match", "\"2\"");
    refused(&app, "two that are stale", doubled, 412, "version-mismatch").await;
}

#[tokio::test]
async fn malformed_condition_changes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for tags in [
        "",
        " ",
        ",",
        "2",
        "\"2",
        "2\"",
        "'2'",
        "w/\"2\"",
        "W/2",
        "\"2\" \"1\"",
        "\"2\";q=1",
        "\"2\", *",
        "**",
        "\"2\"x",
    ] {
        for (command, ask) in commands(&cart, 2) {
            let case = format!("{command} if {tags}");
            let ask = ask.header("if-match", tags);
            let problem = refused(&app, &case, ask, 400, "invalid-header").await;
            assert_eq!(problem["header"], "if-match", "{case}");
        }
        let read = cart.get().header("if-none-match", tags);
        let problem = refused(&app, tags, read, 400, "invalid-header").await;
        assert_eq!(problem["header"], "if-none-match", "{tags}");
    }
}

/// Contract (retries): `Idempotency-Key` has a form; another one is 400.
#[tokio::test]
async fn malformed_key_changes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let long = "k".repeat(256);
    let longer = "k".repeat(8_000);
    let long_in_quotes = format!("\"{long}\"");
    for key in [
        "",
        " ",
        "\"\"",
        "\"k",
        "\"k\"k",
        "\"k\" \"l\"",
        "\"k\\\"",
        "\"\\k\"",
        "two words",
        "\"two words\"",
        "tab\there",
        "k\u{fc}",
        "\u{1f511}",
        &long,
        &longer,
        &long_in_quotes,
    ] {
        let mut asks = commands(&cart, 2);
        asks.push(("open", app.ask_for_cart()));
        for (command, ask) in asks {
            let case = format!("{command} under {key:?}");
            let problem = refused(&app, &case, ask.key(key), 400, "invalid-header").await;
            assert_eq!(problem["header"], "idempotency-key", "{case}");
        }
    }
    for (command, ask) in commands(&cart, 2) {
        let ask = ask.key("a").another_header("idempotency-key", "a");
        refused(&app, command, ask, 400, "invalid-header").await;
    }
}

/// Contract (retries): The same key with another request is 422.
#[tokio::test]
async fn key_of_another_request_changes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.add("sencha", 1).key("used").await.expect(201);
    for (command, ask) in commands(&cart, 3) {
        refused(
            &app,
            command,
            ask.key("used"),
            422,
            "idempotency-key-reused",
        )
        .await;
    }
    // A quoted key is the same key, and the same words in another order are another request.
    let ask = super::with_body(
        &cart,
        Method::POST,
        "/items",
        br#"{"quantity":1,"sku":"sencha"}"#,
    );
    refused(
        &app,
        "in another order",
        ask.key("\"used\""),
        422,
        "idempotency-key-reused",
    )
    .await;
}

/// Contract (conditions): `If-Match` is required on checkout and undo: 428 without it.
#[tokio::test]
async fn missing_precondition_gets_428() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let undo = cart.undo(2).without_header("if-match");
    refused(&app, "undo", undo, 428, "precondition-required").await;
    let pay = || cart.check_out(2, 1999, "pay");
    let ask = pay().without_header("if-match");
    refused(&app, "no version", ask, 428, "precondition-required").await;
    let ask = pay().without_header("idempotency-key");
    refused(&app, "no key", ask, 400, "idempotency-key-required").await;
    let ask = pay()
        .without_header("idempotency-key")
        .without_header("if-match");
    refused(&app, "neither", ask, 400, "idempotency-key-required").await;
}

#[tokio::test]
async fn correlation_id_must_be_a_uuid() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for id in ["", "1", "01990000-0000-7000-8000-00000000000g", "\u{fc}"] {
        let ask = cart.add("teapot", 1).header("x-correlation-id", id);
        let problem = refused(&app, id, ask, 400, "invalid-header").await;
        assert_eq!(problem["header"], "x-correlation-id");
    }
    let twice = cart.add("teapot", 1);
    let id = "01990000-0000-7000-8000-000000000001";
    let twice = twice
        .header("x-correlation-id", id)
        .another_header("x-correlation-id", id);
    refused(&app, "two", twice, 400, "invalid-header").await;
}

/// Contract (access): Another site is 403, another host 421.
#[tokio::test]
async fn cross_site_or_wrong_host_request_changes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", ""),
        ("origin", "https://shop.example"),
        ("origin", "null"),
        ("origin", ""),
        ("origin", "file://"),
    ] {
        for (command, ask) in commands(&cart, 2) {
            let case = format!("{command}, {name}: {value}");
            refused(&app, &case, ask.header(name, value), 403, "cross-site").await;
        }
    }
    for host in [
        "shop.example",
        "localhost.shop.example",
        "localhost@shop.example",
        "127.0.0.2",
    ] {
        for (command, ask) in commands(&cart, 2) {
            let case = format!("{command} at {host}");
            refused(&app, &case, ask.header("host", host), 421, "wrong-host").await;
        }
    }
}
