//! The metrics of a node's replica.

use super::progress::Progress;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntGauge};
use std::sync::Arc;

/// Reads the progress of the replica whenever the metrics are collected.
pub(super) struct ReplicaGauges {
    progress: Arc<Progress>,
    applied: IntGauge,
    lag_commits: IntGauge,
    lag_seconds: Gauge,
    stopped: IntGauge,
}

impl ReplicaGauges {
    pub(super) fn of(progress: Arc<Progress>) -> ReplicaGauges {
        let gauge = |name, help| IntGauge::new(name, help).expect(VALID);
        ReplicaGauges {
            progress,
            applied: gauge(
                "cartlog_replica_commits",
                "How many commits of the shared log this node's replica has.",
            ),
            lag_commits: gauge(
                "cartlog_replica_lag_commits",
                "How many commits the shared log is known to have beyond this node's replica.",
            ),
            lag_seconds: Gauge::new(
                "cartlog_replica_lag_seconds",
                "For how long this node's replica may have lacked something; 0 while it is known \
                 to be complete.",
            )
            .expect(VALID),
            stopped: gauge(
                "cartlog_replica_stopped",
                "1 while the replica does not follow because an entry of the shared log does not \
                 continue it.",
            ),
        }
    }
}

const VALID: &str = "a name of letters and underscores";

impl Collector for ReplicaGauges {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = [&self.applied, &self.lag_commits, &self.stopped];
        let integers = gauges.into_iter().flat_map(Collector::desc);
        integers.chain(self.lag_seconds.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (commits, lag) = self.progress.lag();
        let applied = self.progress.checkpoint().sequence;
        self.applied.set(i64::try_from(applied).unwrap_or(i64::MAX));
        self.lag_commits
            .set(i64::try_from(commits).unwrap_or(i64::MAX));
        self.lag_seconds.set(lag.as_secs_f64());
        self.stopped.set(self.progress.stopped().is_some().into());
        let gauges = [&self.applied, &self.lag_commits, &self.stopped];
        let integers = gauges.into_iter().flat_map(Collector::collect);
        integers.chain(self.lag_seconds.collect()).collect()
    }
}
