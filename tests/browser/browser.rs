//! What a person does with a page, and what a person sees.
//!
//! Elements are named by their `data-testid`. Nothing here waits for time to pass: each step waits,
//! within [`PATIENCE`], until the page is such that a person could take it.

use crate::chromium::Chromium;
use crate::webdriver::{ELEMENT, Failed, Session};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// After this long a test has failed. A bound on waiting, never a way to wait.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a mouse rests on a thing: longer than pages that fetch ahead wait for.
const HOVER: Duration = Duration::from_millis(150);

/// Words that conditions and scripts may use: the element of a test id, what it says in one line,
/// and whether everything that moves has come to rest.
const WORDS: &str = r#"
    const at = (id) => document.querySelector(`[data-testid="${id}"]`);
    const seen = (it) => Boolean(it?.checkVisibility({ visibilityProperty: true, opacityProperty: true }));
    const words = (id) => seen(at(id)) ? at(id).innerText.replace(/\s+/g, " ").trim() : null;
    const still = () => document.getAnimations().every((it) => it.playState !== "running" || it.effect.getComputedTiming().endTime === Infinity)
        && [...document.images].every((it) => it.complete || it.loading === "lazy") && document.fonts.status === "loaded";
"#;

/// Runs in each page before its own scripts: what its policy refused becomes an error in the log.
const TELL_TALE: &str = r#"
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
        console.error(`policy violated: ${violatedDirective} by ${blockedURI} in ${sourceFile}:${lineNumber}`));
"#;

/// The browser of a test. Its methods act on the tab that was opened or turned to last.
pub struct Browser {
    chromium: Chromium,
    origin: String,
    expected: RefCell<Vec<&'static str>>,
}

/// A request that the browser sent to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub method: String,
    pub path: String,
}

impl Browser {
    /// A browser that looks at the service at `origin`.
    pub async fn start(origin: String) -> Browser {
        let browser = Browser {
            chromium: Chromium::start().await,
            origin,
            expected: RefCell::default(),
        };
        let bound = json!({ "script": (PATIENCE * 2).as_millis() as u64 });
        browser.tell("timeouts", bound).await;
        browser.prepare_tab().await;
        browser
    }

    /// Closes the browser, which has to have had nothing to complain about but what was expected.
    pub async fn finish(self) {
        let complaints = self.complaints().await;
        let ended = self.chromium.session.end().await;
        ended.expect("the browser ends well");
        let expected = self.expected.take();
        let foreign: Vec<&String> = complaints
            .iter()
            .filter(|it| !expected.iter().any(|part| it.contains(part)))
            .collect();
        assert!(foreign.is_empty(), "the console says: {foreign:#?}");
        for part in expected {
            let came = complaints.iter().any(|it| it.contains(part));
            assert!(came, "the console does not say {part}: {complaints:#?}");
        }
    }

    /// Errors and warnings in the console since it was last asked.
    async fn complaints(&self) -> Vec<String> {
        let log = self.log("browser").await;
        log.iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What one of the browser's logs has gained since it was last asked.
    async fn log(&self, name: &str) -> Vec<Value> {
        let log = self.tell("se/log", json!({ "type": name })).await;
        log.as_array().expect("entries").clone()
    }

    /// A test that lets a request fail, or be refused, says how the browser's console puts that.
    pub fn expect_complaint(&self, part: &'static str) {
        self.expected.borrow_mut().push(part);
    }

    pub fn session(&self) -> &Session {
        &self.chromium.session
    }

    /// A command that has to be carried out.
    async fn tell(&self, path: &str, body: Value) -> Value {
        let told = self.session().post(path, body).await;
        told.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens a page of the service, such as `/history`.
    pub async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.tell("url", json!({ "url": url })).await;
    }

    pub async fn reload(&self) {
        self.tell("refresh", json!({})).await;
    }

    /// One step back in the browser's history.
    pub async fn go_back(&self) {
        self.tell("back", json!({})).await;
    }

    /// Path and query of the page.
    pub async fn address(&self) -> String {
        self.script("return location.pathname + location.search")
            .await
    }

    /// Opens a page in another tab and turns to it.
    pub async fn open_tab(&self, path: &str) -> String {
        let tab = self.tell("window/new", json!({ "type": "tab" })).await;
        let tab = tab["handle"].as_str().expect("another tab").to_owned();
        self.turn_to(&tab).await;
        self.prepare_tab().await;
        self.open(path).await;
        tab
    }

    /// The tab that is acted on.
    pub async fn tab(&self) -> String {
        let tab = self.session().get("window").await.expect("a tab");
        tab.as_str().expect("its handle").to_owned()
    }

    pub async fn turn_to(&self, tab: &str) {
        self.tell("window", json!({ "handle": tab })).await;
    }

    async fn prepare_tab(&self) {
        let source = json!({ "source": TELL_TALE });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source)
            .await;
        self.resize(1280, 900).await;
    }

    /// The width and height of the page, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    /// What the system prefers, such as `("prefers-color-scheme", "dark")`.
    pub async fn prefer(&self, features: &[(&str, &str)]) {
        let features: Vec<Value> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// A command of the DevTools protocol, for what WebDriver has no words for.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let command = json!({ "cmd": method, "params": parameters });
        self.tell("goog/cdp/execute", command).await
    }

