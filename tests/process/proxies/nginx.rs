//! The program behind nginx, which compresses everything and speaks HTTP/1.0 or 1.1 to it.

use super::proxy::{Proxy, free_address};
use super::shopper::{Shopper, client, tag, unpacked};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::process::{ServiceProcess, command};
use reqwest::Client;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const OPERATOR: &str = "0123456789abcdef0123456789abcdef";
const HOST: &str = "localhost";

/// nginx as a proxy of `service`, to which it speaks HTTP `version`, with all that it can compress.
async fn nginx(folder: &Path, service: SocketAddr, version: &str) -> Proxy {
    let address = free_address();
    let http = format!(
        "gzip on; gzip_types *; gzip_min_length 1;
         server {{
             listen {address};
             location / {{
                 proxy_pass http://{service};
                 proxy_http_version {version};
                 proxy_set_header Host {HOST};
                 proxy_set_header Connection \"\";
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
             }}
         }}"
    );
    Proxy::nginx(folder, address, &http).await
}

/// The program behind nginx in `folder`, with one cart a minute for each client.
async fn behind_nginx(folder: &Path, version: &str) -> (ServiceProcess, Proxy) {
    let mut serve = command(folder, &["serve"]);
    serve
        .env("CARTLOG_SERVER__BEHIND_PROXY", "true")
        .env("CARTLOG_SECURITY__OPERATOR_TOKEN", OPERATOR)
        .env("CARTLOG_RATES__OPENS_PER_MINUTE", "1");
    let program = ServiceProcess::run(serve);
    let proxy = nginx(folder, program.address, version).await;
    (program, proxy)
}

/// Contract (history): Live streams pass through a compressing nginx at once, and end when it ends.
#[tokio::test]
#[ignore = "needs nginx"]
async fn live_streams_pass_through_compressing_nginx() {
    for version in ["1.0", "1.1"] {
        let folder = tempfile::tempdir().unwrap();
        let (program, nginx) = behind_nginx(folder.path(), version).await;
        let shopper = Shopper::open(&nginx, HOST).await;
        let events = format!("{}/events", shopper.cart);
        let journal = format!("http://{}/api/events", nginx.address);
        let mut streams = Vec::new();
        for (url, token) in [(&events, shopper.token.as_str()), (&journal, OPERATOR)] {
            let mut stream = shopper.follow(url, token).await;
            stream.until(": following\n").await;
            streams.push(stream);
        }
        for added in 2..5 {
            assert_eq!(
                shopper.add(None).await.0,
                if added == 2 { 201 } else { 200 }
            );
            for stream in &mut streams {
                stream.until(&format!("id: {added}-")).await;
            }
        }
        let stopping = Instant::now();
        program.send_signal("TERM");
        for stream in streams {
            assert!(!stream.rest().await.contains("id: 5-"));
        }
        assert_eq!(program.wait_for_exit(PATIENCE).code(), Some(0));
        assert!(stopping.elapsed() < Duration::from_secs(5), "{version}");
    }
}

/// nginx weakens the tag of what it compresses. The client sends it back as it got it.
///
/// Contract (conditions): A tag that a compressing proxy changed still names its version.
#[tokio::test]
#[ignore = "needs nginx"]
async fn commands_and_tags_pass_through_compressing_nginx() {
    for version in ["1.0", "1.1"] {
        let folder = tempfile::tempdir().unwrap();
        let (_program, nginx) = behind_nginx(folder.path(), version).await;
        let shopper = Shopper::open(&nginx, HOST).await;
        // nginx does not compress a 201.
        assert_eq!(shopper.add(None).await, (201, "\"2\"".to_owned()));
        let (status, added) = shopper.add(Some("\"2\"")).await;
        assert_eq!((status, added.as_str()), (200, "W/\"3\""), "{version}");
        assert_eq!(shopper.add(Some(&added)).await, (200, "W/\"4\"".to_owned()));
        assert_eq!(shopper.add(Some(&added)).await.0, 412);
        let cart = shopper.get(&shopper.cart, &shopper.token, &[]).await;
        assert_eq!(cart.headers()["content-encoding"], "gzip");
        let seen = tag(cart.headers());
        assert_eq!(seen, "W/\"4\"");
        assert_eq!(unpacked(cart).await["lines"][0]["quantity"], 3);
        let same = [("if-none-match", seen.as_str())];
        let unchanged = shopper.get(&shopper.cart, &shopper.token, &same).await;
        assert_eq!(unchanged.status(), 304);
    }
}

/// Before version 1.29.7 nginx speaks HTTP/1.0 by default, and adds no `Content-Length` to a
/// request without a body. The HTTP parser refuses such a `POST` (RFC 1945, 8.3).
#[tokio::test]
#[ignore = "needs nginx"]
async fn post_without_length_needs_http_1_1_from_nginx() {
    for (version, status) in [("1.0", 400), ("1.1", 201)] {
        let folder = tempfile::tempdir().unwrap();
        let (_program, nginx) = behind_nginx(folder.path(), version).await;
        let carts = format!("http://{}/api/carts", nginx.address);
        let opened = Client::new().post(carts).send().await.unwrap();
        assert_eq!(opened.status(), status, "{version}");
    }
}

/// nginx appends the client's address to what the client itself sent.
///
/// Contract (headers): Behind a proxy, limits count the client's address in every form of it.
#[tokio::test]
#[ignore = "needs nginx"]
async fn client_behind_nginx_cannot_choose_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let (program, nginx) = behind_nginx(folder.path(), "1.1").await;
    Shopper::open(&nginx, HOST).await;
    let client = client();
    let open = async |address: SocketAddr, sent: &str| {
        let carts = format!("http://{address}/api/carts");
        let ask = client.post(carts).json(&json!({}));
        let ask = ask.header("x-forwarded-for", sent);
        ask.send().await.unwrap().status().as_u16()
    };
    for sent in ["192.0.2.1", "192.0.2.2", "192.0.2.3, 192.0.2.4", "unknown"] {
        assert_eq!(open(nginx.address, sent).await, 429, "{sent}");
    }
    // The control: without nginx it is the last address that counts.
    assert_eq!(open(program.address, "192.0.2.1").await, 201);
}
