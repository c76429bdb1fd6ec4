//! One cart as its shopper sees it. The shopper keeps count of the contents and compares every
//! response with it, so that a lost or duplicated command is noticed at once.

use super::client::{Client, Reply, Sent};
use super::report::Outcome;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use ureq::http::Method;
use uuid::Uuid;

/// Refusals that are expected at any time, since the configured limits may be low.
const ALWAYS_EXPECTED: [&str; 5] = [
    "cart-expired",
    "quantity-limit",
    "line-limit",
    "total-limit",
    "history-limit",
];

/// The cart in a response.
#[derive(Debug, Deserialize)]
struct CartReply {
    id: String,
    version: u64,
    status: String,
    lines: Vec<Line>,
    promotion: Option<Promotion>,
    total: i64,
    token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    sku: String,
    quantity: u32,
}

#[derive(Debug, Deserialize)]
struct Promotion {
    code: String,
}

/// The contents of the cart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Basket {
    units: BTreeMap<String, u32>,
    pub code: Option<String>,
}

impl Basket {
    fn of(seen: &CartReply) -> Basket {
        let units = seen.lines.iter();
        Basket {
            units: units
                .map(|line| (line.sku.clone(), line.quantity))
                .collect(),
            code: seen.promotion.as_ref().map(|used| used.code.clone()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    pub fn units(&self, sku: &str) -> u32 {
        self.units.get(sku).copied().unwrap_or(0)
    }

    pub fn set(&mut self, sku: &str, quantity: u32) {
        if quantity == 0 {
            self.units.remove(sku);
        } else {
            self.units.insert(sku.to_owned(), quantity);
        }
    }

    pub fn with(&self, sku: &str, quantity: u32) -> Basket {
        let mut basket = self.clone();
        basket.set(sku, quantity);
        basket
    }

    pub fn with_code(&self, code: Option<&str>) -> Basket {
        Basket {
            units: self.units.clone(),
            code: code.map(str::to_owned),
        }
    }

    pub fn cleared(&self) -> Basket {
        Basket {
            units: BTreeMap::new(),
            code: self.code.clone(),
        }
    }
}

/// Why a shopper leaves early.
pub(super) enum Leave {
    /// The service does not respond.
    Unavailable,
    /// A response was unexpected, or the cart is closed.
    Stuck,
}

pub(super) type Step = Result<(), Leave>;

/// A command, with the expected outcome.
pub(super) struct Intent<'a> {
    name: &'static str,
    method: Method,
    /// The path below the cart's.
    below: &'a str,
    pub body: Option<Value>,
    at_version: bool,
    /// The expected contents afterwards.
    pub then: Basket,
    /// Refusals that are acceptable, too.
    refusals: &'static [&'static str],
}

impl<'a> Intent<'a> {
    fn new(name: &'static str, method: Method, below: &'a str, then: Basket) -> Intent<'a> {
        Intent {
            name,
            method,
            below,
            body: None,
            at_version: false,
            then,
            refusals: &[],
        }
    }

    pub fn post(name: &'static str, below: &'a str, then: Basket) -> Intent<'a> {
        Intent::new(name, Method::POST, below, then)
    }

    pub fn put(name: &'static str, below: &'a str, then: Basket) -> Intent<'a> {
        Intent::new(name, Method::PUT, below, then)
    }

    pub fn delete(name: &'static str, below: &'a str, then: Basket) -> Intent<'a> {
        Intent::new(name, Method::DELETE, below, then)
    }

    pub fn body(mut self, body: Value) -> Intent<'a> {
        self.body = Some(body);
        self
    }

    /// Only at the version that the shopper has seen (`If-Match`).
    pub fn at_version(mut self) -> Intent<'a> {
        self.at_version = true;
        self
    }

    pub fn or_refused(mut self, refusals: &'static [&'static str]) -> Intent<'a> {
        self.refusals = refusals;
        self
    }
}

pub(super) struct OwnCart<'a> {
    client: &'a mut Client,
    /// The idempotency key of the opening, and the prefix of all others.
    opening_key: String,
    keys: u32,
    id: String,
    token: Option<String>,
    version: u64,
    pub total: i64,
    pub basket: Basket,
    /// The contents before each command that can be undone.
    before: Vec<Basket>,
}

