//! Metrics of commands: counts by kind and outcome, and durations.
//!
//! The counters of every kind exist from the start and are found by comparing short names, so a
//! command costs a few atomic additions: no lock, no allocation, no lookup by label.

use super::{CommandError, Handled, Timings};
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, exponential_buckets,
};
use std::sync::Arc;

/// The outcome of a command, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Written,
    Unchanged,
    Replayed,
    Refused,
    NotFound,
    VersionMismatch,
    KeyReused,
    Overloaded,
    NotWritten,
    Unknown,
    Unreadable,
    /// The future was dropped: the command may have been written or not.
    Abandoned,
}

impl Outcome {
    /// The label of each outcome, in declaration order.
    const NAMES: [&'static str; 12] = [
        "written",
        "unchanged",
        "replayed",
        "refused",
        "not_found",
        "version_mismatch",
        "key_reused",
        "overloaded",
        "not_written",
        "unknown",
        "unreadable",
        "abandoned",
    ];

    fn of<S, R: std::error::Error>(handled: &Result<Handled<S>, CommandError<R>>) -> Outcome {
        match handled {
            Ok(handled) if handled.replayed => Outcome::Replayed,
            Ok(handled) if handled.position.is_none() => Outcome::Unchanged,
            Ok(_) => Outcome::Written,
            Err(CommandError::Refused(_)) => Outcome::Refused,
            Err(CommandError::NotFound) => Outcome::NotFound,
            Err(CommandError::VersionMismatch { .. }) => Outcome::VersionMismatch,
            Err(CommandError::KeyReused) => Outcome::KeyReused,
            Err(CommandError::Overloaded) => Outcome::Overloaded,
            Err(CommandError::NotWritten(_)) => Outcome::NotWritten,
            Err(CommandError::Unknown(_)) => Outcome::Unknown,
            Err(CommandError::History(_)) => Outcome::Unreadable,
        }
    }
}

/// The counters of one kind of commands, by outcome.
type ByOutcome = [IntCounter; Outcome::NAMES.len()];

/// Counts the commands of one model.
#[derive(Debug, Clone)]
pub struct Meter {
    kinds: Arc<[(&'static str, ByOutcome)]>,
    /// Commands of a kind that the meter was not built with.
    other: ByOutcome,
    commands: IntCounterVec,
    conflicts: IntCounter,
    decide: Histogram,
    append: Histogram,
}

impl Meter {
    /// A meter for the commands named `kinds`.
    pub fn of(kinds: &[&'static str]) -> Meter {
        let commands = IntCounterVec::new(
            Opts::new(
                "cartlog_commands_total",
                "Commands by kind and outcome; replayed: repeated under its idempotency key.",
            ),
            &["command", "outcome"],
        )
        .expect("names of letters and underscores");
        let of_kind = |kind| Outcome::NAMES.map(|name| commands.with_label_values(&[kind, name]));
        let conflicts = IntCounter::new(
            "cartlog_conflicts_retried_total",
            "Retries after a command lost the race for its stream's next version.",
        );
        Meter {
            kinds: kinds.iter().map(|kind| (*kind, of_kind(kind))).collect(),
            other: of_kind("other"),
            conflicts: conflicts.expect("a name of letters and underscores"),
            decide: seconds(
                "cartlog_command_decide_seconds",
                "Time to decide a command, over all attempts.",
                1e-6,
            ),
            append: seconds(
                "cartlog_command_append_seconds",
                "Time until a command's events are durable, over all attempts.",
                1e-4,
            ),
            commands,
        }
    }

    /// Adds the metrics to `registry`.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.commands.clone()))?;
        registry.register(Box::new(self.conflicts.clone()))?;
        registry.register(Box::new(self.decide.clone()))?;
        registry.register(Box::new(self.append.clone()))
    }

    /// Starts to measure a command named `kind`.
    pub(super) fn begin(&self, kind: &str) -> Measured<'_> {
        let named = self.kinds.iter().find(|(name, _)| *name == kind);
        Measured {
            meter: self,
            counters: named.map_or(&self.other, |(_, counters)| counters),
            outcome: Outcome::Abandoned,
            timings: Timings::default(),
        }
    }
}

/// A running command. It is counted on drop, however it ended.
pub(super) struct Measured<'a> {
    meter: &'a Meter,
    counters: &'a ByOutcome,
    outcome: Outcome,
    pub timings: Timings,
}

impl Measured<'_> {
    /// Records the outcome of the command.
    pub fn end<S, R: std::error::Error>(mut self, handled: &Result<Handled<S>, CommandError<R>>) {
        self.outcome = Outcome::of(handled);
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.counters[self.outcome as usize].inc();
        if self.timings.conflicts > 0 {
            self.meter.conflicts.inc_by(self.timings.conflicts);
        }
        if self.timings.decisions > 0 {
            self.meter.decide.observe(self.timings.decide.as_secs_f64());
        }
        if self.timings.appends > 0 {
            self.meter.append.observe(self.timings.append.as_secs_f64());
        }
    }
}

/// A histogram with buckets from `first` seconds, each 2.5 times as wide as the previous one.
fn seconds(name: &str, help: &str, first: f64) -> Histogram {
    let buckets = exponential_buckets(first, 2.5, 14).expect("a first bucket above 0");
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))
        .expect("a name of letters and underscores")
}
