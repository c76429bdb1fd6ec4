//! The metrics of witnesses.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

const VALID: &str = "a name of letters and underscores";
const COSIGNED: &str = "cosigned";
const FAILED: &str = "failed";

/// Counts the requests to each witness.
pub(super) struct WitnessMeter {
    requests: IntCounterVec,
    events: IntGaugeVec,
}

impl WitnessMeter {
    /// The metrics of the witnesses called `names`.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> WitnessMeter {
        let requests = Opts::new(
            "cartlog_witness_requests_total",
            "Number of checkpoints that a witness was asked to cosign, by outcome.",
        );
        let events = Opts::new(
            "cartlog_witness_cosigned_events",
            "Number of events in the newest checkpoint that a witness has cosigned.",
        );
        let meter = WitnessMeter {
            requests: IntCounterVec::new(requests, &["witness", "outcome"]).expect(VALID),
            events: IntGaugeVec::new(events, &["witness"]).expect(VALID),
        };
        for name in names {
            // They exist before the first request, so that an alert sees a change.
            meter.requests.with_label_values(&[name, COSIGNED]);
            meter.requests.with_label_values(&[name, FAILED]);
            meter.events.with_label_values(&[name]);
        }
        meter
    }

    pub(super) fn cosigned(&self, name: &str, events: u64) {
        self.requests.with_label_values(&[name, COSIGNED]).inc();
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        self.events.with_label_values(&[name]).set(events);
    }

    pub(super) fn failed(&self, name: &str) {
        self.requests.with_label_values(&[name, FAILED]).inc();
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.events.clone()),
        ]
    }
}
