//! What reverse proxies do to requests and responses.

use cartlog_testkit::{TestApp, text};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// nginx weakens the tag of what it compresses, Apache and others add the coding to it. Both can
/// only mean the version that this service sent.
///
/// Contract (conditions): A tag that a compressing proxy changed still names its version.
#[tokio::test]
async fn tags_changed_by_proxies_name_their_version() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let tags = |version: u64| {
        [
            format!("W/\"{version}\""),
            format!("\"{version}-gzip\""),
            format!("\"{version}-br\""),
            format!("W/\"{version}-zstd\""),
            format!("\"{version}--gzip\""),
            format!("\"1\", W/\"{version}-gzip\""),
        ]
    };
    for tag in tags(2) {
        let read = cart.get_at(2).header("if-none-match", &tag).await;
        assert_eq!(read.expect(304).header("etag"), Some("\"2\""), "{tag}");
    }
    for (place, version) in (2..).zip(0..6) {
        let tag = &tags(place)[version];
        let added = cart.add("teapot", 1).header("if-match", tag).await;
        assert_eq!(added.expect(200).version(), place + 1, "{tag}");
    }
}

const STREAM: &str = "Host: localhost\r\nAccept: text/event-stream\r\n";

/// Contract (history): Live streams pass through proxies without buffering or compression.
#[tokio::test]
async fn live_streams_forbid_buffering_and_transformation() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for path in [
        "/api/events".to_owned(),
        format!("/api/carts/{}/events", cart.id),
    ] {
        let authorization = format!("Authorization: Bearer {}\r\n", cart.token);
        let request =
            format!("HEAD {path} HTTP/1.1\r\n{STREAM}{authorization}Connection: close\r\n\r\n");
        let head = app.raw(request.as_bytes()).await.expect(200);
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert_eq!(head.header("cache-control"), Some("no-store, no-transform"));
        let page = app
            .ask(Method::GET, &path)
            .token(&cart.token)
            .await
            .expect(200);
        assert_eq!(page.header("x-accel-buffering"), None);
    }
}

/// HTTP/1.0 has no chunked coding (RFC 9112, 6.1): the end of the connection ends the body.
///
/// Contract (history): Over HTTP/1.0 a live stream ends with its connection.
#[tokio::test]
async fn live_stream_over_http_1_0_ends_by_close() {
    let mut app = TestApp::start();
    app.open_cart().await;
    for connection in ["", "Connection: keep-alive\r\n"] {
        let mut stream = TcpStream::connect(app.address()).await.expect("connects");
        let request = format!("GET /api/events?after=0 HTTP/1.0\r\n{STREAM}{connection}\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request");
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\n\n") || !bytes.windows(6).any(|six| six == b"data: ") {
            assert!(stream.read_buf(&mut bytes).await.expect("an event") > 0);
        }
        let answer = std::str::from_utf8(&bytes).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        assert!(!head.contains("keep-alive"), "{head}");
        assert!(body.starts_with(": following\n\nid: 1-"), "{body}");
        drop(stream);
    }
    let request = format!("HEAD /api/events HTTP/1.0\r\n{STREAM}\r\n");
    let head = app.raw(request.as_bytes()).await.expect(200);
    assert_eq!(head.header("transfer-encoding"), None);
    let mut last = TcpStream::connect(app.address()).await.expect("connects");
    let request = format!("GET /api/events HTTP/1.0\r\n{STREAM}\r\n");
    last.write_all(request.as_bytes()).await.expect("a request");
    let mut first = [0; 16];
    last.read_exact(&mut first).await.expect("a head");
    app.stop();
    let mut rest = String::new();
    last.read_to_string(&mut rest)
        .await
        .expect("the end of the stream");
    let (_, body) = rest.split_once("\r\n\r\n").expect("a head");
    assert!(
        body.starts_with(": following\n") && body.ends_with("\n\n"),
        "{body}"
    );
}

/// Contract (access): With `server.https`, `Strict-Transport-Security` is sent.
#[tokio::test]
async fn https_is_strict_when_configured() {
    let plain = TestApp::start();
    let page = plain.get("/").await.expect(200);
    assert_eq!(page.header("strict-transport-security"), None);
    let app = TestApp::start_with(&[
        ("server.https", "true"),
        (
            "security.operator_token",
            "0123456789abcdef0123456789abcdef",
        ),
    ]);
    for path in ["/", "/api/products", "/nowhere"] {
        let answer = app.get(path).await;
        assert_eq!(
            answer.header("strict-transport-security"),
            Some("max-age=31536000"),
            "{path}"
        );
    }
}

/// Contract (service): A page under a path prefix, of which the proxy tells, is refused with the
/// reason: its styles and scripts would be looked for elsewhere. The API is not.
#[tokio::test]
async fn pages_under_a_path_prefix_are_refused() {
    let app = TestApp::start();
    let get = |path: &str, prefix: &str| {
        let ask = app.get(path).header("accept", "text/html, */*;q=0.8");
        ask.header("x-forwarded-prefix", prefix)
    };
    for page in ["/", "/history", "/products/teapot", "/docs", "/nowhere"] {
        let refused = get(page, "/shop").await.expect_problem(421, "wrong-host");
        let detail = text(&refused["detail"]);
        assert!(detail.contains("path prefix"), "{page}: {detail}");
    }
    for root in ["", "/"] {
        get("/", root).await.expect(200);
    }
    get("/api/products", "/shop").await.expect(200);
    get("/css/base.css", "/shop").await.expect(200);
}
