//! What one client may send, and how large the head of a request may be.

use cartlog_testkit::{Ask, TestApp};

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
    assert_eq!(read.header("ratelimit"), Some(r#""reads";r=59999;t=1"#));
    let product = app.get("/api/products").await.expect(200);
    assert_eq!(product.header("ratelimit"), None);
    assert_eq!(app.log_head(), 3);
}

/// Contract (headers): Reads of carts have a limit, in which costly ones weigh more.
#[tokio::test]
async fn costly_reads_weigh_more_in_the_limit() {
    let app = TestApp::start_with(&[
        ("rates.reads_per_minute", "250"),
        ("rates.commands_per_minute", "1"),
        ("rates.loopback", "true"),
    ]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let what_if = cart.what_if(&[2]).await.expect(200);
    assert_eq!(
        what_if.header("ratelimit-policy"),
        Some(r#""reads";q=250;w=60"#)
    );
    assert_eq!(what_if.header("ratelimit"), Some(r#""reads";r=50;t=48"#));
    cart.get_at(1).await.expect(200);
    cart.why().await.expect(200);
    let refused = cart.timeline().await.expect(429);
    assert!(refused.header("retry-after").is_some());
    let refused = refused.expect_problem(429, "too-many-requests");
    assert!(refused["detail"].as_str().unwrap().contains("counts as 20"));
    for left in (0..10).rev() {
        let row = cart.get().await.expect(200);
        let limit = row.header("ratelimit").unwrap();
        assert!(
            limit.starts_with(&format!(r#""reads";r={left};"#)),
            "{limit}"
        );
    }
    cart.get().await.expect_problem(429, "too-many-requests");
    // A what-if is a read: the command is still there.
    cart.add("sencha", 1).await.expect(201);
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

/// Contract (headers): Limits apply to the resource, however its path is encoded.
#[tokio::test]
async fn encoded_paths_are_limited_like_plain_ones() {
    let app = TestApp::start_with(&[
        ("rates.opens_per_minute", "1"),
        ("rates.commands_per_minute", "1"),
        ("rates.loopback", "true"),
    ]);
    let opened = app.post("/api/%63arts").await.expect(201);
    assert_eq!(opened.header("ratelimit"), Some(r#""opens";r=0;t=60"#));
    for path in ["/api/%63arts", "/%61pi/carts", "/api/carts"] {
        let refused = app.post(path).await;
        refused.expect_problem(429, "too-many-requests");
    }
    let cart = app.cart_of(&opened);
    cart.add("teapot", 1).await.expect(201);
    let encoded = format!("/api/c%61rts/{}/items", cart.id);
    let cleared = app
        .ask(reqwest::Method::DELETE, &encoded)
        .token(&cart.token);
    cleared.await.expect_problem(429, "too-many-requests");
}

/// Asserts that `asks` are one client to the limit of one cart a minute, and `other` another one.
async fn share_a_limit(asks: &[(&str, &str)], other: (&str, &str)) {
    let app = TestApp::start_with(&[
        ("rates.opens_per_minute", "1"),
        ("server.behind_proxy", "true"),
        (
            "security.operator_token",
            "0123456789abcdef0123456789abcdef",
        ),
    ]);
    let open = |(name, value): (&str, &str)| -> Ask {
        match name {
            "" => app.ask_for_cart(),
            name => app.ask_for_cart().header(name, value),
        }
    };
    for (number, sender) in asks.iter().enumerate() {
        let status = if number == 0 { 201 } else { 429 };
        let answer = open(*sender).await;
        assert_eq!(answer.status, status, "{sender:?}");
    }
    open(other).await.expect(201);
}

/// The forms in which proxies name a client. What names none counts as the proxy, whose address is
/// limited too: it would otherwise free everyone behind it.
///
/// Contract (headers): Behind a proxy, limits count the client's address in every form of it.
#[tokio::test]
async fn forwarded_client_is_limited_in_every_form_of_its_address() {
    share_a_limit(
        &[
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", "192.0.2.1:4711"),
            ("x-forwarded-for", "203.0.113.9:1, 192.0.2.1:4712"),
            ("x-forwarded-for", "[::ffff:192.0.2.1]:80"),
            ("forwarded", "for=192.0.2.1"),
            (
                "forwarded",
                "for=203.0.113.9, For=\"192.0.2.1:99\";proto=https",
            ),
            ("forwarded", "proto=https; by=_edge; for=\"192.0.2.1\""),
        ],
        ("x-forwarded-for", "192.0.2.2"),
    )
    .await;
    share_a_limit(
        &[
            ("x-forwarded-for", "2001:db8::1"),
            ("x-forwarded-for", "[2001:db8::1]"),
            ("x-forwarded-for", "[2001:db8::2]:4711"),
            ("forwarded", "for=\"[2001:db8::3]:4711\""),
        ],
        ("forwarded", "for=\"[2001:db8:1::1]\""),
    )
    .await;
    share_a_limit(
        &[
            ("", ""),
            ("x-forwarded-for", "unknown"),
            ("x-forwarded-for", "203.0.113.9, unknown"),
            ("x-forwarded-for", ""),
            ("x-forwarded-for", "192.0.2.1:port"),
            ("x-forwarded-for", "[2001:db8::1"),
            ("forwarded", "for=unknown"),
            ("forwarded", "for=203.0.113.9, for=_hidden"),
            ("forwarded", "for=203.0.113.9, proto=https"),
            ("x-forwarded-for", "127.0.0.1"),
        ],
        ("x-forwarded-for", "192.0.2.2"),
    )
    .await;
}

/// A proxy adds to one of the headers and may pass on the other one as the client sent it.
#[tokio::test]
async fn contradicting_forwarded_headers_count_as_the_proxy() {
    let app = TestApp::start_with(&[
        ("rates.opens_per_minute", "1"),
        ("server.behind_proxy", "true"),
        (
            "security.operator_token",
            "0123456789abcdef0123456789abcdef",
        ),
    ]);
    for (number, status) in [(1, 201), (2, 429), (3, 429)] {
        let forged = format!("for=203.0.113.{number}");
        let ask = app.ask_for_cart().header("x-forwarded-for", "192.0.2.1");
        ask.header("forwarded", &forged).await.expect(status);
    }
    let ask = app.ask_for_cart().header("x-forwarded-for", "192.0.2.1");
    ask.header("forwarded", "for=192.0.2.1").await.expect(201);
}
