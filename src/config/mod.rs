//! Settings from three sources, each overriding the one before: the built-in defaults
//! (`config.toml`), a file, and environment variables.

mod confidential;
mod effective;
mod hosts;
mod jetstream;
mod log;
mod nats;
mod optional;
mod orders;
mod origin;
mod paths;
mod sections;
mod sources;
#[cfg(test)]
mod tests;
mod traces;
mod webhooks;
mod witnesses;

pub use jetstream::JetStream;
pub use nats::Nats;
pub use orders::{Confirmation, Orders};
pub use sections::{
    Cache, CartLimits, Carts, CatalogueFiles, Checkout, Engine, Format, Insights, Level, Log,
    Logging, Postgres, Proof, Rates, Requests, Security, Server, Views,
};
pub use traces::Traces;
pub use webhooks::Webhook;
pub use witnesses::Witness;

use crate::cart::Limits;
use crate::proof;
use crate::web::{RateSettings, is_origin};
use origin::Source;
use serde::{Deserialize, Serialize};
use sources::Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use toml::Table;

/// The documented file is the defaults, so the two cannot disagree.
const DEFAULTS: &str = include_str!("../../config.toml");

/// An environment variable is a setting if it starts with `PREFIX` and contains [`SEPARATOR`].
const PREFIX: &str = "CARTLOG_";
const SEPARATOR: &str = "__";
/// So is this one, the list of all webhooks, which are in no section.
const WEBHOOKS: &str = "CARTLOG_WEBHOOKS";

/// The least length of a token, in characters.
const LEAST_TOKEN: usize = 16;
/// How many characters of a token must differ, not counting spaces.
const LEAST_DIFFERENT: usize = 6;

const TEN_YEARS_MINUTES: u64 = 10 * 365 * 24 * 60;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where each setting that is no default comes from, by its name.
    #[serde(skip)]
    sources: BTreeMap<String, Source>,
    pub server: Server,
    pub log: Log,
    pub views: Views,
    pub cache: Cache,
    pub catalogue: CatalogueFiles,
    pub limits: CartLimits,
    pub carts: Carts,
    pub checkout: Checkout,
    pub orders: Orders,
    pub rates: Rates,
    pub insights: Insights,
    pub security: Security,
    pub proof: Proof,
    pub(crate) webhooks: Vec<Webhook>,
    pub nats: Nats,
    pub logging: Logging,
    pub traces: Traces,
}

/// An invalid setting, in one line: the source, the key, its value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", in_one_line(.0))]
pub struct ConfigError(String);

/// Names and values quoted from the environment may contain line feeds.
fn in_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// A value outside of what its key allows.
struct Invalid {
    key: &'static str,
    problem: String,
}

