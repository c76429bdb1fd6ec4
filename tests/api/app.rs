//! A service for one test, and its typed client.
//!
//! [`TestApp::start`] runs the real service: a listener on a free port, files in a folder of its
//! own, a thread of its own. When a test ends, the service is told to stop and has to end well.
//! Requests are [`Ask`]s, built by a method for each endpoint and sent by `.await`; whatever comes
//! back is checked as [`Answer::check`] says, so that no test has to say it again.

use cartlog::config::Config;
use cartlog::expiry::Expiry;
use cartlog::service::{Service, ServiceError};
use cartlog::web::problem::Kind;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::future::{Future, IntoFuture};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// After this long a test has failed. A bound on waiting, never a way to wait.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running service and the client of it.
pub struct TestApp {
    settings: Vec<(String, String)>,
    folder: TempDir,
    running: Option<Running>,
    client: reqwest::Client,
}

struct Running {
    address: SocketAddr,
    expiry: Option<Arc<Expiry>>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), ServiceError>>,
}

impl TestApp {
    /// A service with the default settings, its files in a new folder.
    pub fn start() -> TestApp {
        TestApp::start_with(&[])
    }

    /// A service with some settings of its own, named as in `config.toml`: `("limits.lines", "2")`.
    pub fn start_with(settings: &[(&str, &str)]) -> TestApp {
        let folder = tempfile::tempdir().expect("a folder for the service's files");
        let file = |name: &str| folder.path().join(name).display().to_string();
        let own = [
            ("log.path", file("events.db")),
            ("views.path", file("views.db")),
            ("security.secret_path", file("secret")),
            ("server.workers", "2".to_owned()),
        ];
        let given = settings
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        let settings = own
            .into_iter()
            .chain(given)
            .map(|(key, value)| (setting(key), value))
            .collect();
        let mut app = TestApp {
            settings,
            folder,
            running: None,
            client: client(),
        };
        app.running = Some(app.run().expect("the service starts"));
        app
    }

