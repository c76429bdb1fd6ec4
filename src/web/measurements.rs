//! What this node did over time, in steps, for the operations page. It is kept in memory and
//! bounded; longer times are what Prometheus is for.
//!
//! Nothing is counted here: each step is the difference between two snapshots of the metrics.

use crate::timestamp::Timestamp;
use crate::web::metrics::Totals;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The shortest step, and the time between two snapshots.
pub const STEP: Duration = Duration::from_secs(10);

/// A period of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum Period {
    /// Fifteen minutes, in steps of 10 seconds.
    #[default]
    #[serde(rename = "15m")]
    QuarterHour,
    /// A day, in steps of 10 minutes.
    #[serde(rename = "24h")]
    Day,
}

impl Period {
    const ALL: [Period; 2] = [Period::QuarterHour, Period::Day];

    /// The length of a step.
    pub fn step(self) -> Duration {
        match self {
            Period::QuarterHour => STEP,
            Period::Day => Duration::from_mins(10),
        }
    }

    pub fn length(self) -> Duration {
        match self {
            Period::QuarterHour => Duration::from_mins(15),
            Period::Day => Duration::from_hours(24),
        }
    }

    /// How many steps are kept.
    fn steps(self) -> usize {
        (self.length().as_secs() / self.step().as_secs()) as usize
    }
}

/// The state of the node at one time.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub at: Timestamp,
    /// `at` by the clock that does not jump.
    pub taken: Instant,
    /// Position of the last event; `None` if the log did not answer.
    pub head: Option<u64>,
    /// How long ago the oldest event that a view has not applied was written, in milliseconds.
    pub lag_ms: Option<u64>,
    pub totals: Totals,
}

impl Snapshot {
    /// Whether nothing is missing between `before` and this. After a pause, of the machine for
    /// example, the step that it interrupted is missing. The clock that does not jump stands still
    /// while a machine is suspended.
    fn follows(&self, before: &Snapshot) -> bool {
        let passed = self.taken.saturating_duration_since(before.taken);
        let by_the_clock = self.at.millis() - before.at.millis();
        let longest = 2 * STEP;
        passed <= longest && by_the_clock <= longest.as_millis() as i64
    }
}

/// What happened in one step.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Measurement {
    from: Timestamp,
    to: Timestamp,
    /// Events that were added to the log, by any node; null if the log did not answer.
    events: Option<u64>,
    /// Commands that a rule refused.
    refused: u64,
    /// Responses with a status of 5xx.
    errors: u64,
    /// Requests and connections that were refused because a limit was reached.
    shed: u64,
    /// Time until a command's events were durable, in milliseconds: half of them took at most this
    /// long, as far as the buckets of the histogram tell. Null without a command.
    append_p50_ms: Option<f64>,
    /// The same for 99 of 100.
    append_p99_ms: Option<f64>,
    /// The longest view lag that was seen, in milliseconds; null if it was not known.
    lag_ms: Option<u64>,
}

impl Measurement {
    fn between(from: &Snapshot, to: &Snapshot, lag_ms: Option<u64>) -> Measurement {
        let append = to.totals.append.since(&from.totals.append);
        Measurement {
            from: from.at,
            to: to.at,
            events: from
                .head
                .zip(to.head)
                .map(|(from, to)| to.saturating_sub(from)),
            refused: to.totals.refused.saturating_sub(from.totals.refused),
            errors: to.totals.errors.saturating_sub(from.totals.errors),
            shed: to.totals.shed.saturating_sub(from.totals.shed),
            append_p50_ms: append.quantile_ms(0.5),
            append_p99_ms: append.quantile_ms(0.99),
            lag_ms,
        }
    }
}

/// The measurements of one period.
struct Track {
    period: Period,
    /// Where the current step begins.
    start: Snapshot,
    /// The longest lag since `start`.
    lag_ms: Option<u64>,
    steps: VecDeque<Measurement>,
}

impl Track {
    fn beginning_with(period: Period, first: &Snapshot) -> Track {
        Track {
            period,
            start: first.clone(),
            lag_ms: first.lag_ms,
            steps: VecDeque::new(),
        }
    }

    fn record(&mut self, snapshot: &Snapshot, follows: bool) {
        let passed = snapshot.taken.saturating_duration_since(self.start.taken);
        self.lag_ms = self.lag_ms.max(snapshot.lag_ms);
        // Snapshots are a little late or early.
        let is_complete = passed + STEP / 2 >= self.period.step();
        if follows && is_complete {
            let step = Measurement::between(&self.start, snapshot, self.lag_ms);
            self.steps.push_back(step);
        }
        if is_complete || !follows {
            self.start = snapshot.clone();
            self.lag_ms = snapshot.lag_ms;
        }
        // Those that are older than the period go, also after a pause.
        let oldest = snapshot.at.millis() - self.period.length().as_millis() as i64;
        while self.steps.len() > self.period.steps()
            || self
                .steps
                .front()
                .is_some_and(|step| step.from.millis() < oldest)
        {
            self.steps.pop_front();
        }
    }

    /// All steps, and what the current one has so far.
    fn until(&self, now: &Snapshot) -> Vec<Measurement> {
        let mut steps: Vec<Measurement> = self.steps.iter().cloned().collect();
        // The recorder may have been here since `now`.
        if now.taken > self.start.taken {
            let lag_ms = self.lag_ms.max(now.lag_ms);
            steps.push(Measurement::between(&self.start, now, lag_ms));
        }
        steps
    }
}

/// The measurements of all periods, from the first snapshot on.
#[derive(Default)]
pub struct Measurements(Mutex<Option<Recording>>);

