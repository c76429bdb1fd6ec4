//! Who may do what: a cart's token opens it, and without it there is no cart.

use cartlog_testkit::{Ask, TestApp};
use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Every verb and path below a cart, with a body that would do.
fn everything(app: &TestApp, id: &str) -> Vec<Ask> {
    let ask = |method: Method, below: &str| app.ask(method, &format!("/api/carts/{id}{below}"));
    vec![
        ask(Method::GET, ""),
        ask(Method::GET, "?version=1"),
        ask(Method::GET, "?at=2026-01-01T00:00:00Z"),
        ask(Method::GET, "?min_version=1"),
        ask(Method::POST, "/items").json(&json!({ "sku": "teapot", "quantity": 1 })),
        ask(Method::DELETE, "/items"),
        ask(Method::PUT, "/items/teapot").json(&json!({ "quantity": 1 })),
        ask(Method::DELETE, "/items/teapot"),
        ask(Method::PUT, "/promotion").json(&json!({ "code": "TEA10" })),
        ask(Method::DELETE, "/promotion"),
        ask(Method::POST, "/undo").if_match(1),
        ask(Method::POST, "/checkout")
            .json(&json!({ "expected_total": 0 }))
            .if_match(1)
            .key("pay"),
        ask(Method::GET, "/events"),
        ask(Method::GET, "/events").header("accept", "text/event-stream"),
        ask(Method::GET, "/events").header("accept", "application/cloudevents-batch+json"),
        ask(Method::GET, "/timeline"),
        ask(Method::GET, "/why"),
        ask(Method::POST, "/what-if").json(&json!({ "without": [] })),
    ]
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Contract (errors): 404: unknown and foreign carts get the same bytes.
#[tokio::test]
async fn foreign_and_unknown_cart_get_identical_responses() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let other = app.open_cart().await;
    cart.get_at_least(2).await.expect(200);
    let unknown = "01990000-0000-7000-8000-000000000001";
    // Under one trace, the responses have the same trace_id too.
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let mut answers = BTreeMap::new();
    let mut bodies = BTreeSet::new();
    for authorization in [
        None,
        Some(format!("Bearer {}", other.token)),
        Some(format!("Bearer {}", cart.token.to_uppercase())),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {}", cart.token)),
        Some(cart.token.clone()),
    ] {
        for id in [&cart.id, unknown, "no-uuid", &cart.id.replace('-', "")] {
            for (which, ask) in everything(&app, id).into_iter().enumerate() {
                let ask = ask.header("traceparent", &traceparent);
                let ask = match &authorization {
                    None => ask,
                    Some(authorization) => ask.header("authorization", authorization),
                };
                let answer = ask.await.expect(404);
                if id == cart.id || id == unknown {
                    let mut names: Vec<&str> =
                        answer.headers.keys().map(HeaderName::as_str).collect();
                    names.sort_unstable();
                    let same = answers.entry(which).or_insert_with(|| names.join(" "));
                    assert_eq!(*same, names.join(" "), "{id} {authorization:?}");
                }
                bodies.insert(String::from_utf8(answer.body).unwrap());
            }
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies.first().unwrap().contains(TRACE));
    assert_eq!(app.log_head(), 3, "nothing was written");
}

/// Contract (access): The token is returned once, and only its hash is stored.
#[tokio::test]
async fn token_is_returned_once_and_grants_access() {
    let app = TestApp::start();
    let opened = app.ask_for_cart().await.expect(201);
    let cart = app.cart_of(&opened);
    assert!(
        cart.token.len() * 4 >= 128,
        "at least 128 bits in hexadecimal"
    );
    let read = cart.get().await.expect(200).json();
    assert!(read.get("token").is_none());
    assert!(!String::from_utf8_lossy(&cart.events().await.expect(200).body).contains(&cart.token));
    let lower = cart
        .get()
        .header("authorization", &format!("bearer {}", cart.token));
    lower.await.expect(200);
}

/// Contract (access): The cookie is `HttpOnly` and `SameSite=Strict`.
#[tokio::test]
async fn cookie_grants_access_and_is_http_only() {
    let app = TestApp::start();
    let opened = app.ask_for_cart().await.expect(201);
    let cart = app.cart_of(&opened);
    let cookie = opened.header("set-cookie").unwrap();
    for attribute in [
        "HttpOnly",
        "SameSite=Strict",
        &format!("Path=/api/carts/{}", cart.id),
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let ask = || cart.get().without_header("authorization");
    ask().header("cookie", pair).await.expect(200);
    ask()
        .header("cookie", &format!("a=b; {pair}; c=d"))
        .await
        .expect(200);
    ask().header("cookie", "cart_token=wrong").await.expect(404);
    // An explicit token takes precedence over the cookie.
    let both = ask().header("cookie", pair).token("wrong");
    both.await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn behind_https_the_cookie_is_for_https_alone() {
    let app = TestApp::start_with(&[
        ("server.https", "true"),
        (
            "security.operator_token",
            "0123456789abcdef0123456789abcdef",
        ),
    ]);
    let opened = app.ask_for_cart().await.expect(201);
    assert!(opened.header("set-cookie").unwrap().contains("; Secure"));
}

#[tokio::test]
async fn cross_site_request_changes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let host = app.address().to_string();
    for (name, value) in [
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
        ("origin", "https://shop.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("http://{host}.example")),
    ] {
        let refused = cart.add("teapot", 1).header(name, &value).await;
        refused.expect_problem(403, "cross-site");
    }
    assert_eq!(app.log_head(), 1);
    for (name, value) in [
        ("sec-fetch-site", "same-origin".to_owned()),
        ("origin", format!("http://{host}")),
    ] {
        let answer = cart.add("teapot", 1).header(name, &value).await;
        assert!(answer.status < 300, "{name}: {value}");
    }
}

/// Contract (access): Another site is 403, another host 421.
#[tokio::test]
async fn request_for_another_host_is_misdirected() {
    let app = TestApp::start();
    for host in [
        "shop.example",
        "localhost.example",
        "",
        "127.0.0.1.example:80",
    ] {
        let request = format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\n\r\n");
        app.raw(request.as_bytes())
            .await
            .expect_problem(421, "wrong-host");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080"] {
        let request = format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\n\r\n");
        app.raw(request.as_bytes()).await.expect(200);
    }
    // RFC 9112, 3.2.2: a host in the target counts, and the Host header beside it does not.
    for (target, host, status) in [
        ("shop.example", "localhost", 421),
        ("localhost", "shop.example", 200),
    ] {
        let request = format!("GET http://{target}/api/products HTTP/1.1\r\nHost: {host}\r\n\r\n");
        app.raw(request.as_bytes()).await.expect(status);
    }
}
