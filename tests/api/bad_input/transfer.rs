//! How a body is sent: types, encodings, lengths, chunks, and ends.

use super::{ITEM, raw_refused, refused};
use cartlog_testkit::{Ask, TestApp};
use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Contract (requests): A body is uncompressed `application/json`: 415 otherwise.
#[tokio::test]
async fn body_of_another_media_type_is_refused() {
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

/// Contract (requests): A body is uncompressed `application/json`: 415 otherwise.
#[tokio::test]
async fn body_with_content_encoding_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    // The first bytes of a valid item, compressed by gzip.
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

/// Contract (requests): A body has at most 16 KiB: 413 otherwise.
#[tokio::test]
async fn body_over_the_size_limit_is_refused() {
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
async fn malformed_chunked_body_is_refused() {
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

#[tokio::test]
async fn truncated_body_is_refused_or_connection_closed() {
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
