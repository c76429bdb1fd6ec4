//! The metrics of the mirror.

use super::status::MirrorStatus;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntCounter, IntGauge};
use tokio::sync::watch;

const VALID: &str = "a name of letters and underscores";

/// The metrics of the mirror, computed whenever they are collected.
pub struct MirrorMetrics {
    status: watch::Receiver<MirrorStatus>,
    position: IntGauge,
    oldest: Gauge,
    failures: IntCounter,
}

impl MirrorMetrics {
    /// The metrics of the mirror whose status is `status`.
    pub fn of(status: watch::Receiver<MirrorStatus>) -> MirrorMetrics {
        MirrorMetrics {
            status,
            position: IntGauge::new(
                "cartlog_nats_mirrored_position",
                "Up to this position the NATS stream is known to have the log.",
            )
            .expect(VALID),
            oldest: Gauge::new(
                "cartlog_nats_oldest_unmirrored_seconds",
                "Age of the oldest event that the NATS stream is not known to have; 0 without one.",
            )
            .expect(VALID),
            failures: IntCounter::new(
                "cartlog_nats_failures_total",
                "Number of attempts to mirror the log that failed at the NATS servers or at a \
                 stream that is refused.",
            )
            .expect(VALID),
        }
    }

    /// Counts failures.
    pub fn failures(&self) -> IntCounter {
        self.failures.clone()
    }
}

impl Collector for MirrorMetrics {
    fn desc(&self) -> Vec<&Desc> {
        let position = self.position.desc().into_iter();
        position
            .chain(self.oldest.desc())
            .chain(self.failures.desc())
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = self.status.borrow().clone();
        let position = status.position.map_or(0, |position| position.0);
        self.position
            .set(i64::try_from(position).unwrap_or(i64::MAX));
        self.oldest.set(status.lag().as_secs_f64());
        let position = self.position.collect().into_iter();
        position
            .chain(self.oldest.collect())
            .chain(self.failures.collect())
            .collect()
    }
}
