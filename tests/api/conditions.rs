//! `ETag`, `If-Match`, `If-None-Match`, `min_version` and `HEAD`: which version a request is about.

use cartlog_testkit::{Answer, Ask, CartClient, TestApp, text};
use reqwest::Method;
use serde_json::json;

/// Contract (conditions): `If-Match` on every command: 412 with `current_version`.
#[tokio::test]
async fn command_for_another_version_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    let commands: [fn(&CartClient) -> Ask; 8] = [
        |cart| cart.add("teapot", 1),
        |cart| cart.set("teapot", 5),
        |cart| cart.remove("teapot"),
        |cart| cart.clear(),
        |cart| cart.apply_promotion("WELCOME5"),
        |cart| cart.remove_promotion(),
        |cart| cart.undo(1),
        |cart| cart.check_out(1, 1799, "pay"),
    ];
    for command in commands {
        for tags in [
            "\"1\"",
            "\"4\"",
            "W/\"2\"",
            "\"2-gzip\"",
            "\"3-zip\"",
            "\"03\"",
            "\"1\", \"2\"",
            "\"three\"",
        ] {
            let answer = command(&cart).header("if-match", tags).await;
            assert_eq!(answer.header("etag"), Some("\"3\""));
            let problem = answer.expect_problem(412, "version-mismatch");
            assert_eq!(problem["current_version"], 3, "{tags}");
        }
        for tags in ["3", "\"3", "\"\"3", ""] {
            let answer = command(&cart).header("if-match", tags).await;
            assert_eq!(
                answer.expect_problem(400, "invalid-header")["header"],
                "if-match"
            );
        }
    }
    assert_eq!(app.log_head(), 3);
    for (tags, version) in [("\"3\"", 4), ("*", 5), ("\"1\", \"5\"", 6)] {
        let answer = cart.add("teapot", 1).header("if-match", tags).await;
        assert_eq!(answer.expect(200).version(), version, "{tags}");
    }
}

#[tokio::test]
async fn undo_and_checkout_require_version_and_checkout_a_key() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let undo = cart.undo(2).without_header("if-match");
    undo.await.expect_problem(428, "precondition-required");
    let check_out = cart.check_out(2, 1999, "pay").without_header("if-match");
    check_out.await.expect_problem(428, "precondition-required");
    let check_out = cart
        .check_out(2, 1999, "pay")
        .without_header("idempotency-key");
    check_out
        .await
        .expect_problem(400, "idempotency-key-required");
    assert_eq!(app.log_head(), 2);
}

/// Contract (conditions): `ETag` and `If-None-Match`: an unchanged cart is 304.
#[tokio::test]
async fn known_cart_version_gets_304() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for (below, tag) in [("?min_version=2", "\"2\""), ("?version=1", "\"1\"")] {
        let full = cart.ask(Method::GET, below).await.expect(200);
        assert_eq!(full.header("etag"), Some(tag));
        for tags in [tag, "*", &format!("W/{tag}"), &format!("\"9\", {tag}")] {
            let answer = cart.ask(Method::GET, below).header("if-none-match", tags);
            let answer = answer.await.expect(304);
            // RFC 9110, 15.4.5: 304 repeats the headers that a cache stores.
            for name in ["etag", "cache-control"] {
                assert_eq!(answer.header(name), full.header(name), "{name} of {below}");
            }
        }
        let other = cart
            .ask(Method::GET, below)
            .header("if-none-match", "\"9\"");
        assert_eq!(other.await.expect(200).body, full.body);
    }
}

/// Contract (conditions): `min_version` waits as long as `Prefer: wait` allows.
#[tokio::test]
async fn read_waits_for_min_version_within_preferred_wait() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for version in 2..40 {
        let written = cart.set("teapot", version).await.expect(200);
        let read = cart.get_at_least(written.version()).await.expect(200);
        assert_eq!(read.body, written.body);
        // The position of the view when the response was read, not when the request arrived.
        assert_eq!(read.log_position(), written.log_position());
        // The position must be the shown row's, not that of the tables, which are written later.
        let again = cart.get().await.expect(200);
        assert_eq!(again.log_position(), written.log_position());
    }
    let ahead = cart.get_at_least(1_000).header("prefer", "wait=0");
    ahead.await.expect_problem(503, "view-behind");
    let (waited, written) = tokio::join!(cart.get_at_least(40), cart.add("sencha", 1));
    assert_eq!(waited.log_position(), written.log_position());
    assert_eq!(waited.expect(200).body, written.expect(201).body);
}

