//! Requests as bytes: types, encodings, lengths, chunks, methods, versions, heads and time.
//!
//! Where the HTTP parser answers, below the application, the answer has no body and closes the
//! connection: there is no request yet that a problem could be told about.

use super::{raw_refused, refused};
use crate::app::{Ask, TestApp};
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const ITEM: &str = r#"{"sku":"teapot","quantity":1}"#;

#[tokio::test]
async fn a_body_of_another_type_is_not_read() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let add = || cart.add("teapot", 1);
    for media_type in [
        "",
        "json",
        "text/json",
        "text/plain",
        "text/plain; charset=utf-8",
        "application/jsonx",
        "application/*",
        "*/*",
        "application/json-patch+json",
        "application/problem+json",
        "application/cloudevents+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "application/json, application/json",
        "application/json, text/plain",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; version=1",
        "application/json charset=utf-8",
        "application/json\u{fc}",
    ] {
        let ask = add().header("content-type", media_type);
        refused(&app, media_type, ask, 415, "unsupported-media-type").await;
    }
    let ask = add().without_header("content-type");
    refused(&app, "none", ask, 415, "unsupported-media-type").await;
    let ask = add().another_header("content-type", "application/json");
    refused(&app, "the same twice", ask, 415, "unsupported-media-type").await;
    for (case, ask) in [
        ("open", app.ask_for_cart().body("{}")),
        ("undo", cart.undo(1).body("{}")),
        ("clear", cart.clear().body("{}")),
        (
            "check out",
            cart.check_out(1, 0, "k")
                .header("content-type", "text/plain"),
        ),
        (
            "what if",
            cart.what_if(&[]).header("content-type", "text/plain"),
        ),
    ] {
        refused(&app, case, ask, 415, "unsupported-media-type").await;
    }
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json ; charset=\"utf-8\"",
    ] {
        let answer = add().header("content-type", media_type).await;
        assert!(answer.status < 300, "{media_type}");
    }
}

#[tokio::test]
async fn a_body_that_is_packed_is_not_unpacked() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    // The first bytes of gzip, of what would be a sound item.
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabV*.\xcd.V\xb2R*I\x04\x02";
    for encoding in [
        "gzip",
        "x-gzip",
        "br",
        "deflate",
        "zstd",
        "compress",
        "identity",
        "gzip, gzip",
        "",
    ] {
        for (case, ask) in [
            ("packed", cart.add("teapot", 1).body(packed.to_vec())),
            ("plain", cart.add("teapot", 1)),
            ("nothing", cart.clear()),
        ] {
            let case = format!("{case}, said to be {encoding}");
            let ask = ask.header("content-encoding", encoding);
            refused(&app, &case, ask, 415, "unsupported-media-type").await;
        }
    }
}

#[tokio::test]
async fn a_body_has_a_length_at_the_most() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let padded = |length: usize| format!("{}{ITEM}", " ".repeat(length - ITEM.len()));
    let send = |body: String| {
        let ask = cart.ask(Method::POST, "/items").body(body);
        ask.header("content-type", "application/json")
    };
    for length in [16_385, 20_000, 100_000, 1_000_000] {
        let case = format!("{length} bytes");
        let problem = refused(&app, &case, send(padded(length)), 413, "body-too-large").await;
        assert_eq!(problem["max"], 16_384);
    }
    for (case, ask) in [
        ("open", app.ask_for_cart()),
        ("undo", cart.undo(1)),
        ("clear", cart.clear()),
        ("check out", cart.check_out(1, 0, "k")),
        ("what if", cart.what_if(&[])),
    ] {
        let ask = ask
            .body(padded(16_385))
            .header("content-type", "application/json");
        refused(&app, case, ask, 413, "body-too-large").await;
    }
    // A length that is announced is not waited for, and in chunks none is announced.
    let token = &cart.token;
    let path = format!("/api/carts/{}/items", cart.id);
    for (case, rest) in [
        (
            "announced",
            "Content-Length: 1000000000\r\n\r\n{".to_owned(),
        ),
        (
            "one chunk",
            format!(
                "Transfer-Encoding: chunked\r\n\r\n4001\r\n{}",
                " ".repeat(0x4001)
            ),
        ),
        (
            "many chunks",
            format!(
                "Transfer-Encoding: chunked\r\n\r\n{}",
                "400\r\n".to_owned() + &format!("{}\r\n400\r\n", " ".repeat(0x400)).repeat(17)
            ),
        ),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{rest}"
        );
        raw_refused(&app, case, request.as_bytes(), 413, "body-too-large").await;
    }
    send(padded(16_384)).await.expect(201);
}

