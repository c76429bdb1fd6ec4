//! The log's engine, chosen by the configuration.

use super::sections::Engine;
use super::{Config, Invalid};
use crate::log::jetstream::JetStreamConnector;
use crate::log::postgres::PostgresConnector;
use crate::log::shared::{SequencerConnector, SharedLogSettings};
use crate::log::{LogConfig, SqliteLogSettings};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The largest group of commits that is sent to a shared log.
const MOST_IN_SHARED_GROUP: usize = 256;

impl Config {
    /// The engine can be connected to.
    pub(super) fn validate_shared_log(&self) -> Result<(), Invalid> {
        let problem = match self.log.engine {
            Engine::Postgres if self.log.postgres.url.is_empty() => {
                let problem = "must not be empty with log.engine = \"postgres\"; expected \
                               postgres://user@host:port/database";
                Some(("log.postgres.url", problem.to_owned()))
            }
            Engine::JetStream => self.log.jetstream.contradiction(),
            Engine::Sqlite if self.proof.key.get().is_some() => {
                let problem = "must be empty with log.engine = \"sqlite\": write the key to the \
                               file at proof.key_path, beside the last checkpoint";
                Some(("proof.key", problem.to_owned()))
            }
            Engine::Sqlite | Engine::Postgres => None,
        };
        problem.map_or(Ok(()), |(key, problem)| Err(Invalid { key, problem }))
    }

    /// The numbers in the settings of a shared log: each with its key and what is allowed.
    pub(super) fn shared_log_ranges(&self) -> [(&'static str, u64, RangeInclusive<u64>); 5] {
        let (postgres, jetstream) = (&self.log.postgres, &self.log.jetstream);
        let replicas = jetstream.replicas as u64;
        [
            (
                "log.postgres.connect_seconds",
                postgres.connect_seconds,
                1..=600,
            ),
            (
                "log.postgres.timeout_seconds",
                postgres.timeout_seconds,
                // Longer than `append` waits for its lock, which then is a refusal.
                6..=600,
            ),
            ("log.jetstream.replicas", replicas, 1..=5),
            (
                "log.jetstream.connect_seconds",
                jetstream.connect_seconds,
                1..=600,
            ),
            (
                "log.jetstream.timeout_seconds",
                jetstream.timeout_seconds,
                1..=600,
            ),
        ]
    }

    /// The log's engine and its settings.
    pub fn log_config(&self) -> LogConfig {
        match self.log.engine {
            Engine::Sqlite => LogConfig::Sqlite(SqliteLogSettings {
                path: self.log.path.clone(),
                queue: self.log.queue,
                group: self.log.group,
                checkpoint_pages: self.log.checkpoint_pages,
                durability: self.log.durability,
            }),
            Engine::Postgres => self.shared(PostgresConnector::new(self.log.postgres.settings())),
            Engine::JetStream => {
                self.shared(JetStreamConnector::new(self.log.jetstream.settings()))
            }
        }
    }

    fn shared(&self, connector: impl SequencerConnector) -> LogConfig {
        LogConfig::Shared(
            Arc::new(connector),
            SharedLogSettings {
                queue: self.log.queue,
                group: self.log.group.min(MOST_IN_SHARED_GROUP),
                checkpoint_pages: self.log.checkpoint_pages,
                ..SharedLogSettings::at(self.log.replica_path())
            },
        )
    }
}