    /// Stops the service, which has to end well. Its files stay until the test ends.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end().expect("the service ends well");
        }
    }

    /// Starts the service again on the files that it left, or says why it does not start.
    pub fn start_again(&mut self) -> Result<(), ServiceError> {
        assert!(self.running.is_none(), "it runs already");
        self.running = Some(self.run()?);
        self.client = client();
        Ok(())
    }

    /// Stops the service and starts it again on its files.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again().expect("the service starts again");
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((setting(key), value.to_owned()));
    }

    fn run(&self) -> Result<Running, ServiceError> {
        let config = Config::from_sources(None, self.settings.clone()).expect("sound settings");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (stop, stopped) = oneshot::channel();
        let (start, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let service = Service::start(&config, listener).await?;
                // The test has given up where nobody listens.
                let _ = start.send(service.expiry());
                let stopped = async {
                    let _ = stopped.await;
                };
                service.run_until(stopped).await
            })
        });
        let Ok(expiry) = started.recv() else {
            let outcome = thread.join().expect("the service does not panic");
            return Err(outcome.expect_err("a service that has not started has failed"));
        };
        Ok(Running {
            address,
            expiry,
            stop,
            thread,
        })
    }

    /// Where the service listens.
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("the service runs").address
    }

    /// Waits until the tables of every view have what was shown of carts: a question of several
    /// rows is answered from there.
    pub async fn written(&self) {
        self.get("/api/insights/funnel").await.expect(200);
    }

    /// What expires idle carts, for a test that brings the time.
    pub fn expiry(&self) -> Arc<Expiry> {
        let running = self.running.as_ref().expect("the service runs");
        running.expiry.clone().expect("carts expire")
    }

    /// A file of the service, such as `events.db`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every event in the log, in its order, as it stands in the file.
    pub fn log(&self) -> Vec<Stored> {
        let log =
            Connection::open_with_flags(self.file("events.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
                .expect("the log's file");
        let mut events = log
            .prepare("SELECT position, stream, version, type, data, metadata, hash FROM events ORDER BY position")
            .expect("the view of events");
        let rows = events
            .query_map([], |row| {
                Ok(Stored {
                    position: row.get(0)?,
                    stream: row.get(1)?,
                    version: row.get(2)?,
                    name: row.get(3)?,
                    data: row.get(4)?,
                    metadata: row.get(5)?,
                    hash: row.get(6)?,
                })
            })
            .expect("events");
        rows.collect::<Result<_, _>>().expect("events")
    }

    /// The position of the last event in the log, as it stands in the file; 0 while there is none.
    pub fn log_head(&self) -> u64 {
        self.log().last().map_or(0, |event| event.position)
    }

    /// A request to any path, which may have a query.
    pub fn ask(&self, method: Method, path: &str) -> Ask {
        let url = format!("http://{}{path}", self.address());
        Ask {
            client: self.client.clone(),
            request: self.client.request(method, url).build().expect("a request"),
        }
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }

    /// `POST /api/carts`, as a request that is not sent yet.
    pub fn ask_for_cart(&self) -> Ask {
        self.post("/api/carts")
    }

    /// A new cart, empty.
    pub async fn open_cart(&self) -> CartClient<'_> {
        let answer = self.ask_for_cart().await.expect(201);
        self.cart_of(&answer)
    }

    /// A new cart that holds something: `[("teapot", 2)]`.
    pub async fn open_cart_with(&self, items: &[(&str, u32)]) -> CartClient<'_> {
        let items: Vec<Value> = items
            .iter()
            .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
            .collect();
        let answer = self.ask_for_cart().json(&json!({ "items": items })).await;
        self.cart_of(&answer.expect(201))
    }

    /// The cart that a `POST /api/carts` has answered with.
    pub fn cart_of(&self, opened: &Answer) -> CartClient<'_> {
        let cart = opened.json();
        self.cart(text(&cart["id"]), text(&cart["token"]))
    }

    /// The cart `id` for the holder of `token`, also one of before a restart.
    pub fn cart(&self, id: &str, token: &str) -> CartClient<'_> {
        CartClient {
            app: self,
            id: id.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Sends `bytes` as they are and reads one answer: for what no HTTP client will send. An answer
    /// that the service breaks off or keeps back fails the test.
    pub async fn raw(&self, bytes: &[u8]) -> Answer {
        let answer = self.raw_below(bytes).await;
        answer.check(bytes.starts_with(b"HEAD "));
        answer
    }

    /// Like [`TestApp::raw`], for what the HTTP parser answers below the application: the answer is
    /// no problem then, and not checked.
    pub async fn raw_below(&self, bytes: &[u8]) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address()).await.expect("connects");
            // What the service does not read any more, having answered, is not its loss.
            let _ = stream.write_all(bytes).await;
            read_answer(&mut stream).await
        };
        timeout(PATIENCE, exchange)
            .await
            .expect("an answer in time")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let outcome = running.end();
        if !std::thread::panicking() {
            outcome.expect("the service ends well");
        }
    }
}

impl Running {
    fn end(self) -> Result<(), ServiceError> {
        // A service that has ended by itself says so by what it returns.
        let _ = self.stop.send(());
        self.thread.join().expect("the service does not panic")
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// `limits.lines` as the environment names it.
fn setting(key: &str) -> String {
    format!("CARTLOG_{}", key.to_uppercase().replace('.', "__"))
}

/// An event as it stands in the log's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub position: u64,
    pub stream: String,
    pub version: u64,
    pub name: String,
    pub data: String,
    pub metadata: String,
    pub hash: String,
}

/// The client of one cart, which sends the cart's token along.
#[derive(Clone)]
pub struct CartClient<'a> {
    pub app: &'a TestApp,
    pub id: String,
    pub token: String,
}

