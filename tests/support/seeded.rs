//! Random cases that are the same on every run.

use proptest::test_runner::{Config, RngSeed};

/// So many cases, or as many as `PROPTEST_CASES` says, the same on every run, so that a failure comes
/// back; `PROPTEST_RNG_SEED` draws others.
pub fn seeded(cases: u32) -> Config {
    let usual = Config::default();
    Config {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => usual.cases,
            None => cases,
        },
        rng_seed: match usual.rng_seed {
            RngSeed::Random => RngSeed::Fixed(2026),
            RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
        },
        failure_persistence: None,
        ..usual
    }
}
