//! The files of `deploy/proxies/`: only addresses and certificates are replaced.

use super::page::settings;
use super::proxy::{Proxy, free_address};
use super::shopper::{Shopper, client, tag, unpacked};
use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::{PATIENCE, repository};
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HOST: &str = "shop.example.com";
const SERVICE: &str = "127.0.0.1:8080";

/// The file `name` with each of `replaced` in place of what is shipped.
fn shipped(name: &str, replaced: &[(&str, String)]) -> String {
    let path = repository().join("deploy/proxies").join(name);
    let mut text = fs::read_to_string(path).unwrap();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from} in {name}");
        text = text.replace(from, to);
    }
    text
}

async fn nginx(folder: &Path, service: SocketAddr) -> Proxy {
    let address = free_address();
    let certificate = "ssl_certificate /etc/ssl/shop.example.com.pem;";
    let key = "ssl_certificate_key /etc/ssl/shop.example.com.key;";
    let http = shipped(
        "nginx.conf",
        &[
            ("listen 443 ssl http2", format!("listen {address}")),
            (certificate, String::new()),
            (key, String::new()),
            (SERVICE, service.to_string()),
        ],
    );
    Proxy::nginx(folder, address, &http).await
}

async fn haproxy(folder: &Path, servers: &[SocketAddr]) -> Proxy {
    let address = free_address();
    let servers: Vec<String> = (1..)
        .zip(servers)
        .map(|(number, server)| format!("server node{number} {server}"))
        .collect();
    let certificate = "bind :443 ssl crt /etc/haproxy/shop.example.com.pem alpn h2,http/1.1";
    let configuration = shipped(
        "haproxy.cfg",
        &[
            (certificate, format!("bind {address}")),
            (&format!("server one {SERVICE}"), servers.join("\n    ")),
        ],
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-db").arg("-f").arg(file);
    Proxy::start(haproxy, address).await
}

async fn caddy(folder: &Path, service: SocketAddr) -> Proxy {
    let address = free_address();
    let site = format!(
        "{{\n\tadmin off\n}}\nhttp://{HOST}:{} {{\n\tbind 127.0.0.1\n",
        address.port()
    );
    let configuration = shipped(
        "Caddyfile",
        &[
            ("shop.example.com {\n", site),
            (SERVICE, service.to_string()),
        ],
    );
    let file = folder.join("Caddyfile");
    fs::write(&file, configuration).unwrap();
    let mut caddy = Command::new("caddy");
    caddy
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(file)
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder);
    Proxy::start(caddy, address).await
}

/// The program with the settings of the page, with one cart a minute for each client.
fn service(folder: &Path) -> ServiceProcess {
    fs::write(folder.join("config.toml"), settings()).unwrap();
    let mut serve = command(folder, &["serve"]);
    serve.env("CARTLOG_RATES__OPENS_PER_MINUTE", "1");
    ServiceProcess::run(serve)
}

/// Checks everything that the page promises of the proxy in front of `service`.
async fn check(proxy: &Proxy, service: &ServiceProcess) {
    // It is a page's request: were the host another one, it would be refused as cross-site.
    let shopper = Shopper::open(proxy, HOST).await;
    let events = format!("{}/events", shopper.cart);
    let mut stream = shopper.follow(&events, &shopper.token).await;
    stream.until(": following\n").await;
    assert_eq!(shopper.add(None).await.0, 201);
    stream.until("id: 2-").await;
    check_tags(&shopper).await;
    stream.until("id: 3-").await;
    check_addresses(proxy, service).await;
    check_paths(proxy, service).await;
}

/// A tag of a compressed response is good for a condition.
async fn check_tags(shopper: &Shopper) {
    let cart = shopper.get(&shopper.cart, &shopper.token, &[]).await;
    assert_eq!(cart.headers()["content-encoding"], "gzip");
    let seen = tag(cart.headers());
    assert_eq!(unpacked(cart).await["version"], 2);
    let same = [("if-none-match", seen.as_str())];
    let unchanged = shopper.get(&shopper.cart, &shopper.token, &same).await;
    assert_eq!(unchanged.status(), 304);
    assert_eq!(shopper.add(Some(&seen)).await.0, 200);
    assert_eq!(shopper.add(Some(&seen)).await.0, 412);
}

