//! What came of it all: counts by outcome, and how long answers took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How many unexpected answers are told in full.
const MOST_TOLD: usize = 10;

/// What came of one command, or of one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It did what the shopper wanted.
    Done,
    /// It was refused by a rule that the shopper had to reckon with: the problem's slug.
    Refused(String),
    /// The answer of the first attempt came again.
    Replayed,
    /// Anything else: what was asked, and what came.
    Unexpected(String),
}

/// What became of the carts and of the requests.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub took: Duration,
    /// Carts by how the shoppers left them: `bought`, `abandoned`, `left empty`, …
    pub carts: BTreeMap<&'static str, u64>,
    /// What each kind of request took, in microseconds, in no order.
    latencies: BTreeMap<&'static str, Vec<u32>>,
    /// Requests that were carried out, a repetition that was answered as the first time included.
    pub done: u64,
    /// Commands that came twice and got the first answer again.
    pub replayed: u64,
    /// Refusals that the shoppers had to reckon with, by the problem's slug.
    pub refused: BTreeMap<String, u64>,
    /// How often a request was sent again because the service could not take it.
    pub tried_again: u64,
    /// Answers that the contract does not allow there.
    pub unexpected: u64,
    /// The first of them, in words.
    pub told: Vec<String>,
}

/// How long one kind of request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub requests: usize,
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub most: Duration,
}

impl Report {
    pub(super) fn answered(&mut self, name: &'static str, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.latencies.entry(name).or_default().push(micros);
    }

    pub(super) fn outcome(&mut self, name: &'static str, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Replayed => {
                self.done += 1;
                self.replayed += 1;
            }
            Outcome::Refused(slug) => *self.refused.entry(slug).or_default() += 1,
            Outcome::Unexpected(what) => {
                self.unexpected += 1;
                if self.told.len() < MOST_TOLD {
                    self.told.push(format!("{name}: {what}"));
                }
            }
        }
    }

    pub(super) fn tried_again(&mut self) {
        self.tried_again += 1;
    }

    pub(super) fn cart(&mut self, end: &'static str) {
        *self.carts.entry(end).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: Report) {
        for (end, carts) in other.carts {
            *self.carts.entry(end).or_default() += carts;
        }
        for (name, latencies) in other.latencies {
            self.latencies.entry(name).or_default().extend(latencies);
        }
        for (slug, times) in other.refused {
            *self.refused.entry(slug).or_default() += times;
        }
        self.done += other.done;
        self.replayed += other.replayed;
        self.tried_again += other.tried_again;
        self.unexpected += other.unexpected;
        self.told.extend(other.told);
        self.told.truncate(MOST_TOLD);
    }

    /// How long each kind of request took.
    pub fn latencies(&self) -> impl Iterator<Item = (&'static str, Latency)> {
        self.latencies
            .iter()
            .map(|(name, micros)| (*name, Latency::of(micros.clone())))
    }

    /// How many requests were answered.
    pub fn requests(&self) -> usize {
        self.latencies.values().map(Vec::len).sum()
    }
}

impl Latency {
    /// Nearest ranks: the first value that is not exceeded by that share of all.
    fn of(mut micros: Vec<u32>) -> Latency {
        micros.sort_unstable();
        let rank = |per_cent: usize| {
            let rank = (micros.len() * per_cent).div_ceil(100).max(1);
            Duration::from_micros(micros.get(rank - 1).copied().unwrap_or(0).into())
        };
        Latency {
            requests: micros.len(),
            p50: rank(50),
            p90: rank(90),
            p99: rank(99),
            most: rank(100),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let carts: u64 = self.carts.values().sum();
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
        let rate = self.requests() as f64 / seconds.max(0.001);
        writeln!(
            f,
            "{carts} carts and {} requests in {seconds:.1} s, {rate:.0} requests a second",
            self.requests()
        )?;
        writeln!(f, "  carts       {}", listed(&self.carts))?;
        writeln!(
            f,
            "  answers     done {} (replayed {}), refused {}, unexpected {}; tried again {}",
            self.done,
            self.replayed,
            self.refused.values().sum::<u64>(),
            self.unexpected,
            self.tried_again
        )?;
        if !self.refused.is_empty() {
            writeln!(f, "  refused     {}", listed(&self.refused))?;
        }
        writeln!(
            f,
            "\n  {:<18}{:>9}{:>10}{:>10}{:>10}{:>10}",
            "milliseconds", "requests", "p50", "p90", "p99", "most"
        )?;
        for (name, latency) in self.latencies() {
            write!(f, "  {name:<18}{:>9}", latency.requests)?;
            for time in [latency.p50, latency.p90, latency.p99, latency.most] {
                write!(f, "{:>10.2}", time.as_secs_f64() * 1_000.0)?;
            }
            writeln!(f)?;
        }
        for told in &self.told {
            writeln!(f, "\nunexpected: {told}")?;
        }
        Ok(())
    }
}

fn listed<K: fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_first_value_that_so_many_do_not_exceed() {
        let latency = Latency::of((1..=200).rev().collect());
        let times = [latency.p50, latency.p90, latency.p99, latency.most];
        assert_eq!(times.map(|time| time.as_micros()), [100, 180, 198, 200]);
        assert_eq!(Latency::of(vec![7]).p50.as_micros(), 7);
        assert_eq!(Latency::of(Vec::new()).most, Duration::ZERO);
    }
}