    /// Runs a script in the page, which may use [`WORDS`], and answers what it returns.
    pub async fn script<T: DeserializeOwned>(&self, script: &str) -> T {
        let run = json!({ "script": format!("{WORDS}\n{script}"), "args": [] });
        let answer = self.tell("execute/sync", run).await;
        serde_json::from_value(answer).expect("what the script returns")
    }

    /// Runs the body of an asynchronous function in the page and answers what it returns.
    pub async fn asynchronous<T: DeserializeOwned>(&self, body: &str, arguments: Value) -> T {
        let script = format!(
            "{WORDS}
            const done = arguments[arguments.length - 1];
            (async (given) => {{ {body} }})(arguments[0]).then((it) => done({{ it: it ?? null }}), (error) => done({{ error: String(error?.stack ?? error) }}));"
        );
        let run = json!({ "script": script, "args": [arguments] });
        let answer = self.tell("execute/async", run).await;
        assert!(answer["error"].is_null(), "{}", answer["error"]);
        serde_json::from_value(answer["it"].clone()).expect("what the script returns")
    }

    /// Waits until a condition of the page, a JavaScript expression that may use [`WORDS`], holds.
    pub async fn until(&self, condition: &str) {
        let script = format!(
            "{WORDS}
            const done = arguments[arguments.length - 1];
            const until = performance.now() + arguments[0];
            const holds = () => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }};
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
                // The page went and another one came: it is asked of that one.
                Err(error) if left > Duration::ZERO && error.passes() => {}
                Ok(_) => panic!("it never was so: {condition}\n{}", self.summary().await),
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

    /// Waits until the element can not be seen, or is not there.
    pub async fn misses(&self, id: &str) {
        self.until(&format!("!seen(at({}))", json!(id))).await;
    }

    /// What the element is called for those who do not see it.
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

    /// Waits until nothing moves any more and all that is to be seen has come.
    pub async fn rests(&self) {
        self.until("document.readyState === 'complete' && still()")
            .await;
    }

    /// Clicks an element once it can be clicked.
    pub async fn click(&self, id: &str) {
        self.act(id, "click", json!({})).await;
    }

    /// Types into a field.
    pub async fn write(&self, id: &str, text: &str) {
        self.act(id, "value", json!({ "text": text })).await;
    }

    async fn act(&self, id: &str, action: &str, body: Value) {
        self.sees(id).await;
        let until = Instant::now() + PATIENCE;
        let css = selector(id);
        loop {
            let acted = self.session().act(&css, action, body.clone()).await;
            match acted {
                Ok(()) => return,
                // What slides in lies over it, or it was drawn anew: in a moment it can be done.
                Err(error) if error.passes() && Instant::now() < until => {}
                Err(error) => panic!("{action} on {id}: {error}"),
            }
        }
    }

    /// Presses keys, one after another, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        self.press_while("", keys).await;
    }

    /// Presses keys while others are held down.
    pub async fn press_while(&self, held: &str, keys: &str) {
        let pressed = self.session().type_keys(held, keys, 0).await;
        pressed.expect("keys can be pressed");
    }

    /// Presses a key as one that is held down repeats itself, thirty times a second.
    pub async fn repeat(&self, key: &str, times: usize) {
        let pressed = self.session().type_keys("", &key.repeat(times), 33).await;
        pressed.expect("keys can be pressed");
    }

    /// Clicks an element so many times as fast as the browser takes it.
    pub async fn click_in_a_burst(&self, id: &str, times: usize) {
        let mut actions = vec![self.over(id).await];
        for _ in 0..times {
            actions.push(json!({ "type": "pointerDown", "button": 0 }));
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        let clicked = self.session().move_mouse(actions).await;
        clicked.expect("the mouse can be clicked");
    }

    /// Moves the mouse over elements, and lets it rest on each for a moment.
    pub async fn hover(&self, ids: &[&str]) {
        let mut actions = Vec::new();
        for id in ids {
            actions.push(self.over(id).await);
            actions.push(json!({ "type": "pause", "duration": HOVER.as_millis() as u64 }));
        }
        let moved = self.session().move_mouse(actions).await;
        moved.expect("the mouse can be moved");
    }

    /// The mouse's way to the middle of an element.
    async fn over(&self, id: &str) -> Value {
        self.sees(id).await;
        self.rests().await;
        let element = self.session().find(&selector(id)).await;
        let element = element.expect("an element that is seen");
        json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": { ELEMENT: element } })
    }

    /// What is shown, as a PNG.
    pub async fn picture(&self) -> Result<Vec<u8>, Failed> {
        let picture = self.session().get("screenshot").await?;
        let text = picture.as_str().unwrap_or_default();
        Ok(BASE64_STANDARD.decode(text).expect("a picture in base64"))
    }

    /// Sends a request to the service from within the page, with its cookies, and answers the body.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        self.asynchronous(
            "const answer = await fetch(given.path, { method: given.method, headers: { 'Content-Type': 'application/json' }, body: given.body && JSON.stringify(given.body) });
             if (!answer.ok) throw new Error(`${given.method} ${given.path}: ${await answer.text()}`);
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

    /// What the page says, for whoever reads why a test failed.
    async fn summary(&self) -> String {
        let script = "return `${location.href}\\n${document.body.innerText}`.slice(0, 1500)";
        let run = json!({ "script": script, "args": [] });
        match self.session().post("execute/sync", run).await {
            Ok(told) => told.as_str().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

fn selector(id: &str) -> String {
    format!("[data-testid={}]", json!(id))
}
