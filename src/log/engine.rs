//! The choice of an engine. Nothing above this room names one.

use super::administration::{LogAdministration, OpenError};
use super::port::{EventLog, LogReader};
use super::sqlite::{ReadOnlyLog, SqliteAdministration, SqliteLog, SqliteLogSettings};
use crate::background::Background;
use crate::files::follow_links;
use prometheus::core::Collector;
use std::sync::Arc;

/// Which engine keeps the log, and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogConfig {
    Sqlite(SqliteLogSettings),
}

/// A log that is open for reading and appending.
pub struct OpenLog {
    pub log: Arc<dyn EventLog>,
    pub administration: Arc<dyn LogAdministration>,
    /// The engine's metrics, to be registered.
    pub gauges: Vec<Box<dyn Collector>>,
    /// The engine's thread. It ends after [`close`](super::LogWriter::close), or when the
    /// log must not be written to any more.
    pub worker: Background,
}

/// Opens the log, and creates it if it does not exist.
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
    }
}

/// The administration of the log, which need not exist yet.
pub fn administration(config: &LogConfig) -> Arc<dyn LogAdministration> {
    match config {
        LogConfig::Sqlite(settings) => {
            Arc::new(SqliteAdministration::of(&follow_links(&settings.path)))
        }
    }
}
