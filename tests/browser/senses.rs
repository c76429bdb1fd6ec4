//! What a user perceives of a page: visible text, accessible names, focus.
//!
//! Elements are named by their `data-testid`. Nothing here waits for time to pass: each step waits,
//! within [`PATIENCE`], until the page is as it says.

use crate::browser::{Browser, HELPERS};
use serde_json::json;
use std::time::{Duration, Instant};

/// After this long a test has failed. A bound on waiting, never a way to wait.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl Browser {
    /// Waits until `condition` holds: a JavaScript expression that may use [`HELPERS`].
    pub async fn until(&self, condition: &str) {
        let script = format!(
            "{HELPERS}
            const done = arguments[arguments.length - 1];
            const until = performance.now() + arguments[0];
            const holds = () => {{
                try {{ return Boolean({condition}); }} catch {{ return false; }}
            }};
            (function look() {{
                if (holds()) done(true);
                else if (performance.now() > until) done(false);
                else setTimeout(look, 5);
            }})();"
        );
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let run = json!({ "script": script, "args": [left.as_millis() as u64] });
            let asked = self.session().post("execute/async", run).await;
            match asked {
                Ok(answer) if answer == true => return,
                // The page was replaced: the condition is checked on the new one.
                Err(error) if left > Duration::ZERO && error.passes() => {}
                Ok(_) => panic!(
                    "condition never held: {condition}\n{}",
                    self.summary().await
                ),
                Err(error) => panic!("{condition}: {error}"),
            }
        }
    }

    /// Waits until the element says exactly `text`.
    pub async fn says(&self, id: &str, text: &str) {
        self.until(&format!("words({}) === {}", json!(id), json!(text)))
            .await;
    }

    /// Waits until what the element says holds `part`.
    pub async fn mentions(&self, id: &str, part: &str) {
        self.until(&format!("words({}).includes({})", json!(id), json!(part)))
            .await;
    }

    /// Waits until the element can be seen.
    pub async fn sees(&self, id: &str) {
        self.until(&format!("seen(at({}))", json!(id))).await;
    }

    /// Waits until the element is hidden or absent.
    pub async fn misses(&self, id: &str) {
        self.until(&format!("!seen(at({}))", json!(id))).await;
    }

    /// Asserts the accessible name of the element.
    pub async fn is_called(&self, id: &str, name: &str) {
        self.sees(id).await;
        let element = self.session().find(&selector(id)).await;
        let element = element.expect("an element that is seen");
        let label = format!("element/{element}/computedlabel");
        let called = self.session().get(&label).await.expect("its name");
        assert_eq!(called, name, "{id}");
    }

    /// Waits until the element has the focus.
    pub async fn focus_is_on(&self, id: &str) {
        self.until(&format!("document.activeElement === at({})", json!(id)))
            .await;
    }

    /// What the element says, once it can be seen.
    pub async fn text(&self, id: &str) -> String {
        self.sees(id).await;
        self.script(&format!("return words({})", json!(id))).await
    }

    /// Waits until the page has loaded and all animations have finished.
    pub async fn rests(&self) {
        self.until("document.readyState === 'complete' && still()")
            .await;
    }

    /// The text of the page, for the message of a failed test.
    async fn summary(&self) -> String {
        let script = "return `${location.href}\\n${document.body.innerText}`.slice(0, 1500)";
        let run = json!({ "script": script, "args": [] });
        match self.session().post("execute/sync", run).await {
            Ok(text) => text.as_str().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

/// How CSS finds the element of a test id.
pub fn selector(id: &str) -> String {
    format!("[data-testid={}]", json!(id))
}
