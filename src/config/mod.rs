//! What can be set, and where it is read from: the defaults (`config.toml` as it was built in), a
//! file, the environment, each over the one before.

mod sections;
mod sources;
#[cfg(test)]
mod tests;

pub use sections::{
    Cache, CartLimits, Carts, CatalogueFiles, Format, Insights, Level, Log, Logging, Rates,
    Requests, Security, Server, Views,
};

use crate::cart::Limits;
use crate::log::sqlite::SqliteLogSettings;
use crate::web::RateSettings;
use serde::Deserialize;
use sources::{look_up, overlay, override_one};
use std::ops::RangeInclusive;
use std::path::Path;
use toml::{Table, Value};

/// The defaults are the documented file itself, so that neither can be wrong about the other.
const DEFAULTS: &str = include_str!("../../config.toml");

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
                    Some(value) if reason.ends_with("expected a sequence") => {
                        let text = value.to_string();
                        let one = text.trim_matches(['[', ']', '"']);
                        format!("{key} = {value} is not allowed: a list such as [\"{one}\"] is")
                    }
                    Some(value) => format!("{key} = {value} is not allowed: {reason}"),
                    None => format!("{key}: {reason}"),
                })
            })?;
        config.check()?;
        Ok(config)
    }

    /// What the types alone do not say.
    fn check(&self) -> Result<(), ConfigError> {
        for (key, path) in [
            ("log.path", &self.log.path),
            ("views.path", &self.views.path),
            ("security.secret_path", &self.security.secret_path),
        ] {
            if path.as_os_str().is_empty() {
                return Err(ConfigError(format!(
                    "{key} = \"\" is not allowed: the path of a file is"
                )));
            }
        }
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
