//! The report of a simulation: outcomes by kind, and latency percentiles.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Unexpected responses that are printed in full.
const MAX_FAILURES: usize = 10;

/// The outcome of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It succeeded as the shopper expected.
    Done,
    /// It was refused by a rule that the shopper expects: the problem's slug.
    Refused(String),
    /// The response of the first attempt was replayed.
    Replayed,
    /// Anything else: the request and the response.
    Unexpected(String),
}

/// Outcomes of carts and requests, with latencies.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub took: Duration,
    /// Carts by how the shoppers left them: `bought`, `abandoned`, `left empty`, ...
    pub carts: BTreeMap<&'static str, u64>,
    /// Latencies by kind of request, in microseconds, unordered.
    latencies: BTreeMap<&'static str, Vec<u32>>,
    /// Successful requests, replayed ones included.
    pub done: u64,
    /// Repeated commands that got the first response again.
    pub replayed: u64,
    /// Expected refusals, by the problem's slug.
    pub refused: BTreeMap<String, u64>,
    /// Retries after 429, 503 or a lost connection.
    pub retries: u64,
    /// Responses that the contract does not allow.
    pub unexpected: u64,
    /// The first of them.
    pub failures: Vec<String>,
}

/// Latency percentiles of one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub requests: usize,
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub max: Duration,
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
                if self.failures.len() < MAX_FAILURES {
                    self.failures.push(format!("{name}: {what}"));
                }
            }
        }
    }

    pub(super) fn retried(&mut self) {
        self.retries += 1;
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
        self.retries += other.retries;
        self.unexpected += other.unexpected;
        self.failures.extend(other.failures);
        self.failures.truncate(MAX_FAILURES);
    }

    /// Latencies by kind of request.
    pub fn latencies(&self) -> impl Iterator<Item = (&'static str, Latency)> {
        self.latencies
            .iter()
            .map(|(name, micros)| (*name, Latency::of(micros.clone())))
    }

    /// Requests with a response.
    pub fn requests(&self) -> usize {
        self.latencies.values().map(Vec::len).sum()
    }
}

impl Latency {
    /// Percentiles by nearest rank.
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
            max: rank(100),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let carts: u64 = self.carts.values().sum();
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate to print")]
        let rate = self.requests() as f64 / seconds.max(0.001);
        writeln!(
            f,
            "{carts} carts and {} requests in {seconds:.1} s, {rate:.0} requests/s",
            self.requests()
        )?;
        writeln!(f, "  carts       {}", listed(&self.carts))?;
        writeln!(
            f,
            "  responses   done {} (replayed {}), refused {}, unexpected {}; retries {}",
            self.done,
            self.replayed,
            self.refused.values().sum::<u64>(),
            self.unexpected,
            self.retries
        )?;
        if !self.refused.is_empty() {
            writeln!(f, "  refused     {}", listed(&self.refused))?;
        }
        writeln!(
            f,
            "\n  {:<18}{:>9}{:>10}{:>10}{:>10}{:>10}",
            "milliseconds", "requests", "p50", "p90", "p99", "max"
        )?;
        for (name, latency) in self.latencies() {
            write!(f, "  {name:<18}{:>9}", latency.requests)?;
            for time in [latency.p50, latency.p90, latency.p99, latency.max] {
                write!(f, "{:>10.2}", time.as_secs_f64() * 1_000.0)?;
            }
            writeln!(f)?;
        }
        for failure in &self.failures {
            writeln!(f, "\nunexpected: {failure}")?;
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
    fn percentiles_use_nearest_rank() {
        let latency = Latency::of((1..=200).rev().collect());
        let times = [latency.p50, latency.p90, latency.p99, latency.max];
        assert_eq!(times.map(|time| time.as_micros()), [100, 180, 198, 200]);
        assert_eq!(Latency::of(vec![7]).p50.as_micros(), 7);
        assert_eq!(Latency::of(Vec::new()).max, Duration::ZERO);
    }
}
