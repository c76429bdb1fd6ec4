//! Requests as bytes: methods, versions and heads.
//!
//! Where the HTTP parser answers, below the application, the answer has no body and closes the
//! connection: there is no request yet that could get a problem response.

use super::{ITEM, raw_refused};
use cartlog_testkit::TestApp;
use reqwest::Method;

/// Whole requests that the parser refuses.
pub const NO_REQUESTS: &[(&str, u16, &str)] = &[
    ("no HTTP", 400, "hello\r\n\r\n"),
    ("HTTP/0.9", 400, "GET /livez\r\n\r\n"),
    (
        "HTTP/2.0",
        400,
        "GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
    ),
    (
        "HTTP/2 without asking",
        400,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    (
        "HTTP/1.2",
        400,
        "GET /livez HTTP/1.2\r\nHost: localhost\r\n\r\n",
    ),
    (
        "a version in lower case",
        400,
        "GET /livez http/1.1\r\nHost: localhost\r\n\r\n",
    ),
    ("no host", 400, "GET /livez HTTP/1.1\r\n\r\n"),
    (
        "two hosts",
        400,
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: shop.example\r\n\r\n",
    ),
    (
        "a NUL in the path",
        400,
        "GET /live\0z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    (
        "a space in the path",
        400,
        "GET /live z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    (
        "an umlaut in the path",
        400,
        "GET /livéz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    (
        "a space before a colon",
        400,
        "GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
    ),
    (
        "a header on two lines",
        400,
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n b\r\n\r\n",
    ),
    (
        "a header without a colon",
        400,
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A\r\n\r\n",
    ),
    (
        "a header without a name",
        400,
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n: a\r\n\r\n",
    ),
    (
        "a NUL in a header",
        400,
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n",
    ),
    (
        "two lengths",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ),
    (
        "the same length twice",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    ),
    (
        "two lengths in one",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2, 2\r\n\r\n{}",
    ),
    (
        "a length with a sign",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}",
    ),
    (
        "a length below nought",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: -2\r\n\r\n{}",
    ),
    (
        "a length in words",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: two\r\n\r\n{}",
    ),
    (
        "a length in hexadecimal",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x2\r\n\r\n{}",
    ),
    (
        "a length beyond 64 bits",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 99999999999999999999\r\n\r\n{}",
    ),
    (
        "a length and chunks",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks twice",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "packed chunks",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "no coding that is known",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n\
         Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks in HTTP/1.0",
        400,
        "POST /api/carts HTTP/1.0\r\nHost: localhost\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
];

#[tokio::test]
async fn malformed_http_gets_a_bare_400() {
    let app = TestApp::start();
    for (case, status, request) in NO_REQUESTS {
        below(&app, case, request.as_bytes(), *status).await;
    }
    let head = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
    let many = (0..200).map(|number| format!("X-{number}: a\r\n"));
    let many = format!("{head}{}\r\n", many.collect::<String>());
    below(&app, "two hundred headers", many.as_bytes(), 431).await;
    let long = format!("{head}X-A: {}\r\n\r\n", "a".repeat(200_000));
    below(&app, "a header of 200 kB", long.as_bytes(), 431).await;
    let address = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a".repeat(70_000)
    );
    below(&app, "an address of 70 kB", address.as_bytes(), 400).await;
}

async fn below(app: &TestApp, case: &str, bytes: &[u8], status: u16) {
    let head = app.log_head();
    let answer = app.raw_below(bytes).await;
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert!(answer.body.is_empty(), "{case}: {answer:?}");
    assert_eq!(
        answer.header("connection"),
        Some("close"),
        "{case}: {answer:?}"
    );
    assert_eq!(app.log_head(), head, "{case}: something was written");
}

