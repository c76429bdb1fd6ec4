//! What can be set, and where it is read from: the defaults (`config.toml` as it was built in), a
//! file, the environment, each over the one before.

use crate::cart::Limits;
use crate::log::sqlite::{Durability, SqliteLogSettings};
use crate::web::RateSettings;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// The defaults are the documented file itself, so that neither can be wrong about the other.
const DEFAULTS: &str = include_str!("../config.toml");

/// Names in the environment that begin like this and hold [`SEPARATOR`] are settings.
const PREFIX: &str = "CARTLOG_";
const SEPARATOR: &str = "__";

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub log: Log,
    pub views: Views,
    pub cache: Cache,
    pub catalogue: CatalogueFiles,
    pub limits: CartLimits,
    pub carts: Carts,
    pub rates: Rates,
    pub insights: Insights,
    pub security: Security,
    pub logging: Logging,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub bind: SocketAddr,
    /// Threads that serve requests; 0 for one a core.
    pub workers: usize,
    pub hosts: Vec<String>,
    pub https: bool,
    pub shutdown_seconds: u64,
    /// Whether the client's address stands in `X-Forwarded-For`.
    pub behind_proxy: bool,
    pub connections: usize,
    pub stalled_seconds: u64,
    pub live_streams: usize,
    pub live_streams_per_client: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub path: PathBuf,
    pub durability: Durability,
    pub queue: usize,
    pub group: usize,
    pub checkpoint_pages: u32,
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
    products: PathBuf,
    promotions: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartLimits {
    lines: usize,
    units: u32,
    events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carts {
    /// How long nothing may happen in an open cart before it expires; 0 for ever.
    expire_after_minutes: u64,
}

/// What one client may send in a minute; 0 for any number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    opens_per_minute: u32,
    commands_per_minute: u32,
    loopback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insights {
    abandoned_after_minutes: u64,
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

/// Which requests get a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requests {
    All,
    /// Those that failed through no fault of the client.
    Failed,
}

/// What is wrong with a setting: one line that names it, its value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", in_one_line(.0))]
pub struct ConfigError(String);

/// A name or a value in the environment may hold a line feed, which an error quotes.
fn in_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

impl Config {
    /// Reads the configuration. A `file` that was asked for must be there; without one,
    /// `config.toml` in the working directory is taken if it is there.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let usual = Path::new("config.toml");
        let file = file.or_else(|| usual.exists().then_some(usual));
        let text = match file {
            None => None,
            Some(path) => Some((
                path.display().to_string(),
                std::fs::read_to_string(path).map_err(|error| {
                    ConfigError(format!("{} cannot be read: {error}", path.display()))
                })?,
            )),
        };
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(PREFIX) && name.contains(SEPARATOR) {
                let value = value.into_string().map_err(|_| {
                    ConfigError(format!("{name} is not UTF-8 text, which every setting is"))
                })?;
                environment.push((name.to_owned(), value));
            }
        }
        Self::from_sources(text, environment)
    }

    /// The defaults, under a file's name and text, under pairs of the environment.
    pub fn from_sources(
        file: Option<(String, String)>,
        environment: Vec<(String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut settings: Table = DEFAULTS
            .parse()
            .expect("the built-in configuration is TOML");
        if let Some((name, text)) = file {
            let table: Table = text.parse().map_err(|error: toml::de::Error| {
                let before = &text[..error.span().map_or(0, |span| span.start)];
                ConfigError(format!(
                    "{name}, line {}: {}",
                    1 + before.matches('\n').count(),
                    error.message().replace('\n', " ")
                ))
            })?;
            overlay(&mut settings, table, &name)?;
        }
        for (name, value) in environment {
            override_one(&mut settings, &name, &value)?;
        }
        let config: Config = serde_path_to_error::deserialize(Value::Table(settings.clone()))
            .map_err(|error| {
                let key = error.path().to_string();
                let reason = error.inner().message().trim().replace('\n', " ");
                ConfigError(match look_up(&settings, &key) {
                    Some(value) => format!("{key} = {value} is not allowed: {reason}"),
                    None => format!("{key}: {reason}"),
                })
            })?;
        config.check()?;
        Ok(config)
    }

    /// What the types alone do not say.
    fn check(&self) -> Result<(), ConfigError> {
        within("server.workers", self.server.workers, 0..=256)?;
        within(
            "server.shutdown_seconds",
            self.server.shutdown_seconds,
            1..=60,
        )?;
        within("server.connections", self.server.connections, 1..=1_000_000)?;
        within(
            "server.stalled_seconds",
            self.server.stalled_seconds,
            1..=600,
        )?;
        within(
            "server.live_streams",
            self.server.live_streams,
            1..=1_000_000,
        )?;
        within(
            "server.live_streams_per_client",
            self.server.live_streams_per_client,
            1..=1_000_000,
        )?;
        within("log.queue", self.log.queue, 1..=1_000_000)?;
        within("log.group", self.log.group, 1..=100_000)?;
        within(
            "log.checkpoint_pages",
            self.log.checkpoint_pages,
            100..=1_000_000,
        )?;
        within("cache.commands_mib", self.cache.commands_mib, 1..=65_536)?;
        within("cache.views_mib", self.cache.views_mib, 1..=65_536)?;
        within("limits.lines", self.limits.lines, 1..=Limits::MOST.lines)?;
        within("limits.units", self.limits.units, 1..=Limits::MOST.units)?;
        within("limits.events", self.limits.events, 3..=Limits::MOST.events)?;
        within(
            "rates.opens_per_minute",
            self.rates.opens_per_minute,
            0..=1_000_000_000,
        )?;
        within(
            "rates.commands_per_minute",
            self.rates.commands_per_minute,
            0..=1_000_000_000,
        )?;
        within(
            "carts.expire_after_minutes",
            self.carts.expire_after_minutes,
            0..=10 * 365 * 24 * 60,
        )?;
        within(
            "insights.abandoned_after_minutes",
            self.insights.abandoned_after_minutes,
            0..=10 * 365 * 24 * 60,
        )?;
        let bind = self.server.bind;
        if self.security.operator_token.is_empty() && !bind.ip().is_loopback() {
            return Err(ConfigError(format!(
                "server.bind = \"{bind}\" is not allowed without security.operator_token: in demo \
                 mode the operator's routes are open, so only loopback (such as 127.0.0.1:8080) is"
            )));
        }
        Ok(())
    }

    pub fn rate_settings(&self) -> RateSettings {
        RateSettings {
            opens_per_minute: self.rates.opens_per_minute,
            commands_per_minute: self.rates.commands_per_minute,
            limit_loopback: self.rates.loopback,
            behind_proxy: self.server.behind_proxy,
        }
    }

    pub fn log_settings(&self) -> SqliteLogSettings {
        SqliteLogSettings {
            path: self.log.path.clone(),
            queue: self.log.queue,
            group: self.log.group,
            checkpoint_pages: self.log.checkpoint_pages,
            durability: self.log.durability,
        }
    }
}

