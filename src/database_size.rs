//! The metrics of the size of an SQLite database.

use crate::files::{beside, follow_links};
use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use std::path::{Path, PathBuf};

/// The size of a database and of its write-ahead log, read whenever the metrics are collected.
#[derive(Debug, Clone)]
pub struct DatabaseSize {
    path: PathBuf,
    /// Of both files.
    whole: IntGauge,
    ahead: IntGauge,
}

impl DatabaseSize {
    /// The size of the database at `path`, as `cartlog_<name>_bytes` and
    /// `cartlog_<name>_wal_bytes`. `path` may be a link.
    pub fn of(name: &str, path: &Path) -> prometheus::Result<DatabaseSize> {
        let whole = format!("cartlog_{name}_bytes");
        let part = format!("part of {whole}");
        Ok(DatabaseSize {
            path: path.to_owned(),
            ahead: IntGauge::new(
                format!("cartlog_{name}_wal_bytes"),
                format!("The size of the write-ahead log beside the file of the {name}, {part}."),
            )?,
            whole: IntGauge::new(
                whole,
                format!("The size of the file of the {name} and of the write-ahead log beside it."),
            )?,
        })
    }
}

impl Collector for DatabaseSize {
    fn desc(&self) -> Vec<&Desc> {
        [&self.whole, &self.ahead]
            .into_iter()
            .flat_map(Collector::desc)
            .collect()
    }

    /// Without samples if the file cannot be read: no size is better than a wrong one.
    fn collect(&self) -> Vec<MetricFamily> {
        let file = follow_links(&self.path);
        let Ok(database) = std::fs::metadata(&file) else {
            return Vec::new();
        };
        // A closed database has no write-ahead log.
        let ahead = std::fs::metadata(beside(&file, "-wal")).map_or(0, |file| file.len());
        let bytes = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.ahead.set(bytes(ahead));
        self.whole.set(bytes(database.len().saturating_add(ahead)));
        [&self.whole, &self.ahead]
            .into_iter()
            .flat_map(Collector::collect)
            .collect()
    }
}
