//! Shoppers played against a running service, over HTTP and by the contract like any other client:
//! nothing here knows the service's inside. They fill a shop with the carts of a day, so that the
//! insights have something to show, and check each answer against what they did themselves.
//!
//! What a shopper does is drawn from the seed and the cart's number alone, never from the order in
//! which answers arrive: one seed against one catalogue is the same shopping again.

mod cart;
mod client;
mod market;
mod report;
mod shopper;

pub use report::{Latency, Report};

use client::Client;
use market::Market;
use shopper::Shopper;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the service is, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// How many carts are opened.
    pub carts: u64,
    /// How many carts are opened a second; 0 for as many as the service takes.
    pub rate: f64,
    /// How many shoppers are in the shop at once, each on a connection of its own.
    pub concurrency: usize,
    pub seed: u64,
    /// How long a shopper thinks between two steps, on average.
    pub pause: Duration,
    /// For how long a request is tried again that the service cannot take now.
    pub patience: Duration,
}

/// Why nothing could be played.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("{url} is no address to shop at: it begins with http:// and names a host")]
    Address { url: String },
    #[error("{url} does not answer: {reason}. Start the service first (cartlog serve)")]
    Unreachable { url: String, reason: String },
    #[error("{url} does not answer as a cartlog does: {reason}")]
    NoShop { url: String, reason: String },
}

/// Plays `plan` to its end, or until the service has been silent for longer than the plan's
/// patience. `progress` is called from many threads, with the number of carts that are finished.
pub fn run(plan: &Plan, progress: &(impl Fn(u64) + Sync)) -> Result<Report, SimulateError> {
    let market = Market::visit(&Client::new(plan)?)?;
    let run = uuid::Uuid::now_v7().simple().to_string();
    let (next, finished) = (AtomicU64::new(0), AtomicU64::new(0));
    let silent = AtomicBool::new(false);
    let whole = Mutex::new(Report::default());
    let started = Instant::now();
    let play = || -> Result<(), SimulateError> {
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
            if !Shopper::new(plan, &market, &mut client, &run, cart).shop() {
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
        let threads: Vec<_> = (0..shoppers).map(|_| scope.spawn(play)).collect();
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
