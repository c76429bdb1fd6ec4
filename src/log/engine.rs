//! The choice of an engine. Of the code above this module, only `config` names the engines.

use super::administration::{LogAdministration, OpenError};
use super::note_store::NoteStore;
use super::port::{EventLog, LogReader};
use super::shared::{SequencerConnector, SharedAdministration, SharedLog, SharedLogSettings};
use super::sqlite::{ReadOnlyLog, SqliteAdministration, SqliteLog, SqliteLogSettings};
use crate::background::Background;
use crate::files::follow_links;
use prometheus::core::Collector;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a commit may wait for those before it, where each is sent alone.
const IN_ORDER_WITHIN: Duration = Duration::from_mins(1);

/// Which engine keeps the log, and its settings.
#[derive(Debug, Clone)]
pub enum LogConfig {
    /// One file on this machine.
    Sqlite(SqliteLogSettings),
    /// A log that several nodes share, in the engine that the connector connects to.
    Shared(Arc<dyn SequencerConnector>, SharedLogSettings),
}

impl LogConfig {
    /// A log of its own in `folder`, such as one to check what is to be imported.
    pub fn in_folder(folder: &Path) -> LogConfig {
        LogConfig::Sqlite(SqliteLogSettings::at(folder.join("events.db")))
    }

    /// The same log, which writes commits in the order in which they are appended, even if it is
    /// slower. Without it only commits of one stream are in order.
    pub fn in_order(&self) -> LogConfig {
        match self {
            LogConfig::Shared(connector, settings) if !connector.keeps_order() => {
                let settings = SharedLogSettings {
                    group: 1,
                    settle_within: IN_ORDER_WITHIN,
                    ..settings.clone()
                };
                LogConfig::Shared(connector.clone(), settings)
            }
            config => config.clone(),
        }
    }

    /// The engine's name in the configuration.
    pub fn engine(&self) -> &'static str {
        match self {
            LogConfig::Sqlite(_) => "sqlite",
            LogConfig::Shared(connector, _) => connector.engine(),
        }
    }
}

/// A log that is open for reading and appending.
pub struct OpenLog {
    pub log: Arc<dyn EventLog>,
    pub administration: Arc<dyn LogAdministration>,
    /// Where nodes that share the log keep the checkpoint that was signed last; `None` if one
    /// process alone writes the log.
    pub notes: Option<Arc<dyn NoteStore>>,
    /// The engine's metrics, to be registered.
    pub gauges: Vec<Box<dyn Collector>>,
    /// The engine's thread. It ends after [`close`](super::LogWriter::close), or when the
    /// log must not be written to any more.
    pub worker: Background,
}

/// Opens the log, and creates it if it does not exist. A copy of a shared log may still be filled
/// afterwards ([`LogReader::wait_until_filled`]).
pub fn open(config: &LogConfig) -> Result<OpenLog, OpenError> {
    match config {
        LogConfig::Sqlite(settings) => {
            let settings = SqliteLogSettings {
                path: follow_links(&settings.path),
                ..settings.clone()
            };
            let (log, worker) = SqliteLog::open(&settings)?;
            Ok(OpenLog {
                gauges: log.gauges(),
                log,
                administration: administration(config),
                notes: None,
                worker,
            })
        }
        LogConfig::Shared(connector, settings) => {
            let (log, worker) = SharedLog::open(connector, &followed(settings))?;
            Ok(OpenLog {
                gauges: log.gauges(),
                notes: Some(log.clone()),
                log,
                administration: administration(config),
                worker,
            })
        }
    }
}

/// Opens an existing log for reading, also while another process has it open.
pub fn open_read_only(config: &LogConfig) -> Result<Arc<dyn LogReader>, OpenError> {
    match config {
        LogConfig::Sqlite(settings) => {
            let path = follow_links(&settings.path);
            Ok(Arc::new(ReadOnlyLog::open(&path)?))
        }
        LogConfig::Shared(connector, settings) => {
            let settings = followed(settings);
            SharedAdministration::new(connector.clone(), settings.clone()).update_replica()?;
            Ok(Arc::new(ReadOnlyLog::open(&settings.replica_path)?))
        }
    }
}

/// The administration of the log, which need not exist yet.
pub fn administration(config: &LogConfig) -> Arc<dyn LogAdministration> {
    match config {
        LogConfig::Sqlite(settings) => {
            Arc::new(SqliteAdministration::of(&follow_links(&settings.path)))
        }
        LogConfig::Shared(connector, settings) => Arc::new(SharedAdministration::new(
            connector.clone(),
            followed(settings),
        )),
    }
}

fn followed(settings: &SharedLogSettings) -> SharedLogSettings {
    SharedLogSettings {
        replica_path: follow_links(&settings.replica_path),
        ..settings.clone()
    }
}
