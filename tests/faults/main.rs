//! The program broken on purpose. Each promise of `docs/guarantees.md` has a test here that breaks
//! what it rests on, with a record outside of the process of what was acknowledged, and a control:
//! the same fault on a weaker setting, or the same check on a forged finding, which must fail, so
//! that a test that passes proves something.
//!
//! All randomness comes from a seed: [`plan`] explains how to repeat a run.

mod clients;
mod clock;
mod disk;
mod files;
mod flips;
mod folds;
mod full;
mod idle;
mod kills;
mod moving;
mod outage;
mod overload;
mod plan;
mod power;
mod readers;
mod site;
mod tracer;
mod views;
mod warehouse;
mod webhooks;
