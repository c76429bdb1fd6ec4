//! The metrics of webhooks.

use crate::timestamp::Timestamp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

const VALID: &str = "a name of letters and underscores";

/// How an attempt ended, or what became of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Delivered,
    Failed,
    Parked,
    Dropped,
}

impl Counted {
    const ALL: [Counted; 4] = [
        Counted::Delivered,
        Counted::Failed,
        Counted::Parked,
        Counted::Dropped,
    ];

    fn label(self) -> &'static str {
        match self {
            Counted::Delivered => "delivered",
            Counted::Failed => "failed",
            Counted::Parked => "parked",
            Counted::Dropped => "dropped",
        }
    }
}

/// The metrics of one webhook.
#[derive(Debug)]
pub struct Meter {
    name: String,
    outcomes: IntCounterVec,
    /// The time of the oldest event that is not delivered; [`i64::MAX`] without one.
    oldest: AtomicI64,
    parked: AtomicUsize,
}

impl Meter {
    pub fn count(&self, what: Counted, number: usize) {
        let labels = [self.name.as_str(), what.label()];
        self.outcomes
            .with_label_values(&labels)
            .inc_by(number as u64);
    }

    pub fn set_oldest(&self, oldest: Option<Timestamp>) {
        let oldest = oldest.map_or(i64::MAX, Timestamp::millis);
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    pub fn set_parked(&self, carts: usize) {
        self.parked.store(carts, Ordering::Relaxed);
    }

    /// The age of the oldest event that is neither delivered nor parked; zero without one.
    pub fn lag(&self) -> Duration {
        let oldest = self.oldest.load(Ordering::Relaxed);
        let age = Timestamp::now().millis().saturating_sub(oldest).max(0);
        Duration::from_millis(age.unsigned_abs())
    }
}

/// The metrics of all webhooks, computed whenever they are collected.
pub struct Meters {
    webhooks: Vec<Arc<Meter>>,
    outcomes: IntCounterVec,
    lag: GaugeVec,
    parked: IntGaugeVec,
}

impl Meters {
    /// The metrics of the webhooks called `names`.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Meters {
        let outcomes = IntCounterVec::new(
            Opts::new(
                "cartlog_webhook_outcomes_total",
                "Number of attempts to deliver an event (delivered, failed), of carts parked and \
                 of events dropped.",
            ),
            &["webhook", "outcome"],
        )
        .expect(VALID);
        let meter = |name: &str| {
            for what in Counted::ALL {
                // A counter exists before it counts, so that an alert sees it rise from 0.
                outcomes.with_label_values(&[name, what.label()]);
            }
            Arc::new(Meter {
                name: name.to_owned(),
                outcomes: outcomes.clone(),
                oldest: AtomicI64::new(i64::MAX),
                parked: AtomicUsize::new(0),
            })
        };
        Meters {
            webhooks: names.map(meter).collect(),
            outcomes: outcomes.clone(),
            lag: GaugeVec::new(
                Opts::new(
                    "cartlog_webhook_oldest_undelivered_seconds",
                    "Age of the oldest event that is neither delivered nor parked; 0 without one.",
                ),
                &["webhook"],
            )
            .expect(VALID),
            parked: IntGaugeVec::new(
                Opts::new(
                    "cartlog_webhook_parked_carts",
                    "Number of carts whose deliveries wait for the operator.",
                ),
                &["webhook"],
            )
            .expect(VALID),
        }
    }

    pub fn meters(&self) -> &[Arc<Meter>] {
        &self.webhooks
    }
}

impl Collector for Meters {
    fn desc(&self) -> Vec<&Desc> {
        let counted = self.outcomes.desc().into_iter();
        counted
            .chain(self.lag.desc())
            .chain(self.parked.desc())
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for meter in &self.webhooks {
            let labels = [meter.name.as_str()];
            self.lag
                .with_label_values(&labels)
                .set(meter.lag().as_secs_f64());
            let parked = meter.parked.load(Ordering::Relaxed);
            let parked = i64::try_from(parked).unwrap_or(i64::MAX);
            self.parked.with_label_values(&labels).set(parked);
        }
        let counted = self.outcomes.collect().into_iter();
        counted
            .chain(self.lag.collect())
            .chain(self.parked.collect())
            .collect()
    }
}
