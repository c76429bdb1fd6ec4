//! The sections of the configuration, named as in the file. `config.toml` documents each key.

use crate::cart::Limits;
use crate::log::Durability;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub bind: SocketAddr,
    /// HTTP worker threads; 0 for one per core.
    pub workers: usize,
    pub hosts: Vec<String>,
    pub https: bool,
    pub shutdown_seconds: u64,
    /// Whether to take the client's address from `X-Forwarded-For` or `Forwarded`.
    pub behind_proxy: bool,
    pub connections: usize,
    pub stalled_seconds: u64,
    pub live_streams: usize,
    pub live_streams_per_client: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub engine: Engine,
    pub path: PathBuf,
    pub durability: Durability,
    pub queue: usize,
    pub group: usize,
    pub checkpoint_pages: u32,
}

/// Which engine keeps the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Sqlite,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    pub path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    pub commands_mib: u64,
    pub views_mib: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFiles {
    pub(super) products: PathBuf,
    pub(super) promotions: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartLimits {
    pub(super) lines: usize,
    pub(super) units: u32,
    pub(super) events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carts {
    /// Idle time after which an open cart expires; 0 for never.
    pub(super) expire_after_minutes: u64,
}

/// Rate limits per client; 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    pub(super) opens_per_minute: u32,
    pub(super) commands_per_minute: u32,
    pub(super) loopback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insights {
    pub(super) abandoned_after_minutes: u64,
}

#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    pub operator_token: String,
    pub secret_path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    pub level: Level,
    pub format: Format,
    pub requests: Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Text,
    Json,
}

/// Which requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requests {
    All,
    /// Those answered with a 5xx status.
    Failed,
}

impl Server {
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
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Security")
            .field("secret_path", &self.secret_path)
            .finish_non_exhaustive()
    }
}

fn non_empty(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}
