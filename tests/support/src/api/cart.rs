//! The client of one cart.

use super::ApiClient;
use super::ask::Ask;
use super::stream::EventStream;
use reqwest::Method;
use serde_json::json;

/// The client of one cart: its requests carry the cart's token.
#[derive(Clone)]
pub struct CartClient {
    pub api: ApiClient,
    pub id: String,
    pub token: String,
}

impl CartClient {
    /// A request to a path below the cart's own, such as `/items`.
    pub fn ask(&self, method: Method, below: &str) -> Ask {
        let path = format!("/api/carts/{}{below}", self.id);
        self.api.ask(method, &path).token(&self.token)
    }

    pub fn get(&self) -> Ask {
        self.ask(Method::GET, "")
    }

    /// The cart's row once the view has reached `version`.
    pub fn get_at_least(&self, version: u64) -> Ask {
        self.ask(Method::GET, &format!("?min_version={version}"))
            .header("prefer", "wait=5")
    }

    /// The cart at a past `version`.
    pub fn get_at(&self, version: u64) -> Ask {
        self.ask(Method::GET, &format!("?version={version}"))
    }

    pub fn add(&self, sku: &str, quantity: u32) -> Ask {
        self.ask(Method::POST, "/items")
            .json(&json!({ "sku": sku, "quantity": quantity }))
    }

    pub fn set(&self, sku: &str, quantity: u32) -> Ask {
        self.ask(Method::PUT, &format!("/items/{sku}"))
            .json(&json!({ "quantity": quantity }))
    }

    pub fn remove(&self, sku: &str) -> Ask {
        self.ask(Method::DELETE, &format!("/items/{sku}"))
    }

    pub fn clear(&self) -> Ask {
        self.ask(Method::DELETE, "/items")
    }

    pub fn apply_promotion(&self, code: &str) -> Ask {
        self.ask(Method::PUT, "/promotion")
            .json(&json!({ "code": code }))
    }

    pub fn remove_promotion(&self) -> Ask {
        self.ask(Method::DELETE, "/promotion")
    }

    /// Undo at `version`, which the contract requires.
    pub fn undo(&self, version: u64) -> Ask {
        self.ask(Method::POST, "/undo").if_match(version)
    }

    /// Checkout at `version` for `expected_total` under `key`, all of which the contract requires.
    pub fn check_out(&self, version: u64, expected_total: i64, key: &str) -> Ask {
        self.ask(Method::POST, "/checkout")
            .json(&json!({ "expected_total": expected_total }))
            .if_match(version)
            .key(key)
    }

    pub fn events(&self) -> Ask {
        self.ask(Method::GET, "/events")
    }

    pub fn timeline(&self) -> Ask {
        self.ask(Method::GET, "/timeline")
    }

    pub fn why(&self) -> Ask {
        self.ask(Method::GET, "/why")
    }

    pub fn what_if(&self, without: &[u64]) -> Ask {
        self.ask(Method::POST, "/what-if")
            .json(&json!({ "without": without }))
    }

    /// The cart's live events, after the version `after` or from now on.
    pub async fn follow(&self, after: Option<u64>) -> EventStream {
        let ask = self.events().header("accept", "text/event-stream");
        match after {
            None => ask.stream().await,
            Some(version) => {
                ask.header("last-event-id", &version.to_string())
                    .stream()
                    .await
            }
        }
    }
}