impl CartClient<'_> {
    /// A request to a path below the cart's own, such as `/items`.
    pub fn ask(&self, method: Method, below: &str) -> Ask {
        let path = format!("/api/carts/{}{below}", self.id);
        self.app.ask(method, &path).token(&self.token)
    }

    pub fn get(&self) -> Ask {
        self.ask(Method::GET, "")
    }

    /// The cart's row once the view has reached `version`.
    pub fn get_at_least(&self, version: u64) -> Ask {
        self.ask(Method::GET, &format!("?min_version={version}"))
            .header("prefer", "wait=5")
    }

    /// The cart as it was at `version`.
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

    /// Undo at `version`, which the contract asks for.
    pub fn undo(&self, version: u64) -> Ask {
        self.ask(Method::POST, "/undo").if_match(version)
    }

    /// Checkout at `version` for `expected_total`, under `key`, all of which the contract asks for.
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

    /// The cart's events as they come, after the version `after` or from now on.
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

    /// How many of the cart's events are in the log's file.
    pub fn stored(&self) -> Vec<Stored> {
        let mut events = self.app.log();
        events.retain(|event| event.stream == self.id);
        events
    }
}

/// A request that `.await` sends.
pub struct Ask {
    client: reqwest::Client,
    request: reqwest::Request,
}

impl Ask {
    /// Sets a header, in place of one of that name.
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Sets a header beside others of that name.
    pub fn another_header(mut self, name: &str, value: &str) -> Ask {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request.headers_mut().append(name, value);
        self
    }

    pub fn without_header(mut self, name: &str) -> Ask {
        self.request.headers_mut().remove(name);
        self
    }

    pub fn token(self, token: &str) -> Ask {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends an idempotency key along.
    pub fn key(self, key: &str) -> Ask {
        self.header("idempotency-key", key)
    }

    pub fn if_match(self, version: u64) -> Ask {
        self.header("if-match", &format!("\"{version}\""))
    }

    /// A body, as `application/json`.
    pub fn json(self, body: &Value) -> Ask {
        self.body(body.to_string())
            .header("content-type", "application/json")
    }

    /// A body whose type is not said.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Ask {
        *self.request.body_mut() = Some(body.into());
        self
    }

    async fn send(self) -> reqwest::Response {
        let sent = self.client.execute(self.request).await;
        sent.expect("the service answers")
    }

    /// Sends the request and reads what it answers as server-sent events.
    pub async fn stream(self) -> EventStream {
        let response = self.send().await;
        assert_eq!(response.status(), 200);
        assert_eq!(
            response
                .headers()
                .get("content-type")
                .map(HeaderValue::as_bytes),
            Some(&b"text/event-stream"[..])
        );
        EventStream {
            response,
            text: String::new(),
            events: VecDeque::new(),
        }
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let head = *self.request.method() == Method::HEAD;
            let response = self.send().await;
            let answer = Answer {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: response.bytes().await.expect("a whole body").to_vec(),
            };
            answer.check(head);
            answer
        })
    }
}

