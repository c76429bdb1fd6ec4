//! The service that a test's browser looks at: the program itself, in a folder of its own.

use crate::chromium::PLAIN_NAME;
use cartlog_testkit::wall_clock::shift_wall_clock;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running program, until it is dropped.
pub struct Service {
    folder: TempDir,
    settings: Vec<(String, String)>,
    address: SocketAddr,
    /// The host name that the browser uses; `None` for the address.
    name: Option<&'static str>,
    child: Option<Child>,
}

impl Service {
    /// A service with the default settings, on a port that is free.
    pub fn start() -> Service {
        Service::start_with(&[])
    }

    /// A service with some settings of its own, named as in `config.toml`: `("limits.lines", "2")`.
    pub fn start_with(settings: &[(&str, &str)]) -> Service {
        let settings = settings
            .iter()
            .map(|(key, value)| (setting(key), (*value).to_owned()))
            .collect();
        let mut service = Service {
            folder: tempfile::tempdir().expect("a folder for the service's files"),
            settings,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            name: None,
            child: None,
        };
        service.start_again();
        service
    }

    /// The service under [`PLAIN_NAME`], which it must accept: its pages are no secure context.
    pub fn under_plain_name(mut self) -> Service {
        self.name = Some(PLAIN_NAME);
        self
    }

    /// Where its pages are, such as `http://127.0.0.1:41231`.
    pub fn origin(&self) -> String {
        match self.name {
            None => format!("http://{}", self.address),
            Some(name) => format!("http://{name}:{}", self.address.port()),
        }
    }

    /// Lets so many shoppers come and go, the same ones for the same seed.
    pub fn simulate(&self, carts: u32, seed: u32) {
        let (url, carts, seed) = (self.origin(), carts.to_string(), seed.to_string());
        let arguments = [
            "simulate", "--url", &url, "--carts", &carts, "--seed", &seed,
        ];
        let played = command(self.folder.path(), &arguments).output();
        let played = played.expect("the program runs");
        let stderr = String::from_utf8_lossy(&played.stderr);
        assert!(played.status.success(), "{stderr}");
    }

    /// Ends it as a loss of power would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the service runs");
        end(&mut child);
    }

    /// Starts it on its files, and at its address if it had one already.
    pub fn start_again(&mut self) {
        let serve = command(self.folder.path(), &["serve"]);
        self.run(serve);
    }

    /// The same, so many days later by its own clock.
    pub fn start_again_after(&mut self, days: u32) {
        let mut serve = command(self.folder.path(), &["serve"]);
        shift_wall_clock(&mut serve).env("FAKETIME", format!("+{days}d"));
        self.run(serve);
    }

    /// Ends it and starts it again with another price of a product, in minor units.
    pub fn start_again_with_price(&mut self, sku: &str, price: u32) {
        const PRODUCTS: &str = include_str!("../../src/catalogue/products.toml");
        let (before, product) = PRODUCTS
            .split_once(&format!("sku = \"{sku}\"\n"))
            .expect("a product of this sku");
        let (words, rest) = product.split_once("price = ").expect("its price");
        let (_, rest) = rest.split_once('\n').expect("a line each");
        let changed = format!("{before}sku = \"{sku}\"\n{words}price = {price}\n{rest}");
        self.start_again_with_products(&changed);
    }

    /// Ends it and starts it again with this file of products.
    pub fn start_again_with_products(&mut self, products: &str) {
        let file = self.file("products.toml");
        std::fs::write(&file, products).expect("the file of the products can be written");
        let file = file.to_str().expect("a path in UTF-8").to_owned();
        self.settings.push((setting("catalogue.products"), file));
        self.kill();
        self.start_again();
    }

    /// Suspends it until it is thawed: requests wait meanwhile.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("the service runs");
        let sent = Command::new("kill")
            .args([format!("-{name}"), child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success(), "{name}");
    }

    /// Where a file of its is, such as `data/views.db`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self, mut serve: Command) {
        let mut child = serve
            .env("CARTLOG_SERVER__BIND", self.address.to_string())
            .envs(self.settings.iter().cloned())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = child.stdout.take().expect("its output");
        self.child = Some(child);
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        // The last line that it prints at start.
        self.address = lines
            .find(|line| line.contains("the API"))
            .and_then(|line| {
                let address = line.split("http://").nth(1)?;
                address.split('/').next()?.parse().ok()
            })
            .expect("the program says where it serves");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// The program in `folder`, with nothing but this test's settings.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartlog"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARTLOG_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("CARTLOG_SERVER__WORKERS", "2")
        .env("CARTLOG_LOGGING__LEVEL", "error");
    command
}

/// `limits.lines` as the environment names it.
fn setting(key: &str) -> String {
    format!("CARTLOG_{}", key.to_uppercase().replace('.', "__"))
}

fn end(child: &mut Child) {
    // The process may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}
