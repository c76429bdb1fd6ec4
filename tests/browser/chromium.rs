//! Chromium and its driver, as Debian packages them: a pair of its own for each test.

use crate::webdriver::Session;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// As root Chromium has no sandbox; the others keep it from asking anything of the world outside.
const SWITCHES: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--hide-scrollbars",
    "--window-size=1280,900",
    "--host-resolver-rules=MAP shop.test 127.0.0.1",
];

/// A name of this machine that browsers do not take for it.
pub const PLAIN_NAME: &str = "shop.test";

/// A browser and its driver, both of which end with it, also where a test panics.
pub struct Chromium {
    pub session: Session,
    // Fields are dropped in this order: the browser before its driver, and its files last.
    _browser: Killed,
    _chromedriver: Driver,
    _profile: TempDir,
}

struct Driver(Child);

/// The browser's process, which its driver would leave behind when it is killed itself.
struct Killed(u64);

impl Chromium {
    /// A browser with an empty profile, at 1280 by 900 pixels.
    pub async fn start() -> Chromium {
        let (chromedriver, port) = start_driver();
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let wanted = capabilities(&profile.path().display().to_string());
        let (session, had) = Session::start(port, wanted)
            .await
            .unwrap_or_else(|error| panic!("chromium does not start: {error}"));
        let browser = had["goog:processID"].as_u64().expect("its process");
        Chromium {
            session,
            _browser: Killed(browser),
            _chromedriver: chromedriver,
            _profile: profile,
        }
    }
}

fn start_driver() -> (Driver, u16) {
    let mut child = Command::new("chromedriver")
        .args(["--port=0", "--log-level=SEVERE"])
        // Times on the pages are local ones.
        .env("TZ", "UTC")
        .env("LANG", "C.UTF-8")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver runs; tests/all installs it (the Debian package chromium-driver)");
    let stdout = child.stdout.take().expect("its output");
    let driver = Driver(child);
    let port = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let port = line.split("started successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse().ok()
        })
        .expect("chromedriver says on which port it listens");
    (driver, port)
}

fn capabilities(profile: &str) -> Value {
    let mut switches: Vec<String> = SWITCHES.map(str::to_owned).to_vec();
    switches.push(format!("--user-data-dir={profile}"));
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": switches },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // After a regular end of the session it has ended already.
        let _ = Command::new("kill")
            .args(["-KILL", &self.0.to_string()])
            .stderr(Stdio::null())
            .status();
    }
}