/// An answer of the service, checked.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// What holds for every answer: an error is a problem of a known type (`/readyz` answers with
    /// its reasons instead), and a browser is told what it may not do with it.
    fn check(&self, head: bool) {
        let shown = || format!("{} {:?}", self.status, String::from_utf8_lossy(&self.body));
        if head || self.status == 204 || self.status == 304 {
            assert!(self.body.is_empty(), "{}", shown());
        }
        for (name, part) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            let said = self.header(name);
            assert!(
                said.is_some_and(|said| said.contains(part)),
                "{name}: {said:?}"
            );
        }
        if self.status < 400 {
            return;
        }
        assert_eq!(
            self.header("cache-control"),
            Some("no-store"),
            "{}",
            shown()
        );
        if self.header("content-type") == Some("application/json") {
            assert_eq!(self.status, 503, "{}", shown());
            assert!(head || self.json()["checks"].is_object(), "{}", shown());
            return;
        }
        if self.header("content-type") == Some("text/html; charset=utf-8") {
            assert_eq!(self.status, 404, "{}", shown());
            return;
        }
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            shown()
        );
        if head {
            return;
        }
        let problem = self.json();
        let kind = Kind::ALL
            .iter()
            .find(|kind| problem["type"] == format!("/problems/{}", kind.slug()))
            .unwrap_or_else(|| panic!("a known type of problem: {}", shown()));
        assert_eq!(kind.status().as_u16(), self.status, "{}", shown());
        assert_eq!(problem["status"], self.status, "{}", shown());
        assert_eq!(problem["title"], kind.title(), "{}", shown());
        assert!(!text(&problem["detail"]).is_empty(), "{}", shown());
        let trace = text(&problem["trace_id"]);
        assert!(
            trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{}",
            shown()
        );
        let retryable = self.status == 503 || self.status == 429;
        assert_eq!(
            self.header("retry-after").is_some(),
            retryable,
            "{}",
            shown()
        );
    }

    /// The answer, if it has that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// The problem, if the answer is one of that type: its slug, such as `cart-closed`.
    #[track_caller]
    pub fn expect_problem(self, status: u16, slug: &str) -> Value {
        let problem = self.expect(status).json();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        problem
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("a header of visible ASCII"))
    }

    /// The cart's version, by its strong entity tag.
    #[track_caller]
    pub fn version(&self) -> u64 {
        let tag = self.header("etag").expect("an ETag");
        tag.trim_matches('"').parse().expect("a version as ETag")
    }

    /// `Log-Position`: of the last event that the command wrote, or that the view has seen.
    #[track_caller]
    pub fn log_position(&self) -> u64 {
        let position = self.header("log-position").expect("a Log-Position");
        position.parse().expect("a position")
    }
}

/// The text of a JSON value that is one.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

/// Reads one answer off a connection.
pub async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read_buf(&mut bytes).await.expect("an answer");
        let shown = String::from_utf8_lossy(&bytes);
        assert!(read > 0, "the connection was closed after {shown:?}");
    };
    let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .expect("a status line");
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a header line");
            let name: HeaderName = name.parse().expect("a header's name");
            (
                name,
                HeaderValue::from_str(value).expect("a header's value"),
            )
        })
        .collect();
    let length = headers.get("content-length").map(|length| {
        length
            .to_str()
            .unwrap_or_default()
            .parse()
            .expect("a length")
    });
    let mut body = bytes.split_off(end + 4);
    while length.is_none_or(|length: usize| body.len() < length) {
        if stream.read_buf(&mut body).await.expect("a body") == 0 {
            break;
        }
    }
    Answer {
        status,
        headers,
        body,
    }
}

/// A server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: String,
    pub data: Value,
}

/// Server-sent events as they come.
pub struct EventStream {
    response: reqwest::Response,
    text: String,
    events: VecDeque<Sent>,
}

impl EventStream {
    /// The next event; `None` once the service has ended the stream.
    pub async fn next(&mut self) -> Option<Sent> {
        timeout(PATIENCE, self.read_next())
            .await
            .expect("an event in time")
    }

    async fn read_next(&mut self) -> Option<Sent> {
        while self.events.is_empty() {
            let chunk = self
                .response
                .chunk()
                .await
                .expect("a stream without error")?;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("a stream of text"));
            while let Some(end) = self.text.find("\n\n") {
                self.events.extend(sent(&self.text[..end]));
                self.text.drain(..end + 2);
            }
        }
        self.events.pop_front()
    }
}

/// The event in a block of lines; a comment is none.
fn sent(block: &str) -> Option<Sent> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ")?;
    Some(Sent {
        id: field("id: ").expect("every event has an id").to_owned(),
        data: serde_json::from_str(data).expect("an event of JSON"),
    })
}