impl Server {
    /// Where a client on this machine finds the service: on loopback, if it listens everywhere.
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
    /// How long nothing may happen in an open cart; `None` if carts never expire.
    pub fn idle_time(&self) -> Option<Duration> {
        let minutes = self.expire_after_minutes;
        (minutes > 0).then(|| Duration::from_secs(minutes * 60))
    }
}

impl Insights {
    /// After how long without an event an open cart counts as abandoned.
    pub fn abandoned_after(&self) -> Duration {
        Duration::from_secs(self.abandoned_after_minutes * 60)
    }
}

impl CatalogueFiles {
    pub fn products(&self) -> Option<&Path> {
        named(&self.products)
    }

    pub fn promotions(&self) -> Option<&Path> {
        named(&self.promotions)
    }
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Security")
            .field("secret_path", &self.secret_path)
            .finish_non_exhaustive()
    }
}

fn named(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}

fn within<T: PartialOrd + std::fmt::Display + Copy>(
    key: &str,
    value: T,
    allowed: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(ConfigError(format!(
        "{key} = {value} is not allowed: {} to {} is",
        allowed.start(),
        allowed.end()
    )))
}

/// Puts the settings of `table` over those of `settings`, which holds every key that there is.
fn overlay(settings: &mut Table, table: Table, file: &str) -> Result<(), ConfigError> {
    for (section, value) in table {
        let Some(Value::Table(known)) = settings.get_mut(&section) else {
            return Err(unknown(file, &section, settings));
        };
        let Value::Table(values) = value else {
            return Err(ConfigError(format!(
                "{file}: {section} = {value} is not allowed: [{section}] is a section"
            )));
        };
        for (key, value) in values {
            if !known.contains_key(&key) {
                return Err(unknown(file, &format!("{section}.{key}"), known));
            }
            known.insert(key, value);
        }
    }
    Ok(())
}

