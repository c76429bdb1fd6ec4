//! Commands counted: by kind and outcome, and how long they took.
//!
//! The counters of every kind are made at the start and found by a comparison of short names, so that
//! a command costs a few atomic additions: no lock, no allocation, no look-up by label.

use super::{CommandError, Handled, Times};
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, exponential_buckets,
};
use std::sync::Arc;

/// What became of a command.
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
    /// Nobody waited for the end: it may have been written or not.
    Abandoned,
}

impl Outcome {
    /// All outcomes, in the order in which they are declared.
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
    /// Commands of a kind that was not announced.
    other: ByOutcome,
    commands: IntCounterVec,
    conflicts: IntCounter,
    decide: Histogram,
    append: Histogram,
}

impl Meter {
    /// A meter of the kinds of commands called `kinds`.
    pub fn of(kinds: &[&'static str]) -> Meter {
        let commands = IntCounterVec::new(
            Opts::new(
                "cartlog_commands_total",
                "Commands by kind and by what became of them; replayed: answered again under its idempotency key.",
            ),
            &["command", "outcome"],
        )
        .expect("names of letters and underscores");
        let of_kind = |kind| Outcome::NAMES.map(|name| commands.with_label_values(&[kind, name]));
        let conflicts = IntCounter::new(
            "cartlog_conflicts_retried_total",
            "Times that a command lost the race for its stream's next version and was decided again.",
        );
        Meter {
            kinds: kinds.iter().map(|kind| (*kind, of_kind(kind))).collect(),
            other: of_kind("other"),
            conflicts: conflicts.expect("a name of letters and underscores"),
            decide: seconds(
                "cartlog_command_decide_seconds",
                "How long a command took to be decided, over all attempts.",
                1e-6,
            ),
            append: seconds(
                "cartlog_command_append_seconds",
                "How long a command's events took to be on the disk, over all attempts.",
                1e-4,
            ),
            commands,
        }
    }

    /// Shows what is counted where `registry` is read.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.commands.clone()))?;
        registry.register(Box::new(self.conflicts.clone()))?;
        registry.register(Box::new(self.decide.clone()))?;
        registry.register(Box::new(self.append.clone()))
    }

    /// Begins to measure a command of the kind `kind`.
    pub(super) fn begin(&self, kind: &str) -> Measured<'_> {
        let named = self.kinds.iter().find(|(name, _)| *name == kind);
        Measured {
            meter: self,
            counters: named.map_or(&self.other, |(_, counters)| counters),
            outcome: Outcome::Abandoned,
            times: Times::default(),
        }
    }
}

/// A command under way. It is counted when this is dropped, however its handling ended.
pub(super) struct Measured<'a> {
    meter: &'a Meter,
    counters: &'a ByOutcome,
    outcome: Outcome,
    pub times: Times,
}

impl Measured<'_> {
    /// The command has come to its end.
    pub fn end<S, R: std::error::Error>(mut self, handled: &Result<Handled<S>, CommandError<R>>) {
        self.outcome = Outcome::of(handled);
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.counters[self.outcome as usize].inc();
        if self.times.conflicts > 0 {
            self.meter.conflicts.inc_by(self.times.conflicts);
        }
        if self.times.decisions > 0 {
            self.meter.decide.observe(self.times.decide.as_secs_f64());
        }
        if self.times.appends > 0 {
            self.meter.append.observe(self.times.append.as_secs_f64());
        }
    }
}

/// A histogram from `first` seconds on, by buckets each two and a half times as wide as the one before.
fn seconds(name: &str, help: &str, first: f64) -> Histogram {
    let buckets = exponential_buckets(first, 2.5, 14).expect("a first bucket above 0");
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))
        .expect("a name of letters and underscores")
}
