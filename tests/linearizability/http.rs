//! Commands over HTTP to the program, which is killed and comes back at another address, or to
//! several nodes in turns.

use crate::cart::{Answer, Change, Quantities, SKUS};
use crate::shoppers::{Counter, Reply};
use cartlog_testkit::PATIENCE;
use reqwest::header::IF_MATCH;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;

/// Where the program listens, and which of its lives that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    pub number: usize,
    pub address: SocketAddr,
}

/// A cart of the program, for one shopper.
#[derive(Clone)]
pub struct HttpCart {
    client: Client,
    /// One a node. Commands are sent to the nodes in turns.
    nodes: Vec<watch::Receiver<Life>>,
    turn: Cell<usize>,
    /// The life that the last command was sent to.
    sent_to: Cell<Life>,
    /// How many commands have been answered, of all shoppers.
    answered: watch::Sender<usize>,
    path: String,
    token: String,
}

impl HttpCart {
    /// Opens an empty cart.
    pub async fn open(
        client: &Client,
        nodes: &[watch::Receiver<Life>],
        answered: watch::Sender<usize>,
    ) -> HttpCart {
        let now = *nodes[0].borrow();
        let url = format!("http://{}/api/carts", now.address);
        let opened = client.post(url).json(&json!({})).send().await;
        let opened: Value = opened.expect("an answer").json().await.expect("a cart");
        let text = |name: &str| opened[name].as_str().expect("a text").to_owned();
        HttpCart {
            client: client.clone(),
            nodes: nodes.to_vec(),
            turn: Cell::new(0),
            sent_to: Cell::new(now),
            answered,
            path: format!("/api/carts/{}", text("id")),
            token: text("token"),
        }
    }

    fn request(&self, change: Change) -> RequestBuilder {
        let url = |rest: &str| format!("http://{}{}{rest}", self.sent_to.get().address, self.path);
        let line = |sku: usize| url(&format!("/items/{}", SKUS[sku]));
        match change {
            Change::Add(sku, quantity) => {
                let item = json!({ "sku": SKUS[sku], "quantity": quantity });
                self.client.post(url("/items")).json(&item)
            }
            Change::Set(sku, quantity) => {
                let wanted = json!({ "quantity": quantity });
                self.client.put(line(sku)).json(&wanted)
            }
            Change::Remove(sku) => self.client.delete(line(sku)),
            Change::Clear => self.client.delete(url("/items")),
            Change::Undo => self.client.post(url("/undo")),
        }
    }
}

impl Counter for HttpCart {
    async fn send(&self, change: Change, if_match: Option<u64>, key: Option<&str>) -> Reply {
        self.turn.set((self.turn.get() + 1) % self.nodes.len());
        self.sent_to.set(*self.nodes[self.turn.get()].borrow());
        let mut request = self.request(change).bearer_auth(&self.token);
        if let Some(version) = if_match {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let reply = match request.send().await {
            Ok(response) => reply(response).await,
            Err(error) if error.is_connect() => Reply::NotDone,
            Err(_) => Reply::Lost,
        };
        if let Reply::Answered(_) = reply {
            self.answered.send_modify(|answered| *answered += 1);
        }
        reply
    }

    /// At another node, or in another life than the last command was sent to.
    async fn opens_again(&self) {
        let [life] = &self.nodes[..] else {
            return tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let mut life = life.clone();
        let again = life.wait_for(|life| *life != self.sent_to.get());
        let again = tokio::time::timeout(PATIENCE, again).await;
        again
            .expect("a program that comes back")
            .expect("a test that still runs");
    }
}

async fn reply(response: Response) -> Reply {
    let status = response.status().as_u16();
    let Ok(body) = response.json::<Value>().await else {
        return Reply::Lost;
    };
    let number = |name: &str| body[name].as_u64().expect("a number");
    match (status, body["type"].as_str()) {
        (200 | 201, _) => Reply::Answered(Answer::Done {
            version: number("version"),
            quantities: quantities(&body["lines"]),
        }),
        (404, Some("/problems/no-such-line")) => Reply::Answered(Answer::NoSuchLine),
        (409, Some("/problems/nothing-to-undo")) => Reply::Answered(Answer::NothingToUndo),
        (412, _) => Reply::Answered(Answer::Mismatch {
            current: number("current_version"),
        }),
        (503, Some("/problems/outcome-unknown")) => Reply::Lost,
        (503, Some("/problems/log-unavailable" | "/problems/overloaded")) => Reply::NotDone,
        _ => panic!("{status} {body}"),
    }
}

fn quantities(lines: &Value) -> Quantities {
    let lines = lines.as_array().expect("lines");
    SKUS.map(|sku| {
        let line = lines.iter().find(|line| line["sku"] == sku);
        let quantity = line.map_or(0, |line| line["quantity"].as_u64().expect("a quantity"));
        u32::try_from(quantity).expect("a quantity")
    })
}
