//! Traffic between a page and the service: sent from within the page, recorded, delayed, cut off.

use crate::browser::Browser;
use serde_json::{Value, json};

/// A request that the browser sent to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub method: String,
    pub path: String,
}

impl Browser {
    /// Sends a request to the service from within the page, with its cookies, and answers the body.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        self.asynchronous(
            "const headers = { 'Content-Type': 'application/json' };
             const body = given.body && JSON.stringify(given.body);
             const answer = await fetch(given.path, { method: given.method, headers, body });
             if (!answer.ok)
                 throw new Error(`${given.method} ${given.path}: ${await answer.text()}`);
             return answer.json();",
            json!({ "method": method, "path": path, "body": body }),
        )
        .await
    }

    /// The cart that the shop shows, once it has one.
    pub async fn current_cart(&self) -> String {
        self.until("localStorage['cartlog.cart']").await;
        self.script("return localStorage['cartlog.cart']").await
    }

    /// Takes a cart for one that was filled here, as the shop does: its holder reads a cart
    /// by its own endpoint, not as the operator.
    pub async fn remember(&self, cart: &Value) {
        self.script::<()>(&format!("localStorage['cartlog.carts'] = '[{cart}]'"))
            .await;
    }

    /// Checks a cart out, from wherever.
    pub async fn order(&self, cart: &Value) {
        self.asynchronous::<()>(
            "const headers = {
                 'Content-Type': 'application/json',
                 'If-Match': `\"${given.version}\"`,
                 'Idempotency-Key': 'order',
             };
             const body = JSON.stringify({ expected_total: given.total });
             const path = `/api/carts/${given.id}/checkout`;
             const answer = await fetch(path, { method: 'POST', headers, body });
             if (!answer.ok) throw new Error(await answer.text());",
            cart.clone(),
        )
        .await;
    }

    /// The types of all events of a cart of this browser.
    pub async fn events_of(&self, cart: &str) -> Vec<String> {
        let path = format!("/api/carts/{cart}/events?limit=200");
        let events = self.ask("GET", &path, Value::Null).await;
        let events = events["items"].as_array().expect("events");
        let name = |event: &Value| event["type"].as_str().expect("a type").to_owned();
        events.iter().map(name).collect()
    }

    /// The requests that were sent to the service since this was last asked.
    pub async fn sent(&self) -> Vec<Sent> {
        self.log("performance")
            .await
            .iter()
            .filter_map(|entry| {
                let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
                let message = &entry["message"];
                let request = &message["params"]["request"];
                (message["method"] == "Network.requestWillBeSent").then(|| Sent {
                    method: request["method"].as_str().unwrap_or_default().to_owned(),
                    path: request["url"]
                        .as_str()
                        .and_then(|url| url.strip_prefix(&self.origin))
                        .map_or_else(|| request["url"].to_string(), str::to_owned),
                })
            })
            .collect()
    }

    /// Requests to these addresses, which may hold stars, fail as if offline. With none, all
    /// requests succeed again.
    pub async fn cut_off(&self, addresses: &[&str]) {
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setBlockedURLs", json!({ "urls": addresses }))
            .await;
    }

    /// Requests to an address, which may hold stars, wait until they are let go.
    pub async fn hold_up(&self, address: &str) {
        let patterns = json!({ "patterns": [{ "urlPattern": address }] });
        self.devtools("Fetch.enable", patterns).await;
    }

    /// Releases the delayed requests.
    pub async fn let_go(&self) {
        self.devtools("Fetch.disable", json!({})).await;
    }
}
