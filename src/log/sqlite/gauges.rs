//! The engine's metrics: commits per group, time of each sync, and size of the log's files.

use crate::database_size::DatabaseSize;
use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, exponential_buckets};
use std::path::Path;
use std::time::Duration;

/// The metrics of one log.
#[derive(Debug)]
pub(super) struct Gauges {
    group: Histogram,
    sync: Histogram,
    size: DatabaseSize,
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
        let size = DatabaseSize::of("log", log);
        Gauges {
            group: Histogram::with_opts(group.buckets(buckets))
                .expect("a name of letters and underscores"),
            sync: Histogram::with_opts(sync.buckets(durations))
                .expect("a name of letters and underscores"),
            size: size.expect("a name of letters and underscores"),
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