/// Contract (conditions): `min_version` waits as long as `Prefer: wait` allows.
///
/// Contract (headers): `Prefer: wait` beyond 5 seconds is 5, and an unreadable one is ignored.
#[tokio::test]
async fn prefer_wait_limits_the_wait() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for (prefer, seconds) in [
        ("wait=0", 0),
        ("respond-async, Wait = \"0\"; foo=bar", 0),
        ("wait=1", 1),
        ("wait=soon", 1),
        ("wait=-1", 1),
        ("wait=6", 5),
        ("", 1),
    ] {
        let started = std::time::Instant::now();
        let ahead = cart.get_at_least(9).header("prefer", prefer).await;
        ahead.expect_problem(503, "view-behind");
        assert_eq!(started.elapsed().as_secs(), seconds, "{prefer}");
    }
}

/// Contract (conditions): `Prefer: return=minimal` is 204 with the version.
#[tokio::test]
async fn prefer_minimal_gets_204_with_etag() {
    let app = TestApp::start();
    let opened = app.ask_for_cart().header("prefer", "return=minimal").await;
    // The token is returned only once, so it must not be omitted.
    let cart = app.cart_of(&opened.expect(201));
    let minimal = |ask: Ask| ask.header("prefer", "wait=1, return=minimal");
    for (version, ask) in (2..).zip([
        cart.add("teapot", 1),
        cart.add("teapot", 1),
        cart.set("teapot", 3),
        cart.apply_promotion("TEA10"),
        cart.remove_promotion(),
        cart.remove("teapot"),
        cart.undo(7),
        cart.clear(),
        cart.undo(9),
        cart.check_out(10, 5997, "pay"),
        cart.check_out(10, 5997, "pay"),
    ]) {
        let answer = minimal(ask).await.expect(204);
        let version = version.min(11);
        assert_eq!(answer.version(), version);
        assert_eq!(answer.log_position(), version);
        assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
    }
    let refused = minimal(cart.clear()).await;
    refused.expect_problem(409, "cart-closed");
}

/// Contract (conditions): A cart is `no-store`, a past version immutable.
#[tokio::test]
async fn past_version_is_immutable_and_cacheable() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let answered = cart.add("sencha", 1).await.expect(201);
    cart.clear().await.expect(200);
    let past = cart.get_at(3).await.expect(200);
    assert_eq!(past.body, answered.body);
    assert_eq!(
        past.header("cache-control"),
        Some("private, max-age=31536000, immutable")
    );
    assert_eq!(
        cart.get().await.expect(200).header("cache-control"),
        Some("no-store")
    );
    for version in [0, 6, u64::MAX] {
        cart.get_at(version)
            .await
            .expect_problem(404, "no-such-version");
    }
    let changed = answered.json()["changed_at"].as_str().unwrap().to_owned();
    let then = cart
        .ask(Method::GET, &format!("?at={changed}"))
        .await
        .expect(200);
    assert!(then.version() >= 3);
    // Until then an event may still be recorded, so the response must not be cached.
    let caching = |answer: &Answer| answer.header("cache-control").map(str::to_owned);
    let now = cart.ask(Method::GET, "?at=9999-01-01T00:00:00Z").await;
    assert_eq!(caching(&now.expect(200)), Some("no-store".to_owned()));
    let cleared = cart.get_at(4).await.expect(200).json();
    if cleared["changed_at"] != changed {
        assert_eq!(caching(&then), caching(&past));
    }
    let bare = cart.ask(Method::GET, "?at=2026-01-01T00:00:00+02:00").await;
    let bare = bare.expect_problem(400, "invalid-query");
    assert!(text(&bare["detail"]).contains("send it as `%2B`"), "{bare}");
    let before = cart.ask(Method::GET, "?at=2020-01-01T00:00:00Z").await;
    before.expect_problem(404, "no-such-version");
    for query in [
        "?at=yesterday",
        "?version=x",
        "?version=-1",
        "?version=1&at=2026-01-01T00:00:00Z",
        "?verson=1",
        "?min_version=1&version=1",
    ] {
        let answer = cart.ask(Method::GET, query).await;
        answer.expect_problem(400, "invalid-query");
    }
}

