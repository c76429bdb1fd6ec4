//! How much a run does, and its seed.
//!
//! `CARTLOG_FAULTS_SEED` sets the seed, and `CARTLOG_FAULTS_LONG=1` makes every test do several
//! times as much, from a seed of its own unless one is set.

use cartlog_testkit::seed::Dice;
use std::time::{SystemTime, UNIX_EPOCH};

/// The plan of one test.
pub struct Plan {
    pub seed: u64,
    long: bool,
}

impl Plan {
    /// Reads the environment and prints how to repeat the run, which is shown when a test fails.
    pub fn new() -> Plan {
        let long = std::env::var("CARTLOG_FAULTS_LONG").is_ok_and(|value| value != "0");
        let seed = match std::env::var("CARTLOG_FAULTS_SEED") {
            Ok(seed) => seed.parse().expect("CARTLOG_FAULTS_SEED is a whole number"),
            Err(_) if long => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                now.expect("a time after 1970").as_secs()
            }
            Err(_) => 2026,
        };
        println!(
            "seed {seed}; the same again: CARTLOG_FAULTS_SEED={seed}{} \
             cargo nextest run --run-ignored all --test faults <this test>",
            if long { " CARTLOG_FAULTS_LONG=1" } else { "" }
        );
        Plan { seed, long }
    }

    /// `usual` in a usual run, `thorough` in a long one.
    pub fn times(&self, usual: u64, thorough: u64) -> u64 {
        if self.long { thorough } else { usual }
    }

    /// The random numbers of the test.
    pub fn dice(&self) -> Dice {
        Dice(self.seed)
    }

    /// A number that gives the shoppers of a round their own keys and choices.
    pub fn round(&self, round: u64) -> u64 {
        self.seed.wrapping_mul(1_000) % 1_000_000_000 + round
    }
}
