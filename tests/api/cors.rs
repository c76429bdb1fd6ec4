//! Pages of other origins (CORS).

use cartlog_testkit::{Ask, TestApp};
use reqwest::Method;

const SHOP: &str = "https://shop.example";

fn preflight(app: &TestApp, path: &str, origin: &str) -> Ask {
    app.ask(Method::OPTIONS, path)
        .header("origin", origin)
        .header("sec-fetch-site", "cross-site")
        .header("access-control-request-method", "POST")
}

/// Contract (access): Pages of an origin in `server.allowed_origins` use the API from a browser:
/// a preflight is answered, commands are executed, and responses may be read, without cookies.
#[tokio::test]
async fn allowed_origin_opens_and_fills_a_cart() {
    let app = TestApp::start_with(&[("server.allowed_origins", "[\"https://shop.example\"]")]);
    let allowed = preflight(&app, "/api/carts", SHOP).await.expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(
        allowed.header("access-control-allow-methods"),
        allowed.header("allow")
    );
    let headers = allowed.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("Idempotency-Key"), "{headers}");
    assert_eq!(allowed.header("access-control-allow-credentials"), None);

    let cart = app.open_cart().await;
    let foreign = |ask: Ask| {
        ask.header("origin", SHOP)
            .header("sec-fetch-site", "cross-site")
    };
    let added = foreign(cart.add("teapot", 1)).await.expect(201);
    assert_eq!(added.header("access-control-allow-origin"), Some(SHOP));
    assert!(added.header("vary").unwrap().contains("Origin"));
    let exposed = added.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("ETag"), "{exposed}");
    // Errors can be read too.
    let refused = foreign(app.get("/api/carts/01a20c19-324e-76c9-b286-e42798811daa")).await;
    let refused = refused.expect(404);
    assert_eq!(refused.header("access-control-allow-origin"), Some(SHOP));
}

/// Contract (access): An origin that is not configured exactly gets no CORS headers, and its
/// pages change nothing.
#[tokio::test]
async fn other_origins_are_refused_without_cors_headers() {
    let app = TestApp::start_with(&[("server.allowed_origins", "[\"https://shop.example\"]")]);
    let cart = app.open_cart().await;
    for origin in [
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://evil.example",
        "null",
    ] {
        let answer = preflight(&app, "/api/carts", origin).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("access-control-allow-methods"), None);
        // A cache must not give this response to an allowed origin.
        assert_eq!(answer.header("vary"), Some("Origin"));
        let refused = cart.add("teapot", 1).header("origin", origin).await;
        assert_eq!(refused.header("access-control-allow-origin"), None);
        refused.expect_problem(403, "cross-site");
    }
    assert_eq!(app.log_head(), 1);
}

#[tokio::test]
async fn cors_is_off_by_default() {
    let app = TestApp::start();
    let answer = preflight(&app, "/api/carts", SHOP).await.expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), None);
}
