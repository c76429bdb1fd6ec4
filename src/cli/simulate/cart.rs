//! One cart as its shopper sees it: what should be in it by the shopper's own count, against which
//! every answer is held, so that a lost or doubled command is noticed at once.

use super::client::{Answer, Client, Sent};
use super::report::Outcome;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use ureq::http::Method;

/// Refusals that a shopper has to reckon with at any time, since the shop may set its limits low.
const ALWAYS: [&str; 5] = [
    "cart-expired",
    "quantity-limit",
    "line-limit",
    "total-limit",
    "history-limit",
];

/// What an answer says of the cart.
#[derive(Debug, Deserialize)]
struct Seen {
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

/// What is in the cart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Basket {
    units: BTreeMap<String, u32>,
    pub code: Option<String>,
}

impl Basket {
    fn of(seen: &Seen) -> Basket {
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

/// Why a shopper goes home early.
pub(super) enum Leave {
    /// The service says nothing any more.
    Silence,
    /// An answer made no sense, or the cart is closed: there is nothing to go on with.
    Stuck,
}

pub(super) type Step = Result<(), Leave>;

/// One command, with what the shopper expects of it.
pub(super) struct Wish<'a> {
    name: &'static str,
    method: Method,
    /// The path below the cart's own.
    below: &'a str,
    pub body: Option<Value>,
    at_version: bool,
    /// What should be in the cart afterwards.
    pub then: Basket,
    /// Refusals that would be right, too.
    refusals: &'static [&'static str],
}

impl<'a> Wish<'a> {
    fn new(name: &'static str, method: Method, below: &'a str, then: Basket) -> Wish<'a> {
        Wish {
            name,
            method,
            below,
            body: None,
            at_version: false,
            then,
            refusals: &[],
        }
    }

    pub fn post(name: &'static str, below: &'a str, then: Basket) -> Wish<'a> {
        Wish::new(name, Method::POST, below, then)
    }

    pub fn put(name: &'static str, below: &'a str, then: Basket) -> Wish<'a> {
        Wish::new(name, Method::PUT, below, then)
    }

    pub fn delete(name: &'static str, below: &'a str, then: Basket) -> Wish<'a> {
        Wish::new(name, Method::DELETE, below, then)
    }

    pub fn body(mut self, body: Value) -> Wish<'a> {
        self.body = Some(body);
        self
    }

    /// At the version that the shopper has seen (`If-Match`).
    pub fn at_version(mut self) -> Wish<'a> {
        self.at_version = true;
        self
    }

    pub fn or_refused(mut self, refusals: &'static [&'static str]) -> Wish<'a> {
        self.refusals = refusals;
        self
    }
}

pub(super) struct OwnCart<'a> {
    client: &'a mut Client,
    /// What the keys of this cart's commands begin with.
    name: String,
    keys: u32,
    id: String,
    token: Option<String>,
    version: u64,
    pub total: i64,
    pub basket: Basket,
    /// What was in the cart before each command that can be undone.
    before: Vec<Basket>,
}

