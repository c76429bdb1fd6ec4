//! A service for one test, inside of it.
//!
//! [`TestApp::start`] runs the real service: a listener on a free port, files in a folder of its
//! own, a thread of its own. Its methods are those of the [`ApiClient`] that it dereferences to.
//! When the test ends, the service is shut down and must not fail.

use crate::api::ApiClient;
use crate::log_file::{StoredEvent, chained_events};
use crate::process::setting;
use cartlog::background_errors::BackgroundErrors;
use cartlog::config::Config;
use cartlog::expiry::Expiry;
use cartlog::service::{Service, ServiceError};
use rusqlite::{Connection, OpenFlags};
use std::net::TcpListener;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A running service and its client.
pub struct TestApp {
    settings: Vec<(String, String)>,
    folder: TempDir,
    running: Option<Running>,
}

struct Running {
    client: ApiClient,
    expiry: Option<Arc<Expiry>>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), ServiceError>>,
}

impl Deref for TestApp {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.running.as_ref().expect("the service runs").client
    }
}

impl TestApp {
    /// A service with the default settings, its files in a new folder, without orders.
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
            ("proof.key_path", file("proof.key")),
            ("server.workers", "2".to_owned()),
            // An order follows a checkout at any time: tests of carts count the events of the log.
            ("orders.confirm", "off".to_owned()),
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
        };
        app.running = Some(app.run().expect("the service starts"));
        app
    }

    /// Shuts the service down, which must not fail. Its files stay until the test ends.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end().expect("the service shuts down cleanly");
        }
    }

    /// Starts the service again on its files; the error says why it does not start.
    pub fn start_again(&mut self) -> Result<(), ServiceError> {
        assert!(self.running.is_none(), "it runs already");
        self.running = Some(self.run()?);
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

    /// Restarts the service with the catalogue of these two files.
    pub fn restart_with_catalogue(&mut self, products: &str, promotions: &str) {
        for (name, text) in [("products", products), ("promotions", promotions)] {
            let file = self.file(&format!("{name}.toml"));
            std::fs::write(&file, text).expect("the catalogue can be written");
            self.set(&format!("catalogue.{name}"), &file.display().to_string());
        }
        self.restart();
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
                let service =
                    Service::start(&config, listener, BackgroundErrors::default()).await?;
                // The receiver is gone if the test has failed meanwhile.
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
            client: ApiClient::at(address),
            expiry,
            stop,
            thread,
        })
    }

    /// What expires idle carts, for a test that passes the time as an argument.
    pub fn expiry(&self) -> Arc<Expiry> {
        let running = self.running.as_ref().expect("the service runs");
        running.expiry.clone().expect("carts expire")
    }

    /// A file of the service, such as `events.db`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every event in the log's file, in the order of their positions.
    pub fn log(&self) -> Vec<StoredEvent> {
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let file = Connection::open_with_flags(self.file("events.db"), read_only);
        chained_events(&file.expect("the log's file")).expect("intact chains")
    }

    /// The events of one cart in the log's file.
    pub fn stored_events(&self, cart: &str) -> Vec<StoredEvent> {
        let mut events = self.log();
        events.retain(|event| event.stream == cart);
        events
    }

    /// The position of the last event in the log's file; 0 while it is empty.
    pub fn log_head(&self) -> u64 {
        self.log().last().map_or(0, |event| event.position)
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let outcome = running.end();
        if !std::thread::panicking() {
            outcome.expect("the service shuts down cleanly");
        }
    }
}

impl Running {
    fn end(self) -> Result<(), ServiceError> {
        // The receiver is gone if the service has failed; `join` returns why.
        let _ = self.stop.send(());
        self.thread.join().expect("the service does not panic")
    }
}