#[tokio::test]
async fn a_body_whose_chunks_are_broken_is_refused() {
    let app = TestApp::start();
    for (case, chunks) in [
        ("a size that is none", "zz\r\n{}\r\n0\r\n\r\n"),
        ("a size below nought", "-2\r\n{}\r\n0\r\n\r\n"),
        (
            "a size beyond 64 bits",
            "FFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
        ),
        ("no line behind the data", "2\r\n{}0\r\n\r\n"),
        ("more than was said", "1\r\n{}\r\n0\r\n\r\n"),
    ] {
        let request = format!(
            "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{chunks}"
        );
        raw_refused(&app, case, request.as_bytes(), 400, "invalid-body").await;
    }
}

/// Whole requests that the parser refuses.
const NO_REQUESTS: &[(&str, u16, &str)] = &[
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
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ),
    (
        "the same length twice",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
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
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    ),
    (
        "a length and chunks",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks twice",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "packed chunks",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "no coding that is known",
        400,
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks in HTTP/1.0",
        400,
        "POST /api/carts HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
];

#[tokio::test]
async fn what_is_no_request_is_refused_below_the_application() {
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
async fn a_head_that_the_parser_takes_is_bounded_all_the_same() {
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

#[tokio::test]
async fn a_method_that_is_not_known_is_refused_everywhere() {
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
async fn what_follows_a_request_is_a_request_of_its_own() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let token = &cart.token;
    let path = format!("/api/carts/{}/items", cart.id);
    // Whoever takes the body's bytes for a request would carry this out.
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

/// Writes `parts` with a pause behind each, then reads the answer.
async fn slowly(app: &TestApp, parts: &[&str], pause: Duration) -> (u16, String, Duration) {
    let started = Instant::now();
    let mut stream = TcpStream::connect(app.address()).await.expect("connects");
    for part in parts {
        // The service may have had enough of it before the end.
        if stream.write_all(part.as_bytes()).await.is_err() {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    let answer = crate::app::read_answer(&mut stream).await;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    (answer.status, body, started.elapsed())
}

/// A request that comes too slowly is answered after five seconds, and not much later. The cases
/// wait at the same time.
#[tokio::test]
async fn a_request_that_takes_its_time_is_given_up() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let head = format!(
        "POST /api/carts/{}/items HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n",
        cart.id, cart.token
    );
    let moment = Duration::ZERO;
    let second = Duration::from_secs(1);
    let half = format!("{head}Content-Length: {}\r\n\r\n{{\"sku\":", ITEM.len());
    let none = format!("{head}Content-Length: {}\r\n\r\n", ITEM.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n6\r\n{{\"sku\"\r\n");
    let trickle: Vec<&str> = std::iter::once(none.as_str()).chain(["{"; 7]).collect();
    let headers: Vec<&str> = std::iter::once(head.as_str())
        .chain(["X-A: a\r\n"; 7])
        .collect();
    let (half, none, chunked) = ([half.as_str()], [none.as_str()], [chunked.as_str()]);
    let bodies = futures_util::future::join4(
        slowly(&app, &half, moment),
        slowly(&app, &none, moment),
        slowly(&app, &chunked, moment),
        slowly(&app, &trickle, second),
    );
    let heads = futures_util::future::join3(
        slowly(&app, &[], moment),
        slowly(&app, &["POST /api/ca"], moment),
        slowly(&app, &headers, second),
    );
    let (bodies, heads) = tokio::join!(bodies, heads);
    for (case, (status, body, time)) in [
        ("half a body", bodies.0),
        ("no body", bodies.1),
        ("half the chunks", bodies.2),
        ("byte by byte", bodies.3),
    ] {
        assert_eq!(status, 408, "{case}: {body}");
        assert!(body.contains("/problems/body-timeout"), "{case}: {body}");
        assert!((4..9).contains(&time.as_secs()), "{case}: {time:?}");
    }
    // Here it is the parser that waits, and that has no body to give.
    for (case, (status, body, time)) in [
        ("nothing", heads.0),
        ("half a line", heads.1),
        ("header by header", heads.2),
    ] {
        assert_eq!((status, body.as_str()), (408, ""), "{case}");
        assert!((4..9).contains(&time.as_secs()), "{case}: {time:?}");
    }
    assert_eq!(app.log_head(), 1);
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_or_nobody_is_there_to_be_told() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let request = format!(
        "POST /api/carts/{}/items HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{ITEM}",
        cart.id,
        cart.token,
        ITEM.len() + 1
    );
    for _ in 0..3 {
        let mut stream = TcpStream::connect(app.address()).await.expect("connects");
        stream.write_all(request.as_bytes()).await.expect("writes");
        drop(stream);
    }
    let whole: Ask = cart.clear();
    whole.await.expect(200);
    assert_eq!(app.log_head(), 1);
}