/// Puts one value of the environment over the setting that its name stands for.
fn override_one(settings: &mut Table, name: &str, text: &str) -> Result<(), ConfigError> {
    let path = name.trim_start_matches(PREFIX).to_lowercase();
    let (section, key) = path.split_once(SEPARATOR).unwrap_or((&path, ""));
    let Some(Value::Table(known)) = settings.get_mut(section) else {
        return Err(unknown(name, section, settings));
    };
    let Some(default) = known.get(key) else {
        return Err(unknown(name, &format!("{section}.{key}"), known));
    };
    let value = match default {
        Value::String(_) => Value::String(text.to_owned()),
        _ => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_owned())),
    };
    known.insert(key.to_owned(), value);
    Ok(())
}

fn unknown(source: &str, key: &str, known: &Table) -> ConfigError {
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    ConfigError(format!(
        "{source}: {key} is no setting: {} are",
        known.join(", ")
    ))
}

fn look_up<'a>(settings: &'a Table, key: &str) -> Option<&'a Value> {
    let (section, key) = key.split_once('.')?;
    let key = key.split(['[', '.']).next()?;
    settings.get(section)?.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        Config::from_sources(Some(("my.toml".into(), text.into())), Vec::new())
    }

    fn from_environment(name: &str, value: &str) -> Result<Config, ConfigError> {
        Config::from_sources(None, vec![(name.into(), value.into())])
    }

    #[test]
    fn the_documented_file_is_the_defaults() {
        let defaults = Config::from_sources(None, Vec::new()).unwrap();
        assert_eq!(from_file(DEFAULTS).unwrap(), defaults);
        assert_eq!(defaults.limits.limits(), Limits::MOST);
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let file = from_file("[server]\nworkers = 3\n").unwrap();
        assert_eq!(file.server.workers, 3);
        let both = Config::from_sources(
            Some(("my.toml".into(), "[server]\nworkers = 3\n".into())),
            vec![
                ("CARTLOG_SERVER__WORKERS".into(), "4".into()),
                ("CARTLOG_SERVER__BIND".into(), "[::1]:0".into()),
                ("CARTLOG_SERVER__HOSTS".into(), "[\"shop.test\"]".into()),
            ],
        )
        .unwrap();
        assert_eq!(both.server.workers, 4);
        assert_eq!(both.server.bind.to_string(), "[::1]:0");
        assert_eq!(both.server.hosts, ["shop.test"]);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_key_value_and_what_is_allowed() {
        for (text, parts) in [
            (
                "[server]\nbindd = 1\n",
                vec!["server.bindd", "bind, ", "my.toml"],
            ),
            ("[srv]\n", vec!["srv", "server"]),
            ("server = 1\n", vec!["server = 1", "section"]),
            (
                "[server]\nbind = \"here\"\n",
                vec!["server.bind = \"here\"", "socket address"],
            ),
            (
                "[server]\nworkers = \"two\"\n",
                vec!["server.workers = \"two\""],
            ),
            (
                "[server]\nworkers = 257\n",
                vec!["server.workers = 257", "0 to 256"],
            ),
            (
                "[log]\ndurability = \"hope\"\n",
                vec!["log.durability = \"hope\"", "power"],
            ),
            (
                "[limits]\nlines = 101\n",
                vec!["limits.lines = 101", "1 to 100"],
            ),
            (
                "[server]\nbind = \"0.0.0.0:80\"\n",
                vec!["0.0.0.0:80", "operator_token", "loopback"],
            ),
            ("[server\n", vec!["my.toml, line 1"]),
        ] {
            let error = from_file(text).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
            for part in parts {
                assert!(error.contains(part), "{text}: {error} lacks {part}");
            }
        }
        for (name, value, part) in [
            ("CARTLOG_SERVER__BINDD", "1", "server.bindd"),
            ("CARTLOG_SRV__BIND", "1", "srv"),
            (
                "CARTLOG_SERVER__WORKERS",
                "many",
                "server.workers = \"many\"",
            ),
            ("CARTLOG_LOG__QUEUE", "0", "log.queue = 0"),
        ] {
            let error = from_environment(name, value).unwrap_err().to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