/// The client's one cart of this minute is open, whatever it says of its address.
async fn check_addresses(proxy: &Proxy, service: &ServiceProcess) {
    let open = async |address: SocketAddr, name: &str, sent: &str| {
        let carts = format!("http://{address}/api/carts");
        let ask = client().post(carts).header("host", HOST);
        let ask = ask.header(name, sent).json(&json!({}));
        ask.send().await.unwrap().status().as_u16()
    };
    for (name, sent) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2, 192.0.2.3"),
        ("forwarded", "for=192.0.2.4"),
    ] {
        assert_eq!(open(proxy.address, name, sent).await, 429, "{name}: {sent}");
        // The control: without the proxy it is the address that counts.
        assert_eq!(open(service.address, name, sent).await, 201);
    }
}

/// Paths reach the service unchanged, except its metrics, and no other host has it.
async fn check_paths(proxy: &Proxy, service: &ServiceProcess) {
    let operator = settings();
    let (_, token) = operator.split_once("operator_token = \"").unwrap();
    let (token, _) = token.split_once('"').unwrap();
    let status = async |address: SocketAddr, path: &str| {
        let ask = Client::new().get(format!("http://{address}{path}"));
        let ask = ask.header("host", HOST).bearer_auth(token);
        ask.send().await.unwrap().status().as_u16()
    };
    for (path, expected) in [
        ("/", 200),
        ("/readyz", 200),
        ("/products/teapot", 200),
        ("/products/..%2Fteapot", 404),
        ("/shop/", 404),
        ("/metrics", 404),
    ] {
        assert_eq!(status(proxy.address, path).await, expected, "{path}");
    }
    assert_eq!(status(service.address, "/metrics").await, 200);
    let foreign = Client::new().get(format!("http://{}/", proxy.address));
    let foreign = foreign.header("host", "other.example.com");
    let foreign = foreign.send().await.unwrap();
    let is_misdirected = foreign.status() == 421;
    // Caddy responds with nothing to what is none of its sites.
    assert!(is_misdirected || foreign.bytes().await.unwrap().is_empty());
}

/// Contract (service): The shipped nginx file passes streams, tags, addresses and hosts.
#[tokio::test]
#[ignore = "needs nginx"]
async fn shipped_nginx_file_serves_the_shop() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let proxy = nginx(folder.path(), service.address).await;
    check(&proxy, &service).await;
}

/// Contract (service): The shipped HAProxy file passes streams, tags, addresses and hosts.
#[tokio::test]
#[ignore = "needs haproxy"]
async fn shipped_haproxy_file_serves_the_shop() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let proxy = haproxy(folder.path(), &[service.address]).await;
    check(&proxy, &service).await;
}

/// Contract (service): The shipped Caddyfile passes streams, tags, addresses and hosts.
#[tokio::test]
#[ignore = "needs caddy"]
async fn shipped_caddyfile_serves_the_shop() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let proxy = caddy(folder.path(), service.address).await;
    check(&proxy, &service).await;
}

/// Whether all of some requests get a 200.
async fn all_succeed(read: impl Fn() -> RequestBuilder) -> bool {
    for _ in 0..20 {
        let request = read().header("host", HOST);
        let response = request.send().await;
        if response.map_or(0, |response| response.status().as_u16()) != 200 {
            return false;
        }
    }
    true
}

/// Contract (service): HAProxy with the shipped file sends no request to a node that is not ready.
#[tokio::test]
#[ignore = "needs haproxy"]
async fn shipped_haproxy_file_leaves_out_an_unready_node() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let unready = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = [unready.local_addr().unwrap(), service.address];
    let proxy = haproxy(folder.path(), &servers).await;
    let node = tokio::spawn(async move {
        loop {
            let (mut connection, _) = unready.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = connection.read(&mut head).await;
            let response = "HTTP/1.1 503 Not ready\r\nContent-Length: 0\r\n\r\n";
            let _ = connection.write_all(response.as_bytes()).await;
        }
    });
    let client = Client::new();
    let read = || client.get(format!("http://{}/api/products", proxy.address));
    let started = Instant::now();
    while !all_succeed(read).await {
        assert!(started.elapsed() < PATIENCE, "the node is still asked");
    }
    assert!(all_succeed(read).await);
    node.abort();
}
