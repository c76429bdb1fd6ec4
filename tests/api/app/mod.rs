//! A service for one test, and its typed client.
//!
//! [`TestApp::start`] runs the real service: a listener on a free port, files in a folder of its
//! own, a thread of its own. When a test ends, the service is told to stop and has to end well.
//! Requests are [`Ask`]s, built by a method for each endpoint and sent by `.await`; whatever comes
//! back is checked as [`Answer::check`] says, so that no test has to say it again.

mod answer;
mod ask;
mod cart;
mod stream;

pub use answer::{Answer, read_answer, text};
pub use ask::Ask;
pub use cart::CartClient;

use cartlog::config::Config;
use cartlog::expiry::Expiry;
use cartlog::service::{Service, ServiceError};
use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
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
