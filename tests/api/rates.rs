//! What one client may send, and how large the head of a request may be.

use cartlog_testkit::TestApp;

/// Contract (headers): `RateLimit` and `RateLimit-Policy`; past the limit 429 with `Retry-After`.
#[tokio::test]
async fn client_over_the_limit_gets_retry_after() {
    let app = TestApp::start_with(&[
        ("rates.opens_per_minute", "2"),
        ("rates.commands_per_minute", "1"),
        ("rates.loopback", "true"),
    ]);
    let first = app.ask_for_cart().await.expect(201);
    assert_eq!(
        first.header("ratelimit-policy"),
        Some(r#""opens";q=2;w=60"#)
    );
    assert_eq!(first.header("ratelimit"), Some(r#""opens";r=1;t=30"#));
    let cart = app.open_cart().await;
    let refused = app.ask_for_cart().await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(refused.header("ratelimit"), Some(r#""opens";r=0;t=60"#));
    assert_eq!(refused.expect_problem(429, "too-many-requests")["max"], 2);

    let added = cart.add("teapot", 1).await.expect(201);
    assert_eq!(added.header("ratelimit"), Some(r#""commands";r=0;t=60"#));
    cart.clear().await.expect_problem(429, "too-many-requests");
    let read = cart.get_at_least(2).await.expect(200);
    assert_eq!(read.header("ratelimit"), None);
    assert_eq!(app.log_head(), 3);
}

#[tokio::test]
async fn loopback_clients_are_limited_only_if_configured() {
    let app = TestApp::start_with(&[("rates.opens_per_minute", "1")]);
    for _ in 0..3 {
        let opened = app.ask_for_cart().await.expect(201);
        assert_eq!(opened.header("ratelimit"), None);
    }
}

#[tokio::test]
async fn request_head_is_bounded() {
    let app = TestApp::start();
    let long = app
        .get(&format!("/api/products?cursor={}", "a".repeat(8 * 1024)))
        .await;
    assert_eq!(
        long.expect_problem(414, "address-too-long")["max"],
        8 * 1024
    );
    let large = app
        .get("/api/products")
        .header("x-large", &"a".repeat(16 * 1024))
        .await;
    assert_eq!(
        large.expect_problem(431, "headers-too-large")["max"],
        16 * 1024
    );
    let most = app
        .get("/api/products")
        .header("x-large", &"a".repeat(15 * 1024))
        .await;
    most.expect(200);
}
