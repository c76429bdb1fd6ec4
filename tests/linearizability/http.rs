//! Commands over HTTP to the program, which is killed and comes back at another address.

use crate::cart::{Answer, Change, Quantities, SKUS};
use crate::shoppers::{Counter, Reply};
use cartlog_testkit::PATIENCE;
use reqwest::header::IF_MATCH;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::SocketAddr;
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
    life: watch::Receiver<Life>,
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
        life: watch::Receiver<Life>,
        answered: watch::Sender<usize>,
    ) -> HttpCart {
        let now = *life.borrow();
        let url = format!("http://{}/api/carts", now.address);
        let opened = client.post(url).json(&json!({})).send().await;
        let opened: Value = opened.expect("an answer").json().await.expect("a cart");
        let text = |name: &str| opened[name].as_str().expect("a text").to_owned();
        HttpCart {
            client: client.clone(),
            life,
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
        self.sent_to.set(*self.life.borrow());
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

    /// In another life than the last command was sent to.
    async fn opens_again(&self) {
        let mut life = self.life.clone();
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
