//! Runs the shoppers on threads of their own. They fill the shop with realistic carts, and check
//! each response against what they did themselves.
//!
//! A shopper's choices depend on the seed and the cart's number alone, not on the order of
//! responses: the same seed against the same catalogue repeats the same shopping.

use super::client::Client;
use super::market;
use super::plan::{Plan, SimulateError};
use super::report::Report;
use super::shopper::Shopper;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs `plan` to its end, or until the service has not responded for longer than the plan's
/// patience. `progress` is called from many threads, with the number of finished carts.
pub fn simulate(plan: &Plan, progress: &(impl Fn(u64) + Sync)) -> Result<Report, SimulateError> {
    let market = market::load(&Client::new(plan)?)?;
    let (next, finished) = (AtomicU64::new(0), AtomicU64::new(0));
    let silent = AtomicBool::new(false);
    let whole = Mutex::new(Report::default());
    let started = Instant::now();
    let shop = || -> Result<(), SimulateError> {
        let mut client = Client::new(plan)?;
        while !silent.load(Ordering::Relaxed) {
            let cart = next.fetch_add(1, Ordering::Relaxed);
            if cart >= plan.carts {
                break;
            }
            if plan.rate > 0.0 {
                #[expect(clippy::cast_precision_loss, reason = "a time to open a cart at")]
                let due = Duration::from_secs_f64(cart as f64 / plan.rate);
                std::thread::sleep(due.saturating_sub(started.elapsed()));
            }
            if !Shopper::new(plan, &market, &mut client, cart).shop() {
                silent.store(true, Ordering::Relaxed);
            }
            progress(finished.fetch_add(1, Ordering::Relaxed) + 1);
        }
        whole
            .lock()
            .expect("no shopper panics while it reports")
            .add(client.into_report());
        Ok(())
    };
    let shoppers = plan.concurrency.max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..shoppers).map(|_| scope.spawn(shop)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a shopper does not panic"))
    })?;
    let mut report = whole
        .into_inner()
        .expect("no shopper panics while it reports");
    report.took = started.elapsed();
    Ok(report)
}
