//! Exponential backoff with jitter.

use fastrand::Rng;
use std::time::Duration;

/// The wait after the first failed attempt.
const FIRST: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(1);

/// The wait after `failures` failed attempts in a row, of which there is one at least. Half of it
/// is random, so that what failed together is not repeated together.
pub fn backoff(failures: u32, rng: &mut Rng) -> Duration {
    let doubled = 2u32.saturating_pow(failures.saturating_sub(1).min(20));
    let most = FIRST.saturating_mul(doubled).min(LONGEST);
    most.mul_f64(0.5 + rng.f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_a_minute_with_jitter() {
        let mut rng = Rng::with_seed(2026);
        for (failures, most) in [(1, 250), (2, 500), (3, 1_000), (9, 60_000), (1_000, 60_000)] {
            let waits: Vec<u128> = (0..100)
                .map(|_| backoff(failures, &mut rng).as_millis())
                .collect();
            assert!(waits.iter().all(|wait| (most / 2..=most).contains(wait)));
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{failures}");
        }
    }
}
