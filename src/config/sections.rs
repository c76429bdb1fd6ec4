//! The sections of the configuration, named as in the file. `config.toml` documents each key.

use super::confidential::{Address, Confidential};
use super::jetstream::JetStream;
use super::optional::non_empty;
use super::witnesses::Witness;
use crate::cart::{Limits, WithdrawnAtCheckout};
use crate::log::Durability;
use crate::log::postgres::PostgresSettings;
use crate::proof::{KeySettings, SigningKey};
use crate::secret::{Secret, SecretSource};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub bind: SocketAddr,
    pub(super) node: String,
    /// HTTP worker threads; 0 for one per core.
    pub workers: usize,
    pub hosts: Vec<String>,
    pub allowed_origins: Vec<String>,
    pub https: bool,
    pub shutdown_seconds: u64,
    /// Whether to take the client's address from `X-Forwarded-For` or `Forwarded`.
    pub behind_proxy: bool,
    pub connections: usize,
    pub connections_per_client: usize,
    pub stalled_seconds: u64,
    pub live_streams: usize,
    pub live_streams_per_client: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub engine: Engine,
    pub path: PathBuf,
    pub(super) replica_path: PathBuf,
    pub durability: Durability,
    pub queue: usize,
    pub group: usize,
    pub checkpoint_pages: u32,
    pub(super) postgres: Postgres,
    pub(super) jetstream: JetStream,
}

/// The settings of a log in PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    pub(super) url: Address,
    pub(super) password_file: PathBuf,
    pub(super) listen_url: Address,
    pub(super) schema: String,
    pub(super) root_certificates: PathBuf,
    pub(super) connect_seconds: u64,
    pub(super) timeout_seconds: u64,
}

/// Which engine keeps the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Sqlite,
    Postgres,
    #[serde(rename = "jetstream")]
    JetStream,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    pub path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    pub commands_mib: u64,
    pub views_mib: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFiles {
    pub(super) products: PathBuf,
    pub(super) promotions: PathBuf,
    pub(super) pictures: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartLimits {
    pub(super) lines: usize,
    pub(super) units: u32,
    pub(super) events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carts {
    /// Idle time after which an open cart expires; 0 for never.
    pub(super) expire_after_minutes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    pub withdrawn: WithdrawnAtCheckout,
}

/// Rate limits per client; 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    pub(super) opens_per_minute: u32,
    pub(super) commands_per_minute: u32,
    pub(super) reads_per_minute: u32,
    pub loopback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insights {
    pub(super) abandoned_after_minutes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    pub operator_token: Confidential<String>,
    pub secret_path: PathBuf,
    pub(super) secret: Confidential<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub public: bool,
    pub(super) origin: String,
    pub key_path: PathBuf,
    pub(super) key: Confidential<SigningKey>,
    pub(super) witnesses: Vec<Witness>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    pub level: Level,
    pub format: Format,
    pub requests: Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Text,
    Json,
}

/// Which requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requests {
    All,
    /// Those answered with a 5xx status.
    Failed,
}

impl Log {
    /// The file of this node's copy of a shared log.
    pub fn replica_path(&self) -> PathBuf {
        match non_empty(&self.replica_path) {
            Some(path) => path.to_owned(),
            None => self.path.with_file_name("replica.db"),
        }
    }

    /// The file with the history of this node's jobs.
    pub fn jobs_path(&self) -> PathBuf {
        self.path.with_file_name("jobs.json")
    }

    /// The file with the state of webhooks.
    pub fn webhooks_path(&self) -> PathBuf {
        self.path.with_file_name("webhooks.db")
    }
}

impl Postgres {
    pub(super) fn settings(&self) -> PostgresSettings {
        PostgresSettings {
            url: self.url.as_str().to_owned(),
            password_file: non_empty(&self.password_file).map(ToOwned::to_owned),
            listen_url: (!self.listen_url.is_empty()).then(|| self.listen_url.as_str().to_owned()),
            schema: self.schema.clone(),
            root_certificates: non_empty(&self.root_certificates).map(ToOwned::to_owned),
            connect_timeout: Duration::from_secs(self.connect_seconds),
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }
}

impl Security {
    /// Where the secret comes from.
    pub fn secret_source(&self) -> SecretSource {
        match self.secret.get() {
            None => SecretSource::File(self.secret_path.clone()),
            Some(secret) => SecretSource::Setting(secret.clone()),
        }
    }
}

impl Proof {
    /// Where the signing key is, and the name of the log.
    pub fn key_settings(&self) -> KeySettings {
        KeySettings {
            path: self.key_path.clone(),
            origin: (!self.origin.is_empty()).then(|| self.origin.clone()),
            key: self.key.get().cloned(),
        }
    }
}

impl Server {
    /// The name of this node.
    pub fn node_name(&self) -> String {
        if !self.node.is_empty() {
            return self.node.clone();
        }
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    }

    /// The address for clients on this machine: loopback if the service binds to all addresses.
    pub fn reachable_at(&self) -> SocketAddr {
        let mut address = self.bind;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        address
    }
}

impl Cache {
    const MIB: u64 = 1024 * 1024;

    /// The size of the command handler's cache, in bytes.
    pub fn commands_bytes(&self) -> u64 {
        self.commands_mib * Self::MIB
    }

    /// The size of the views' cache, in bytes.
    pub fn views_bytes(&self) -> u64 {
        self.views_mib * Self::MIB
    }
}

impl CartLimits {
    pub fn limits(&self) -> Limits {
        Limits {
            lines: self.lines,
            units: self.units,
            events: self.events,
        }
    }
}

impl Carts {
    /// Idle time after which an open cart expires; `None` for never.
    pub fn idle_time(&self) -> Option<Duration> {
        let minutes = self.expire_after_minutes;
        (minutes > 0).then(|| Duration::from_secs(minutes * 60))
    }
}

impl Insights {
    /// Idle time after which an open cart counts as abandoned.
    pub fn abandoned_after(&self) -> Duration {
        Duration::from_secs(self.abandoned_after_minutes * 60)
    }
}

impl CatalogueFiles {
    pub fn products(&self) -> Option<&Path> {
        non_empty(&self.products)
    }

    pub fn promotions(&self) -> Option<&Path> {
        non_empty(&self.promotions)
    }

    pub fn pictures(&self) -> Option<&Path> {
        non_empty(&self.pictures)
    }
}
