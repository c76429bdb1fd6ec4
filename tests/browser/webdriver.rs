//! WebDriver (W3C), as far as these tests need it.
//!
//! The crates for it cost more than these commands: thirtyfour turns on `serde_json/preserve_order`
//! for whatever is built beside it, the program under test included, and fantoccini stands on a
//! crate with a licence that is not permissive.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::fmt;

/// What the answers name an element by.
pub const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that no text holds (WebDriver, 17.4.2).
pub mod key {
    pub const ENTER: &str = "\u{e007}";
    pub const TAB: &str = "\u{e004}";
    pub const SHIFT: &str = "\u{e008}";
    pub const CONTROL: &str = "\u{e009}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const SPACE: &str = " ";
    pub const END: &str = "\u{e010}";
    pub const HOME: &str = "\u{e011}";
    pub const LEFT: &str = "\u{e012}";
    pub const UP: &str = "\u{e013}";
    pub const RIGHT: &str = "\u{e014}";
}

/// A browser's session.
pub struct Session {
    client: Client,
    /// Where its commands go.
    url: String,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failed {
    /// The error code of the standard, such as `stale element reference`.
    pub error: String,
    message: String,
}

impl Session {
    /// Starts a session at the driver on `port`; answers it and the capabilities that it has.
    pub async fn start(port: u16, capabilities: Value) -> Result<(Session, Value), Failed> {
        let client = Client::new();
        let url = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = send(&client, Method::POST, &url, &wanted).await?;
        let id = answer["sessionId"].as_str().expect("a session's id");
        let session = Session {
            client,
            url: format!("{url}/{id}"),
        };
        Ok((session, answer["capabilities"].clone()))
    }

    /// Closes the browser.
    pub async fn end(&self) -> Result<(), Failed> {
        let nothing = json!({});
        send(&self.client, Method::DELETE, &self.url, &nothing).await?;
        Ok(())
    }

    /// Sends a command to a path below the session's.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, Failed> {
        let url = format!("{}/{path}", self.url);
        send(&self.client, Method::POST, &url, &body).await
    }

    /// Ends what stands at a path below the session's.
    pub async fn delete(&self, path: &str) -> Result<Value, Failed> {
        let url = format!("{}/{path}", self.url);
        send(&self.client, Method::DELETE, &url, &Value::Null).await
    }

    /// Asks what stands at a path below the session's.
    pub async fn get(&self, path: &str) -> Result<Value, Failed> {
        let url = format!("{}/{path}", self.url);
        send(&self.client, Method::GET, &url, &Value::Null).await
    }

    /// The first element that a selector of CSS finds.
    pub async fn find(&self, css: &str) -> Result<String, Failed> {
        let by = json!({ "using": "css selector", "value": css });
        let found = self.post("element", by).await?;
        Ok(found[ELEMENT].as_str().expect("an element").to_owned())
    }

    /// Does something with an element, such as `click`.
    pub async fn act(&self, css: &str, action: &str, body: Value) -> Result<(), Failed> {
        let element = self.find(css).await?;
        self.post(&format!("element/{element}/{action}"), body)
            .await?;
        Ok(())
    }

    /// Keys one after another, with a pause of so many milliseconds; `held` are down meanwhile.
    pub async fn type_keys(&self, held: &str, keys: &str, pause: u64) -> Result<(), Failed> {
        let key = |kind: &str, value: char| json!({ "type": kind, "value": value });
        let mut actions: Vec<Value> = held.chars().map(|it| key("keyDown", it)).collect();
        for it in keys.chars() {
            actions.extend([key("keyDown", it), key("keyUp", it)]);
            if pause > 0 {
                actions.push(json!({ "type": "pause", "duration": pause }));
            }
        }
        actions.extend(held.chars().map(|it| key("keyUp", it)));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("actions", json!({ "actions": [keyboard] }))
            .await?;
        Ok(())
    }

    /// What the mouse does, one after another: actions of a pointer as the standard writes them.
    pub async fn move_mouse(&self, actions: Vec<Value>) -> Result<(), Failed> {
        let mouse = json!({
            "type": "pointer", "id": "mouse",
            "parameters": { "pointerType": "mouse" }, "actions": actions,
        });
        self.post("actions", json!({ "actions": [mouse] })).await?;
        Ok(())
    }
}

async fn send(client: &Client, method: Method, url: &str, body: &Value) -> Result<Value, Failed> {
    let mut request = client.request(method, url);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer: Value = async { request.send().await?.json().await }
        .await
        .map_err(|error| Failed {
            error: "no answer".to_owned(),
            message: format!("{url}: {error}"),
        })?;
    let value = &answer["value"];
    match value["error"].as_str() {
        None => Ok(value.clone()),
        Some(error) => Err(Failed {
            error: error.to_owned(),
            message: value["message"].as_str().unwrap_or_default().to_owned(),
        }),
    }
}

impl Failed {
    /// Whether a retry may succeed: the element was replaced or covered for a moment, or the page
    /// was replaced.
    pub fn passes(&self) -> bool {
        [
            "element click intercepted",
            "element not interactable",
            "javascript error",
            "no such element",
            "stale element reference",
        ]
        .contains(&self.error.as_str())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.message)
    }
}