struct Recording {
    since: Timestamp,
    last: Snapshot,
    tracks: [Track; 2],
}

/// What was measured in one period.
pub struct Measured {
    /// The first snapshot of this process.
    pub since: Timestamp,
    /// The last step is not over yet.
    pub steps: Vec<Measurement>,
}

impl Measurements {
    /// Takes a snapshot into account; to be called every `STEP`.
    pub fn record(&self, snapshot: &Snapshot) {
        let mut recording = self.recording();
        let recording = recording.get_or_insert_with(|| Recording::beginning_with(snapshot));
        let follows = snapshot.follows(&recording.last);
        for track in &mut recording.tracks {
            track.record(snapshot, follows);
        }
        recording.last = snapshot.clone();
    }

    /// The steps of `period` until `now`; none before the first snapshot was recorded.
    pub fn until(&self, period: Period, now: &Snapshot) -> Measured {
        let recording = self.recording();
        let Some(recording) = recording.as_ref() else {
            return Measured {
                since: now.at,
                steps: Vec::new(),
            };
        };
        let track = recording.tracks.iter().find(|track| track.period == period);
        Measured {
            since: recording.since,
            steps: track.map_or_else(Vec::new, |track| track.until(now)),
        }
    }

    fn recording(&self) -> MutexGuard<'_, Option<Recording>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    fn beginning_with(first: &Snapshot) -> Recording {
        Recording {
            since: first.at,
            last: first.clone(),
            tracks: Period::ALL.map(|period| Track::beginning_with(period, first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node with an event a second, after `seconds`.
    fn snapshot(begun: Instant, seconds: u64) -> Snapshot {
        Snapshot {
            at: Timestamp::from_millis(1_000 * seconds.cast_signed()),
            taken: begun + Duration::from_secs(seconds),
            head: Some(seconds),
            lag_ms: Some(seconds % 7),
            totals: Totals {
                errors: seconds / 100,
                ..Totals::default()
            },
        }
    }

    fn recorded(seconds: impl Iterator<Item = u64>) -> (Measurements, Instant) {
        let (measurements, begun) = (Measurements::default(), Instant::now());
        for second in seconds {
            measurements.record(&snapshot(begun, second));
        }
        (measurements, begun)
    }

    #[test]
    fn each_step_has_its_difference_and_the_last_one_is_not_over() {
        let (measurements, begun) = recorded([0, 10, 20, 31].into_iter());
        let measured = measurements.until(Period::QuarterHour, &snapshot(begun, 35));
        assert_eq!(measured.since.millis(), 0);
        let events: Vec<Option<u64>> = measured.steps.iter().map(|step| step.events).collect();
        assert_eq!(events, [Some(10), Some(10), Some(11), Some(4)]);
        let day = measurements.until(Period::Day, &snapshot(begun, 35));
        assert_eq!(day.steps.len(), 1);
        assert_eq!(
            (day.steps[0].events, day.steps[0].lag_ms),
            (Some(35), Some(6))
        );
    }

    #[test]
    fn a_period_keeps_no_more_than_its_length() {
        let (measurements, begun) = recorded((0..=200_000).step_by(10));
        let now = snapshot(begun, 200_001);
        // With the current one; of a day, the first one is not whole any more.
        for (period, steps) in [(Period::QuarterHour, 91), (Period::Day, 144)] {
            let measured = measurements.until(period, &now).steps;
            assert_eq!(measured.len(), steps);
            assert_eq!(measured[0].events, Some(period.step().as_secs()));
        }
    }

    /// The beginnings and ends of the steps, in seconds.
    fn times(measured: &Measured) -> Vec<(i64, i64)> {
        let steps = measured.steps.iter();
        steps
            .map(|step| (step.from.millis() / 1_000, step.to.millis() / 1_000))
            .collect()
    }

    #[test]
    fn steps_that_were_not_measured_are_missing() {
        let (measurements, begun) = recorded([0, 10, 300, 310].into_iter());
        let now = snapshot(begun, 311);
        let measured = measurements.until(Period::QuarterHour, &now);
        assert_eq!(times(&measured), [(0, 10), (300, 310), (310, 311)]);
        // Also in the longer steps.
        let measured = measurements.until(Period::Day, &now);
        assert_eq!(times(&measured), [(300, 311)]);
    }

    #[test]
    fn the_time_of_a_suspended_machine_is_missing() {
        let (measurements, begun) = recorded([0, 10].into_iter());
        let woken = |after: u64| Snapshot {
            at: Timestamp::from_millis(1_000 * 30_000 + 1_000 * after.cast_signed()),
            ..snapshot(begun, 10 + after)
        };
        measurements.record(&woken(1));
        let measured = measurements.until(Period::QuarterHour, &woken(5));
        assert_eq!(times(&measured), [(30_001, 30_005)]);
    }

    #[test]
    fn a_request_that_the_recorder_has_overtaken_sees_what_is_complete() {
        let (measurements, begun) = recorded([0, 10, 20].into_iter());
        let measured = measurements.until(Period::QuarterHour, &snapshot(begun, 19));
        assert_eq!(times(&measured), [(0, 10), (10, 20)]);
    }

    #[test]
    fn an_unknown_head_or_lag_is_not_zero() {
        let (measurements, begun) = (Measurements::default(), Instant::now());
        let unknown = |seconds| Snapshot {
            head: None,
            lag_ms: None,
            ..snapshot(begun, seconds)
        };
        measurements.record(&unknown(0));
        measurements.record(&unknown(10));
        let measured = measurements.until(Period::QuarterHour, &unknown(10));
        let step = &measured.steps[0];
        assert_eq!((step.events, step.lag_ms), (None, None));
    }
}