/// Contract (requests): HEAD is available wherever GET is.
#[tokio::test]
async fn head_answers_as_get_does_but_for_the_body() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for below in [
        "?min_version=2",
        "?version=1",
        "/events",
        "/timeline",
        "/why",
        "/nowhere",
        "?version=9",
    ] {
        let get = cart.ask(Method::GET, below).await;
        let head = cart.ask(Method::HEAD, below).await;
        assert_eq!(head.status, get.status, "{below}");
        for name in ["content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {below}");
        }
    }
}

/// Contract (requests): OPTIONS is 204 and an unknown method 405, with `Allow`.
#[tokio::test]
async fn unsupported_method_gets_405_with_allow() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let cart = format!("/api/carts/{}", cart.id);
    for (path, allowed) in [
        ("/api/carts".to_owned(), "POST, OPTIONS"),
        (cart.clone(), "GET, HEAD, OPTIONS"),
        (format!("{cart}/items"), "POST, DELETE, OPTIONS"),
        (format!("{cart}/items/teapot"), "PUT, DELETE, OPTIONS"),
        (format!("{cart}/promotion"), "PUT, DELETE, OPTIONS"),
        (format!("{cart}/undo"), "POST, OPTIONS"),
        (format!("{cart}/checkout"), "POST, OPTIONS"),
        (format!("{cart}/events"), "GET, HEAD, OPTIONS"),
        (format!("{cart}/timeline"), "GET, HEAD, OPTIONS"),
        (format!("{cart}/why"), "GET, HEAD, OPTIONS"),
        (format!("{cart}/what-if"), "POST, OPTIONS"),
        ("/api/products".to_owned(), "GET, HEAD, OPTIONS"),
        ("/api/products/teapot".to_owned(), "GET, HEAD, OPTIONS"),
        ("/livez".to_owned(), "GET, HEAD, OPTIONS"),
        ("/readyz".to_owned(), "GET, HEAD, OPTIONS"),
    ] {
        let options = app.ask(Method::OPTIONS, &path).await.expect(204);
        assert_eq!(options.header("allow"), Some(allowed), "{path}");
        for method in [
            Method::PATCH,
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
        ] {
            if allowed.split(", ").any(|name| name == method.as_str()) {
                continue;
            }
            let refused = app.ask(method, &path).await;
            assert_eq!(refused.header("allow"), Some(allowed), "{path}");
            refused.expect_problem(405, "method-not-allowed");
        }
    }
    // A path of no cart or no product is 404 for every method.
    for path in [
        "/api/carts/x",
        "/api/carts/x/items",
        &format!("{cart}/items/-"),
        "/api/products/-",
    ] {
        for method in [Method::OPTIONS, Method::PATCH] {
            let answer = app.ask(method, path).await;
            answer.expect_problem(404, "not-found");
        }
    }
    assert_eq!(app.log_head(), 1);
}

#[tokio::test]
async fn of_many_who_have_seen_the_same_version_one_gets_to_change_it() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let attempts = (0..20).map(|_| cart.add("teapot", 1).if_match(1));
    let answers = futures_util::future::join_all(attempts.map(IntoFuture::into_future)).await;
    let won = answers.iter().filter(|answer| answer.status < 300).count();
    let lost = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((won, lost), (1, 19));
    assert_eq!(app.log_head(), 2);
}

/// Contract (conditions): Without `If-Match` a command is retried until it succeeds.
#[tokio::test]
async fn commands_without_version_all_succeed() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let attempts = (0..100).map(|_| cart.add("teapot", 1));
    let answers = futures_util::future::join_all(attempts.map(IntoFuture::into_future)).await;
    let mut versions: Vec<u64> = answers
        .into_iter()
        .map(|answer| {
            assert!(answer.status < 300, "{answer:?}");
            answer.version()
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=101).collect::<Vec<_>>());
    let read = cart.get_at_least(101).await.expect(200).json();
    assert_eq!(read["lines"][0]["quantity"], json!(100));
}