#[tokio::test]
async fn parsed_request_head_is_bounded() {
    let app = TestApp::start();
    let open = "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
    let ninety = (0..90).map(|number| format!("X-{number}: {}\r\n", "a".repeat(200)));
    for (case, request, status, slug) in [
        (
            "an address of 8 KiB",
            format!(
                "POST /api/carts?{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "a".repeat(8 * 1024)
            ),
            414,
            "address-too-long",
        ),
        (
            "an address of 60 kB",
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "a".repeat(60_000)
            ),
            414,
            "address-too-long",
        ),
        (
            "a header of 16 KiB",
            format!("{open}X-A: {}\r\n\r\n", "a".repeat(16 * 1024)),
            431,
            "headers-too-large",
        ),
        (
            "ninety headers of 18 kB",
            format!("{open}{}\r\n", ninety.collect::<String>()),
            431,
            "headers-too-large",
        ),
    ] {
        raw_refused(&app, case, request.as_bytes(), status, slug).await;
    }
}

/// Contract (requests): OPTIONS is 204 and an unknown method 405, with `Allow`.
#[tokio::test]
async fn unknown_method_is_refused_everywhere() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let id = &cart.id;
    let paths = [
        "/api/carts".to_owned(),
        format!("/api/carts/{id}"),
        format!("/api/carts/{id}/items"),
        format!("/api/carts/{id}/items/teapot"),
        format!("/api/carts/{id}/promotion"),
        format!("/api/carts/{id}/undo"),
        format!("/api/carts/{id}/checkout"),
        format!("/api/carts/{id}/events"),
        format!("/api/carts/{id}/timeline"),
        format!("/api/carts/{id}/why"),
        format!("/api/carts/{id}/what-if"),
        "/api/products".to_owned(),
        "/api/products/teapot".to_owned(),
        "/api/events".to_owned(),
        "/api/insights/funnel".to_owned(),
        "/api/insights/pairs".to_owned(),
        "/livez".to_owned(),
        "/readyz".to_owned(),
        "/".to_owned(),
    ];
    for path in &paths {
        for method in ["PATCH", "TRACE", "PROPFIND", "BREW", "get", "post"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{ITEM}",
                cart.token,
                ITEM.len()
            );
            let case = format!("{method} {path}");
            let head = app.log_head();
            let answer = app.raw(request.as_bytes()).await;
            let allow = answer
                .header("allow")
                .unwrap_or_else(|| panic!("Allow: {case}"));
            assert!(allow.ends_with("OPTIONS"), "{case}: {allow}");
            answer.expect_problem(405, "method-not-allowed");
            assert_eq!(app.log_head(), head, "{case}");
        }
    }
    let request = "GET livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let case = "a host in the place of a path";
    raw_refused(&app, case, request.as_bytes(), 421, "wrong-host").await;
    for (case, request) in [
        (
            "CONNECT",
            "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        (
            "OPTIONS of everything",
            "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
    ] {
        raw_refused(&app, case, request.as_bytes(), 404, "not-found").await;
    }
    // Another method in a header is none: no proxy of ours needs it.
    let tunnelled = cart
        .ask(Method::GET, "")
        .header("x-http-method-override", "DELETE");
    tunnelled.await.expect(200);
    assert_eq!(app.log_head(), 2);
}

#[tokio::test]
async fn pipelined_request_is_a_separate_request() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let token = &cart.token;
    let path = format!("/api/carts/{}/items", cart.id);
    // A parser that mistook the body for a request would execute this.
    let hidden = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{ITEM}",
        ITEM.len()
    );
    for (method, target, length) in [
        ("GET", "/livez", hidden.len()),
        ("POST", "/nowhere", hidden.len()),
        ("PATCH", "/livez", hidden.len()),
        ("POST", "/api/carts/x/items", hidden.len()),
        ("POST", "/api/carts", hidden.len()),
        ("GET", "/livez", hidden.len() + 10),
    ] {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{hidden}"
        );
        let answer = app.raw(request.as_bytes()).await;
        assert_ne!(answer.status, 201, "{method} {target}");
        assert_eq!(app.log_head(), 1, "{method} {target}");
    }
}