impl<'a> OwnCart<'a> {
    /// A cart that is not opened yet.
    pub fn new(client: &'a mut Client) -> OwnCart<'a> {
        OwnCart {
            client,
            opening_key: Uuid::now_v7().to_string(),
            keys: 0,
            id: String::new(),
            token: None,
            version: 0,
            total: 0,
            basket: Basket::default(),
            before: Vec::new(),
        }
    }

    /// Opens the cart. This cannot be undone.
    pub fn open(&mut self, intent: Intent<'_>) -> Step {
        self.send(intent)?;
        self.before.clear();
        if self.token.is_none() {
            return Err(Leave::Stuck);
        }
        Ok(())
    }

    /// Undoes the last command, if there is one.
    pub fn undo(&mut self) -> Step {
        let version = self.version;
        let remembered = self.before.len();
        let intent = match self.before.last() {
            Some(before) => Intent::post("undo", "/undo", before.clone()),
            None => {
                Intent::post("undo", "/undo", self.basket.clone()).or_refused(&["nothing-to-undo"])
            }
        };
        self.send(intent.at_version())?;
        if self.version > version {
            // An undo cannot be undone.
            self.before.truncate(remembered.saturating_sub(1));
        }
        Ok(())
    }

    /// Repeats the last command under the same key.
    pub fn repeat(&mut self, intent: Intent<'_>) -> Step {
        self.keys -= 1;
        self.version -= 1;
        self.send(intent)
    }

    /// Sends a command under a new idempotency key and checks the response.
    pub fn send(&mut self, intent: Intent<'_>) -> Step {
        self.keys += 1;
        let (path, key) = match self.id.as_str() {
            "" => ("/api/carts".to_owned(), self.opening_key.clone()),
            id => (
                format!("/api/carts/{id}{}", intent.below),
                format!("{}-{}", self.opening_key, self.keys),
            ),
        };
        let sent = Sent {
            token: self.token.as_deref(),
            key: Some(&key),
            if_match: intent.at_version.then_some(self.version),
            body: intent.body.map(|body| body.to_string()),
        };
        let reply = self
            .client
            .send_with_retries(intent.name, &intent.method, &path, &sent);
        let reply = reply.ok_or(Leave::Unavailable)?;
        let (outcome, step) = match self.check(&reply, intent.then, intent.refusals) {
            Ok(Outcome::Refused(slug)) if slug == "cart-expired" => {
                (Outcome::Refused(slug), Err(Leave::Stuck))
            }
            Ok(outcome) => (outcome, Ok(())),
            Err(why) => {
                let reply = summary(&reply);
                let what = format!("{} {path}, key {key}: {reply}; {why}", intent.method);
                (Outcome::Unexpected(what), Err(Leave::Stuck))
            }
        };
        self.client.report().outcome(intent.name, outcome);
        step
    }

    /// Checks a response against the expected contents or refusals; fails with what was expected.
    fn check(&mut self, reply: &Reply, then: Basket, refusals: &[&str]) -> Result<Outcome, String> {
        if !(200..300).contains(&reply.status) {
            let slug = reply.problem_slug().unwrap_or_default();
            let expected = refusals.iter().chain(&ALWAYS_EXPECTED);
            return if expected.into_iter().any(|refusal| *refusal == slug) {
                Ok(Outcome::Refused(slug))
            } else {
                Err(format!("expected 2xx or one of {refusals:?}"))
            };
        }
        let seen: CartReply = serde_json::from_slice(&reply.body)
            .map_err(|error| format!("expected a cart: {error}"))?;
        if Basket::of(&seen) != then {
            return Err(format!("expected the cart to contain {then:?}"));
        }
        if seen.version > self.version && seen.status == "open" {
            self.before.push(std::mem::replace(&mut self.basket, then));
        }
        self.token = seen.token.or_else(|| self.token.take());
        self.id = seen.id;
        self.version = seen.version;
        self.total = seen.total;
        Ok(if reply.replayed {
            Outcome::Replayed
        } else {
            Outcome::Done
        })
    }

    /// Reads the cart from the view, at least at the version that the shopper knows.
    pub fn view(&mut self) -> Step {
        let path = format!("/api/carts/{}?min_version={}", self.id, self.version);
        self.read("cart", &path)
    }

    /// Sends a `GET` request and expects 200.
    pub fn read(&mut self, name: &'static str, path: &str) -> Step {
        let sent = Sent {
            token: self.token.as_deref(),
            ..Sent::default()
        };
        let reply = self
            .client
            .send_with_retries(name, &Method::GET, path, &sent);
        let reply = reply.ok_or(Leave::Unavailable)?;
        let outcome = match reply.status {
            200 => Outcome::Done,
            _ => Outcome::Unexpected(format!("GET {path}: {}; expected 200", summary(&reply))),
        };
        self.client.report().outcome(name, outcome);
        Ok(())
    }

    /// Records how the shopper left the cart.
    pub fn finish(self, end: &'static str) {
        self.client.report().cart(end);
    }
}

/// A response in one line.
fn summary(reply: &Reply) -> String {
    let body: String = String::from_utf8_lossy(&reply.body)
        .chars()
        .take(300)
        .collect();
    format!("{} {body}", reply.status)
}
