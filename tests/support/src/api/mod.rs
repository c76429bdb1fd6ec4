//! The HTTP client of the tests.
//!
//! An [`ApiClient`] knows one service. It builds [`Ask`]s, by a method for each endpoint, which
//! `.await` sends. Every response is checked as `Answer::check` says, so that no test repeats it.

mod answer;
mod ask;
mod cart;
mod stream;

pub use answer::{Answer, read_answer, text};
pub use ask::Ask;
pub use cart::CartClient;
pub use stream::Sent;

use crate::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The client of a service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    address: SocketAddr,
}

impl ApiClient {
    /// A client of the service at `address`, with connections of its own.
    pub fn at(address: SocketAddr) -> ApiClient {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("an HTTP client");
        ApiClient { http, address }
    }

    /// Where the service listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until every view's tables have the whole log: queries over several rows wait for that.
    pub async fn wait_for_tables(&self) {
        self.get("/api/insights/funnel").await.expect(200);
    }

    /// A request to any path, which may have a query.
    pub fn ask(&self, method: Method, path: &str) -> Ask {
        let url = format!("http://{}{path}", self.address);
        Ask {
            client: self.http.clone(),
            request: self.http.request(method, url).build().expect("a request"),
        }
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }

    /// `POST /api/carts`, not sent yet.
    pub fn ask_for_cart(&self) -> Ask {
        self.post("/api/carts")
    }

    /// A new cart, empty.
    pub async fn open_cart(&self) -> CartClient {
        let answer = self.ask_for_cart().await.expect(201);
        self.cart_of(&answer)
    }

    /// A new cart that holds something: `[("teapot", 2)]`.
    pub async fn open_cart_with(&self, items: &[(&str, u32)]) -> CartClient {
        let items: Vec<Value> = items
            .iter()
            .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
            .collect();
        let answer = self.ask_for_cart().json(&json!({ "items": items })).await;
        self.cart_of(&answer.expect(201))
    }

    /// The cart of a response to `POST /api/carts`.
    pub fn cart_of(&self, opened: &Answer) -> CartClient {
        let cart = opened.json();
        self.cart(text(&cart["id"]), text(&cart["token"]))
    }

    /// The cart `id` for the holder of `token`.
    pub fn cart(&self, id: &str, token: &str) -> CartClient {
        CartClient {
            api: self.clone(),
            id: id.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Sends `bytes` unchanged and reads one response: for requests that no HTTP client sends. A
    /// response that is cut off or late fails the test.
    pub async fn raw(&self, bytes: &[u8]) -> Answer {
        let answer = self.raw_below(bytes).await;
        answer.check(bytes.starts_with(b"HEAD "));
        answer
    }

    /// Like [`ApiClient::raw`], for responses of the HTTP parser below the application, which are
    /// no problems and not checked.
    pub async fn raw_below(&self, bytes: &[u8]) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.expect("connects");
            // The service may respond, and close, before it has read everything.
            let _ = stream.write_all(bytes).await;
            read_answer(&mut stream).await
        };
        timeout(PATIENCE, exchange)
            .await
            .expect("an answer in time")
    }
}