impl<'a> OwnCart<'a> {
    /// A cart that is not opened yet, and whose keys will begin with `name`.
    pub fn new(client: &'a mut Client, name: String) -> OwnCart<'a> {
        OwnCart {
            client,
            name,
            keys: 0,
            id: String::new(),
            token: None,
            version: 0,
            total: 0,
            basket: Basket::default(),
            before: Vec::new(),
        }
    }

    /// Opens the cart. What opens a cart is not undone.
    pub fn open(&mut self, wish: Wish<'_>) -> Step {
        self.send(wish)?;
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
        let wish = match self.before.last() {
            Some(before) => Wish::post("undo", "/undo", before.clone()),
            None => {
                Wish::post("undo", "/undo", self.basket.clone()).or_refused(&["nothing-to-undo"])
            }
        };
        self.send(wish.at_version())?;
        if self.version > version {
            // An undo is no command to be undone.
            self.before.truncate(remembered.saturating_sub(1));
        }
        Ok(())
    }

    /// Sends the command before once more, as it was sent.
    pub fn send_again(&mut self, wish: Wish<'_>) -> Step {
        self.keys -= 1;
        self.version -= 1;
        self.send(wish)
    }

    /// Sends a command under a key of its own and holds the answer against what is expected.
    pub fn send(&mut self, wish: Wish<'_>) -> Step {
        self.keys += 1;
        let key = format!("{}-{}", self.name, self.keys);
        let path = match self.id.as_str() {
            "" => "/api/carts".to_owned(),
            id => format!("/api/carts/{id}{}", wish.below),
        };
        let sent = Sent {
            token: self.token.as_deref(),
            key: Some(&key),
            if_match: wish.at_version.then_some(self.version),
            body: wish.body.map(|body| body.to_string()),
        };
        let answer = self.client.ask(wish.name, &wish.method, &path, &sent);
        let answer = answer.ok_or(Leave::Silence)?;
        let (outcome, step) = match self.judge(&answer, wish.then, wish.refusals) {
            Ok(Outcome::Refused(slug)) if slug == "cart-expired" => {
                (Outcome::Refused(slug), Err(Leave::Stuck))
            }
            Ok(outcome) => (outcome, Ok(())),
            Err(why) => {
                let told = told(&answer);
                let what = format!("{} {path}, key {key}: {told}; {why}", wish.method);
                (Outcome::Unexpected(what), Err(Leave::Stuck))
            }
        };
        self.client.report().outcome(wish.name, outcome);
        step
    }

    /// What `answer` is to somebody who expects `then`, or one of `refusals`; or what else was
    /// expected.
    fn judge(
        &mut self,
        answer: &Answer,
        then: Basket,
        refusals: &[&str],
    ) -> Result<Outcome, String> {
        if !(200..300).contains(&answer.status) {
            let slug = answer.problem().unwrap_or_default();
            let reckoned = refusals.iter().chain(&ALWAYS);
            return if reckoned.into_iter().any(|refusal| *refusal == slug) {
                Ok(Outcome::Refused(slug))
            } else {
                Err(format!("2xx or one of {refusals:?} was expected"))
            };
        }
        let seen: Seen = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("a cart was expected: {error}"))?;
        if Basket::of(&seen) != then {
            return Err(format!("the cart should hold {then:?}"));
        }
        if seen.version > self.version && seen.status == "open" {
            self.before.push(std::mem::replace(&mut self.basket, then));
        }
        self.token = seen.token.or_else(|| self.token.take());
        self.id = seen.id;
        self.version = seen.version;
        self.total = seen.total;
        Ok(if answer.replayed {
            Outcome::Replayed
        } else {
            Outcome::Done
        })
    }

    /// Looks at the cart as the view has it, no older than the shopper knows it.
    pub fn look(&mut self) -> Step {
        let path = format!("/api/carts/{}?min_version={}", self.id, self.version);
        self.read("cart", &path)
    }

    /// A request that changes nothing.
    pub fn read(&mut self, name: &'static str, path: &str) -> Step {
        let sent = Sent {
            token: self.token.as_deref(),
            ..Sent::default()
        };
        let answer = self.client.ask(name, &Method::GET, path, &sent);
        let answer = answer.ok_or(Leave::Silence)?;
        let outcome = match answer.status {
            200 => Outcome::Done,
            _ => Outcome::Unexpected(format!("GET {path}: {}; 200 was expected", told(&answer))),
        };
        self.client.report().outcome(name, outcome);
        Ok(())
    }

    /// Says how the shopper left the cart.
    pub fn left(self, end: &'static str) {
        self.client.report().cart(end);
    }
}

/// An answer in one line.
fn told(answer: &Answer) -> String {
    let body: String = String::from_utf8_lossy(&answer.body)
        .chars()
        .take(300)
        .collect();
    format!("{} {body}", answer.status)
}
