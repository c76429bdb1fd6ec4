//! What the test crates and benchmarks of cartlog share.
//!
//! - [`app`] starts a service inside the test, [`process`] starts the program as an operator does.
//! - [`api`] is the HTTP client of both: requests, checked answers, carts, event streams.
//! - [`disk`] is a disk whose power can be cut.
//! - [`load`] drives a service with shoppers and records what was acknowledged to them.
//! - [`log_file`] reads and verifies the log without the code of the service.
//! - [`promises`] generates the tables of the documents from the doc comments of the tests.
//! - [`receiver`] is a receiver of webhooks on a real socket.
//! - [`shop`] fills a log with random carts without any HTTP.
//! - [`memory_log`] is an engine in memory that keeps the contract of the log.
//! - [`log_settings`] leads a node to a log of any engine.
//! - [`orders`] waits for the orders of checkouts.
//! - [`nats`] runs real NATS servers that replicate.
//! - [`postgres`] runs real PostgreSQL servers that replicate, and nodes of a log in them.
//! - [`flawed_sequencer`] breaks a promise of such a log.
//! - [`tampering`] alters a log as an attacker would.
//! - [`tree_oracle`] is a Merkle tree and a check of signed notes by another implementation.
//! - [`seed`] makes random cases repeatable, [`wall_clock`] shifts the clock of a program.

pub mod api;
pub mod app;
pub mod disk;
pub mod flawed_sequencer;
pub mod load;
pub mod log_file;
pub mod log_settings;
pub mod memory_log;
pub mod nats;
pub mod orders;
pub mod postgres;
pub mod process;
pub mod promises;
pub mod receiver;
pub mod seed;
pub mod shared_memory;
pub mod shop;
pub mod tampering;
pub mod tree_oracle;
pub mod wall_clock;

pub use api::{Answer, ApiClient, Ask, CartClient, read_answer, text};
pub use app::TestApp;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// After this long a test has failed. A bound on waiting, never a way to wait.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A loopback port where nothing listens, another one for each call.
pub fn free_port() -> u16 {
    // The system may name a port again, since nothing listens there yet.
    static NAMED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut named = NAMED.lock().expect("no panic");
    let mut others = Vec::new();
    loop {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("a bound address").port();
        if named.insert(port) {
            return port;
        }
        others.push(free);
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is two folders deep").to_owned()
}