impl Config {
    /// Reads the configuration. An explicit `file` must exist; without one, `config.toml` in the
    /// working directory is optional.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let usual = Path::new("config.toml");
        let file = file.or_else(|| usual.exists().then_some(usual));
        let text = match file {
            None => None,
            Some(path) => Some((
                path.display().to_string(),
                std::fs::read_to_string(path).map_err(|error| {
                    ConfigError(format!(
                        "cannot read configuration {}: {error}",
                        path.display()
                    ))
                })?,
            )),
        };
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if (name.starts_with(PREFIX) && name.contains(SEPARATOR)) || name == WEBHOOKS {
                let value = value
                    .into_string()
                    .map_err(|_| ConfigError(format!("{name} must be UTF-8 text")))?;
                environment.push((name.to_owned(), value));
            }
        }
        Self::from_sources(text, environment)
    }

    /// Merges the defaults, a file (name and text) and environment variables.
    pub fn from_sources(
        file: Option<(String, String)>,
        environment: Vec<(String, String)>,
    ) -> Result<Config, ConfigError> {
        let defaults: Table = DEFAULTS.parse().expect("the built-in defaults are TOML");
        let mut settings = Settings::new(defaults);
        if let Some((name, text)) = file {
            let table: Table = text.parse().map_err(|error: toml::de::Error| {
                let before = &text[..error.span().map_or(0, |span| span.start)];
                ConfigError(format!(
                    "{name}, line {}: cannot parse TOML: {}",
                    1 + before.matches('\n').count(),
                    error.message()
                ))
            })?;
            settings.overlay(table, &name)?;
        }
        for (name, value) in environment {
            settings.override_one(&name, &value)?;
        }
        let mut config: Config = serde_path_to_error::deserialize(settings.to_value())
            .map_err(|error| settings.type_error(&error))?;
        config
            .validate()
            .map_err(|invalid| settings.error(invalid.key, &invalid.problem))?;
        config.sources = settings.into_sources();
        Ok(config)
    }

    /// Checks the rules that the types alone do not express.
    fn validate(&self) -> Result<(), Invalid> {
        paths::validate(self)?;
        self.validate_ranges()?;
        self.validate_origin()?;
        self.validate_witnesses()?;
        self.validate_shared_log()?;
        self.validate_hosts()?;
        self.validate_allowed_origins()?;
        self.validate_webhooks()?;
        self.validate_nats()?;
        self.validate_traces()?;
        self.validate_orders()?;
        self.validate_demo_mode()
    }

    fn validate_origin(&self) -> Result<(), Invalid> {
        let origin = &self.proof.origin;
        if origin.is_empty() || proof::is_name(origin) {
            return Ok(());
        }
        let problem = format!("= \"{origin}\" must have no spaces, control characters and \"+\"");
        Err(Invalid {
            key: "proof.origin",
            problem,
        })
    }

    /// Every entry can match a request, and there is one.
    fn validate_hosts(&self) -> Result<(), Invalid> {
        let key = "server.hosts";
        if self.server.hosts.is_empty() {
            let problem = "= [] would match no host; list the names of the service, or \"*\" for \
                           any host"
                .to_owned();
            return Err(Invalid { key, problem });
        }
        for host in &self.server.hosts {
            if let Some(reason) = hosts::problem(host) {
                let problem = format!("has \"{host}\", which {reason}");
                return Err(Invalid { key, problem });
            }
        }
        Ok(())
    }

    /// Every entry is an origin as browsers send it, since they are compared as texts.
    fn validate_allowed_origins(&self) -> Result<(), Invalid> {
        let origins = &self.server.allowed_origins;
        let Some(origin) = origins.iter().find(|origin| !is_origin(origin)) else {
            return Ok(());
        };
        Err(Invalid {
            key: "server.allowed_origins",
            problem: format!(
                "has \"{origin}\", which can never match; write scheme, host in lower case and a \
                 port that is not the usual one, without a path, such as \
                 \"https://shop.example\""
            ),
        })
    }

    /// Without an operator token everyone is the operator, so only this machine may reach the
    /// service: directly, and under a local name.
    fn validate_demo_mode(&self) -> Result<(), Invalid> {
        let Server {
            bind,
            https,
            behind_proxy,
            hosts,
            ..
        } = &self.server;
        let token = self.security.operator_token.text();
        if !token.is_empty() {
            return validate_token(token);
        }
        let public = hosts.iter().find(|host| !hosts::is_local(host));
        let (key, found) = if !bind.ip().is_loopback() {
            let found = format!("= \"{bind}\" must be a loopback address, such as 127.0.0.1:8080,");
            ("server.bind", found)
        } else if *https {
            ("server.https", "= true must be false".to_owned())
        } else if *behind_proxy {
            ("server.behind_proxy", "= true must be false".to_owned())
        } else if let Some(host) = public {
            let found = format!("has \"{host}\", and must have only local names");
            ("server.hosts", found)
        } else {
            return Ok(());
        };
        let problem = format!(
            "{found} while security.operator_token is empty: in demo mode the operator's routes \
             are open to all; set a token"
        );
        Err(Invalid { key, problem })
    }

    fn validate_ranges(&self) -> Result<(), Invalid> {
        let Config {
            server,
            log,
            cache,
            limits,
            rates,
            ..
        } = self;
        let most = Limits::MOST;
        let ranges: [(&'static str, u64, RangeInclusive<u64>); 21] = [
            ("server.workers", server.workers as u64, 0..=256),
            ("server.shutdown_seconds", server.shutdown_seconds, 1..=60),
            (
                "server.connections",
                server.connections as u64,
                1..=1_000_000,
            ),
            (
                "server.connections_per_client",
                server.connections_per_client as u64,
                1..=1_000_000,
            ),
            ("server.stalled_seconds", server.stalled_seconds, 1..=600),
            (
                "server.live_streams",
                server.live_streams as u64,
                1..=1_000_000,
            ),
            (
                "server.live_streams_per_client",
                server.live_streams_per_client as u64,
                1..=1_000_000,
            ),
            ("log.queue", log.queue as u64, 1..=1_000_000),
            ("log.group", log.group as u64, 1..=100_000),
            (
                "log.checkpoint_pages",
                log.checkpoint_pages.into(),
                100..=1_000_000,
            ),
            ("cache.commands_mib", cache.commands_mib, 1..=65_536),
            ("cache.views_mib", cache.views_mib, 1..=65_536),
            ("limits.lines", limits.lines as u64, 1..=most.lines as u64),
            ("limits.units", limits.units.into(), 1..=most.units.into()),
            ("limits.events", limits.events, 3..=most.events),
            (
                "rates.opens_per_minute",
                rates.opens_per_minute.into(),
                0..=1_000_000_000,
            ),
            (
                "rates.commands_per_minute",
                rates.commands_per_minute.into(),
                0..=1_000_000_000,
            ),
            (
                "rates.reads_per_minute",
                rates.reads_per_minute.into(),
                0..=1_000_000_000,
            ),
            (
                "carts.expire_after_minutes",
                self.carts.expire_after_minutes,
                0..=TEN_YEARS_MINUTES,
            ),
            (
                "orders.reserve_within_seconds",
                self.orders.reserve_within_seconds,
                1..=TEN_YEARS_MINUTES * 60,
            ),
            (
                "insights.abandoned_after_minutes",
                self.insights.abandoned_after_minutes,
                0..=TEN_YEARS_MINUTES,
            ),
        ];
        for (key, value, allowed) in ranges.into_iter().chain(self.shared_log_ranges()) {
            if !allowed.contains(&value) {
                let (least, most) = (allowed.start(), allowed.end());
                let problem = format!("= {value} must be from {least} to {most}");
                return Err(Invalid { key, problem });
            }
        }
        Ok(())
    }

    pub fn rate_settings(&self) -> RateSettings {
        RateSettings {
            opens_per_minute: self.rates.opens_per_minute,
            commands_per_minute: self.rates.commands_per_minute,
            reads_per_minute: self.rates.reads_per_minute,
            limit_loopback: self.rates.loopback,
            behind_proxy: self.server.behind_proxy,
        }
    }
}

/// An operator token must not be found by trying.
/// Whether clients cannot guess `token`, as far as that can be seen from it.
fn is_hard_to_guess(token: &str) -> bool {
    let symbols = token.chars().filter(|symbol| !symbol.is_whitespace());
    let different: BTreeSet<char> = symbols.collect();
    token.chars().count() >= LEAST_TOKEN && different.len() >= LEAST_DIFFERENT
}

fn validate_token(token: &str) -> Result<(), Invalid> {
    if is_hard_to_guess(token) {
        return Ok(());
    }
    Err(Invalid {
        key: "security.operator_token",
        problem: format!(
            "must have at least {LEAST_TOKEN} characters, {LEAST_DIFFERENT} of them different, \
             because a client that guesses it is the operator; generate one, for example by \
             `openssl rand -hex 16`, or leave it empty for demo mode"
        ),
    })
}
