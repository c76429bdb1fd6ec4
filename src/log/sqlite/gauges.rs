//! The engine's metrics: commits per group, time of each sync, and size of the log's files.

use crate::files::beside;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntGauge, exponential_buckets};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The metrics of one log.
#[derive(Debug)]
pub(super) struct Gauges {
    group: Histogram,
    sync: Histogram,
    size: Size,
}

impl Gauges {
    pub fn of(log: &Path) -> Gauges {
        let group = HistogramOpts::new(
            "cartlog_log_group_commits",
            "How many commits shared one transaction, and with it one sync of the disk.",
        );
        let buckets = exponential_buckets(1.0, 2.0, 11).expect("a first bucket above 0");
        let sync = HistogramOpts::new(
            "cartlog_log_sync_seconds",
            "Time to commit the transaction of a group, which syncs the disk.",
        );
        let durations = exponential_buckets(1e-4, 2.5, 14).expect("a first bucket above 0");
        let size = IntGauge::new(
            "cartlog_log_bytes",
            "The size of the log's file and of the write-ahead log beside it.",
        );
        Gauges {
            group: Histogram::with_opts(group.buckets(buckets))
                .expect("a name of letters and underscores"),
            sync: Histogram::with_opts(sync.buckets(durations))
                .expect("a name of letters and underscores"),
            size: Size {
                log: log.to_owned(),
                bytes: size.expect("a name of letters and underscores"),
            },
        }
    }

    /// A group of so many commits is written in one transaction.
    pub fn grouped(&self, commits: usize) {
        let commits = u32::try_from(commits).unwrap_or(u32::MAX);
        self.group.observe(commits.into());
    }

    /// A group was committed in this time.
    pub fn synced(&self, time: Duration) {
        self.sync.observe(time.as_secs_f64());
    }

    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.group.clone()),
            Box::new(self.sync.clone()),
            Box::new(self.size.clone()),
        ]
    }
}

/// The size of the log's files, read at each scrape.
#[derive(Debug, Clone)]
struct Size {
    log: PathBuf,
    bytes: IntGauge,
}

impl Collector for Size {
    fn desc(&self) -> Vec<&Desc> {
        self.bytes.desc()
    }

    /// Without a sample if the file cannot be read: no size is better than a wrong one.
    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(log) = std::fs::metadata(&self.log) else {
            return Vec::new();
        };
        // A closed log has no write-ahead log.
        let ahead = std::fs::metadata(beside(&self.log, "-wal")).map_or(0, |file| file.len());
        let bytes = log.len().saturating_add(ahead);
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.bytes.collect()
    }
}
