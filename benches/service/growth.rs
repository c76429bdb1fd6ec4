//! Cost, memory and start-up as the log grows:
//! `cargo bench --bench service -- growth` (`CARTLOG_BENCH_EVENTS` events; 1,000,000 if unset).

use super::ROUNDS;
use super::load::{self, Requests};
use super::served::{Cart, Served, folder};
use cartlog::cart::event::{CartOpened, Units};
use cartlog::cart::{CartEvent, Currency, Money, Sku};
use cartlog::history::CommitMetadata;
use cartlog::log::sqlite::{Durability, SqliteLog, SqliteLogSettings};
use cartlog::log::{Commit, Head, LogWriter, NewEvent};
use cartlog::timestamp::Timestamp;
use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

const SMALL: usize = 10_000;
const EVENTS_A_CART: usize = 5;
/// How many carts are touched.
const TOUCHED: usize = 1_000;
/// Of everything in these shops, in cents.
pub const PRICE: i64 = 1_999;
const TOKEN: &str = "a token that all carts of this benchmark share";
const ROUND: Duration = Duration::from_secs(3);

pub fn run() {
    let large = events_wanted().unwrap_or(1_000_000);
    for events in [SMALL, large] {
        let folder = folder();
        let started = Instant::now();
        let carts = fill(folder.path(), events, |_| simple_story());
        let filled = started.elapsed();
        let last = carts.last().expect("there are carts");
        let started = Instant::now();
        let service = Served::cartlog_in(folder, &[]);
        service.wait_for(last, EVENTS_A_CART);
        let caught_up = started.elapsed();
        let folder = service.stop();
        let started = Instant::now();
        let service = Served::cartlog_in(folder, &[]);
        let start = started.elapsed();
        println!(
            "{events} events, {} carts: filled in {filled:.1?}, views built in {caught_up:.1?}, \
             started in {start:.2?}",
            carts.len()
        );
        let newest: Vec<&Cart> = carts.iter().rev().take(TOUCHED).collect();
        touch(&service, "the newest", &newest);
        let step = (carts.len() / TOUCHED).max(1);
        let spread: Vec<&Cart> = carts.iter().step_by(step).take(TOUCHED).collect();
        touch(&service, "spread over all carts", &spread);
        let once = Requests::spread(64, &carts, |cart| cart.request("GET", "", None));
        let once = service.load(once, ROUND);
        println!(
            "  each cart in turn: {} reads a second ({:.1} µs); {} MiB resident",
            once.rate,
            once.processor,
            service.resident_mib()
        );
    }
}

/// The cost of reads and commands on the carts `touched`.
fn touch(service: &Served, name: &str, touched: &[&Cart]) {
    let body = r#"{"sku":"teapot","quantity":1}"#;
    let mut reads = Vec::new();
    let mut commands = Vec::new();
    for _ in 0..ROUNDS {
        let requests = Requests::spread(64, touched, |cart| cart.request("GET", "", None));
        reads.push(service.load(requests, ROUND));
        let requests = Requests::spread(64, touched, |cart| {
            cart.request("POST", "/items", Some(body))
        });
        commands.push(service.load(requests, ROUND));
    }
    let [reads, commands] = [reads, commands].map(load::median);
    println!(
        "  {TOUCHED} carts, {name}: {} commands/s ({:.1} µs), {} reads/s ({:.1} µs), \
         {} MiB resident",
        commands.rate,
        commands.processor,
        reads.rate,
        reads.processor,
        service.resident_mib()
    );
}

/// `CARTLOG_BENCH_EVENTS`.
pub fn events_wanted() -> Option<usize> {
    let wanted = std::env::var("CARTLOG_BENCH_EVENTS").ok()?;
    wanted.parse().ok()
}

/// Fills a log with carts through the port. `story` returns the events of the n-th cart; all
/// stories have the same length.
pub fn fill(folder: &Path, events: usize, story: impl Fn(usize) -> Vec<CartEvent>) -> Vec<Cart> {
    let settings = SqliteLogSettings {
        durability: Durability::Process,
        ..SqliteLogSettings::at(folder.join("data/events.db"))
    };
    let (log, writer) = SqliteLog::open(&settings).expect("a log opens");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    let ids: Vec<Uuid> = (0..events / story(0).len())
        .map(|_| Uuid::now_v7())
        .collect();
    let commits: Vec<(usize, Uuid)> = ids.iter().copied().enumerate().collect();
    for group in commits.chunks(512) {
        let appends = group
            .iter()
            .map(|(place, id)| log.append(commit(*id, &story(*place))));
        let appended = runtime.block_on(join_all(appends));
        for outcome in appended {
            outcome.expect("a commit is appended");
        }
    }
    log.close();
    writer.join();
    ids.into_iter()
        .map(|id| Cart::known(id.to_string(), TOKEN.to_owned()))
        .collect()
}

/// The events of a cart in the growing log.
pub fn simple_story() -> Vec<CartEvent> {
    let added = CartEvent::ItemAdded(added("teapot"));
    let mut events = vec![added; EVENTS_A_CART];
    events[0] = opened();
    events
}

pub fn opened() -> CartEvent {
    CartEvent::CartOpened(CartOpened {
        currency: Currency::EUR,
        token_hash: Sha256::digest(TOKEN).into(),
    })
}

/// One of a product, at the one price.
pub fn added(sku: &str) -> Units {
    Units {
        sku: Sku::parse(sku).expect("a sku"),
        name: "Teapot".into(),
        quantity: 1,
        unit_price: Money::from_minor(PRICE),
    }
}

fn commit(id: Uuid, events: &[CartEvent]) -> Commit {
    let metadata = CommitMetadata::new("open_cart", id, "shopper");
    Commit::new(
        id,
        Head::START,
        Timestamp::now(),
        metadata.to_json(),
        events.iter().map(NewEvent::of).collect(),
    )
}
