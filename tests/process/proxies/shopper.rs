//! A client behind a proxy: commands, reads with tags, and live streams.

use super::proxy::Proxy;
use cartlog_testkit::PATIENCE;
use flate2::write::GzDecoder;
use reqwest::header::HeaderMap;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A proxy that holds something back does so for longer: until the stream ends.
pub const PROMPT: Duration = Duration::from_secs(2);

/// A cart, reached through a proxy by a client that accepts gzip.
pub struct Shopper {
    client: Client,
    host: &'static str,
    pub cart: String,
    pub token: String,
}

/// A client with another address than that of the proxy.
pub fn client() -> Client {
    let address = IpAddr::from([127, 0, 0, 2]);
    let client = Client::builder().local_address(address);
    client.timeout(PATIENCE).build().unwrap()
}

impl Shopper {
    /// Opens a cart at `host` through `proxy`, as a page of that host does.
    pub async fn open(proxy: &Proxy, host: &'static str) -> Shopper {
        let client = client();
        let carts = format!("http://{}/api/carts", proxy.address);
        let opening = client.post(&carts).json(&json!({})).header("host", host);
        let opening = opening.header("origin", format!("https://{host}"));
        let opened = opening.send().await.unwrap();
        assert_eq!(opened.status(), 201);
        let cart: Value = opened.json().await.unwrap();
        Shopper {
            client,
            host,
            cart: format!("{carts}/{}", cart["id"].as_str().unwrap()),
            token: cart["token"].as_str().unwrap().to_owned(),
        }
    }

    pub async fn get(&self, url: &str, token: &str, headers: &[(&str, &str)]) -> Response {
        let mut ask = self.client.get(url).bearer_auth(token);
        ask = ask.header("host", self.host);
        ask = ask.header("accept-encoding", "gzip");
        for (name, value) in headers {
            ask = ask.header(*name, *value);
        }
        ask.send().await.unwrap()
    }

    /// Adds a teapot, and returns the status and the cart's tag.
    pub async fn add(&self, if_match: Option<&str>) -> (u16, String) {
        let mut ask = self.client.post(format!("{}/items", self.cart));
        ask = ask
            .bearer_auth(&self.token)
            .header("host", self.host)
            .header("accept-encoding", "gzip");
        if let Some(tag) = if_match {
            ask = ask.header("if-match", tag);
        }
        let ask = ask.json(&json!({ "sku": "teapot", "quantity": 1 }));
        let added = ask.send().await.unwrap();
        (added.status().as_u16(), tag(added.headers()))
    }

    /// Opens the live stream at `url`, whose head must come promptly.
    pub async fn follow(&self, url: &str, token: &str) -> Stream {
        let accept = [("accept", "text/event-stream")];
        let response = timeout(PROMPT, self.get(url, token, &accept)).await;
        let response = response.expect("the head of the stream");
        assert_eq!(response.status(), 200);
        Stream {
            is_compressed: response.headers().contains_key("content-encoding"),
            plain: GzDecoder::new(Vec::new()),
            response,
        }
    }
}

pub fn tag(headers: &HeaderMap) -> String {
    headers["etag"].to_str().unwrap().to_owned()
}

/// The JSON document in a compressed response.
pub async fn unpacked(response: Response) -> Value {
    let mut plain = GzDecoder::new(Vec::new());
    plain.write_all(&response.bytes().await.unwrap()).unwrap();
    serde_json::from_slice(&plain.finish().unwrap()).unwrap()
}

/// A live stream that may be compressed.
pub struct Stream {
    response: Response,
    plain: GzDecoder<Vec<u8>>,
    is_compressed: bool,
}

impl Stream {
    /// Reads until the stream contains `part` and ends with a whole message, promptly.
    pub async fn until(&mut self, part: &str) {
        let reading = async {
            while !self.text().contains(part) || !self.text().ends_with("\n\n") {
                let chunk = self.response.chunk().await.unwrap();
                self.take(&chunk.expect("more of the stream"));
            }
        };
        let read = timeout(PROMPT, reading).await;
        assert!(read.is_ok(), "no {part} in {}", self.text());
    }

    /// Reads to the end of the stream, and returns all of it.
    pub async fn rest(mut self) -> String {
        while let Some(chunk) = self.response.chunk().await.unwrap() {
            self.take(&chunk);
        }
        self.text()
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.is_compressed {
            self.plain.write_all(bytes).unwrap();
            self.plain.flush().unwrap();
        } else {
            self.plain.get_mut().extend_from_slice(bytes);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.plain.get_ref()).into_owned()
    }
}
