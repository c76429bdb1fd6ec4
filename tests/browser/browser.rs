//! The browser of a test: its pages, tabs and windows, and its console.

use crate::chromium::Chromium;
use crate::senses::PATIENCE;
use crate::webdriver::{Failed, Session};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Helpers for conditions and scripts: the element of a test id, its text or value in one
/// line, and whether all animations have finished.
pub const HELPERS: &str = r#"
    const at = (id) => document.querySelector(`[data-testid="${id}"]`);
    const visible = { visibilityProperty: true, opacityProperty: true };
    const seen = (it) => Boolean(it?.checkVisibility(visible));
    const words = (id) => seen(at(id))
        ? (at(id).matches("input") ? at(id).value : at(id).innerText).replace(/\s+/g, " ").trim()
        : null;
    const endless = (it) => it.effect.getComputedTiming().endTime === Infinity;
    const still = () => document.fonts.status === "loaded"
        && document.getAnimations().every((it) => it.playState !== "running" || endless(it))
        && [...document.images].every((it) => it.complete || it.loading === "lazy");
"#;

/// Runs in each page before its own scripts: reports policy violations as console errors and
/// records layout shifts.
const PAGE_OBSERVER: &str = r#"
    window.shifted = [];
    const place = ({ x, y, width, height }) => `${x},${y} ${width}×${height}`;
    new PerformanceObserver((list) => {
        for (const { hadRecentInput, value, sources } of list.getEntries()) {
            if (hadRecentInput) continue;
            const name = (node) => node?.id || node?.className || node?.textContent;
            const moved = sources.map(({ node, previousRect, currentRect }) =>
                `${name(node)}: ${place(previousRect)} → ${place(currentRect)}`);
            window.shifted.push(`${value} by ${moved}`);
        }
    }).observe({ type: "layout-shift", buffered: true });
    addEventListener("securitypolicyviolation", (it) => {
        const source = `${it.sourceFile}:${it.lineNumber}`;
        console.error(`policy violated: ${it.violatedDirective} by ${it.blockedURI} in ${source}`);
    });
"#;

fn is_said(complaints: &[String], part: &str) -> bool {
    complaints.iter().any(|it| it.contains(part))
}

/// The browser of a test. Its methods act on the current tab.
pub struct Browser {
    chromium: Chromium,
    /// The origin of the service.
    pub origin: String,
    expected: RefCell<Vec<&'static str>>,
}

impl Browser {
    /// Starts a browser for the service at `origin`.
    pub async fn start(origin: String) -> Browser {
        let browser = Browser {
            chromium: Chromium::start().await,
            origin,
            expected: RefCell::default(),
        };
        let bound = (PATIENCE * 2).as_millis() as u64;
        let bound = json!({ "script": bound, "pageLoad": bound });
        browser.tell("timeouts", bound).await;
        browser.prepare_tab().await;
        browser
    }

    /// Closes the browser and asserts that its console has the expected errors only.
    pub async fn finish(self) {
        let expected = self.expected.take();
        let mut complaints = self.complaints().await;
        // The console may be a moment behind the page.
        let deadline = Instant::now() + PATIENCE;
        while !expected.iter().all(|part| is_said(&complaints, part)) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
            complaints.extend(self.complaints().await);
        }
        let ended = self.chromium.session.end().await;
        ended.expect("the browser ends well");
        let foreign: Vec<&String> = complaints
            .iter()
            .filter(|it| !expected.iter().any(|part| it.contains(part)))
            .collect();
        assert!(foreign.is_empty(), "the console says: {foreign:#?}");
        for part in expected {
            assert!(
                is_said(&complaints, part),
                "the console does not say {part}: {complaints:#?}"
            );
        }
    }

    /// New errors and warnings in the console.
    async fn complaints(&self) -> Vec<String> {
        let log = self.log("browser").await;
        log.iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// New entries of one of the browser's logs.
    pub async fn log(&self, name: &str) -> Vec<Value> {
        let log = self.tell("se/log", json!({ "type": name })).await;
        log.as_array().expect("entries").clone()
    }

    /// Expects an error in the console, such as that of a failed request.
    pub fn expect_complaint(&self, part: &'static str) {
        self.expected.borrow_mut().push(part);
    }

    pub fn session(&self) -> &Session {
        &self.chromium.session
    }

    /// Sends a command that must succeed.
    pub async fn tell(&self, path: &str, body: Value) -> Value {
        let result = self.session().post(path, body).await;
        result.unwrap_or_else(|error| panic!("{path}: {error}"))
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

    /// One step forward again.
    pub async fn go_forward(&self) {
        self.tell("forward", json!({})).await;
    }

    /// Path and query of the page.
    pub async fn address(&self) -> String {
        self.script("return location.pathname + location.search")
            .await
    }

    /// Opens a page in another tab and switches to it.
    pub async fn open_tab(&self, path: &str) -> String {
        self.open_another("tab", path).await
    }

    /// Opens a page in another window, which does not hide the others, and switches to it.
    pub async fn open_window(&self, path: &str) -> String {
        self.open_another("window", path).await
    }

    async fn open_another(&self, kind: &str, path: &str) -> String {
        let tab = self.tell("window/new", json!({ "type": kind })).await;
        let tab = tab["handle"].as_str().expect("another tab").to_owned();
        self.turn_to(&tab).await;
        self.prepare_tab().await;
        self.open(path).await;
        tab
    }

    /// The current tab.
    pub async fn tab(&self) -> String {
        let tab = self.session().get("window").await.expect("a tab");
        tab.as_str().expect("its handle").to_owned()
    }

    pub async fn turn_to(&self, tab: &str) {
        self.tell("window", json!({ "handle": tab })).await;
    }

    /// Closes the current tab; another one has to be turned to.
    pub async fn close_tab(&self) {
        let closed = self.session().delete("window").await;
        closed.expect("a tab can be closed");
    }

    async fn prepare_tab(&self) {
        let source = json!({ "source": PAGE_OBSERVER });
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

    /// A command of the DevTools protocol, for what WebDriver lacks.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let command = json!({ "cmd": method, "params": parameters });
        self.tell("goog/cdp/execute", command).await
    }

    /// Runs a script in the page, which may use [`HELPERS`], and returns its result.
    pub async fn script<T: DeserializeOwned>(&self, script: &str) -> T {
        let run = json!({ "script": format!("{HELPERS}\n{script}"), "args": [] });
        let answer = self.tell("execute/sync", run).await;
        serde_json::from_value(answer).expect("what the script returns")
    }

    /// Runs the body of an async function in the page and returns its result.
    pub async fn asynchronous<T: DeserializeOwned>(&self, body: &str, arguments: Value) -> T {
        let script = format!(
            "{HELPERS}
            const done = arguments[arguments.length - 1];
            (async (given) => {{ {body} }})(arguments[0]).then(
                (it) => done({{ it: it ?? null }}),
                (error) => done({{ error: String(error?.stack ?? error) }}));"
        );
        let run = json!({ "script": script, "args": [arguments] });
        let answer = self.tell("execute/async", run).await;
        assert!(answer["error"].is_null(), "{}", answer["error"]);
        serde_json::from_value(answer["it"].clone()).expect("what the script returns")
    }

    /// A screenshot as PNG.
    pub async fn picture(&self) -> Result<Vec<u8>, Failed> {
        let picture = self.session().get("screenshot").await?;
        let text = picture.as_str().unwrap_or_default();
        Ok(BASE64_STANDARD.decode(text).expect("a picture in base64"))
    }
}
