//! What it costs to recover and to prove: `cargo bench --bench service -- rebuild`
//! (CARTLOG_BENCH_EVENTS sets of how many events; 200,000 if unset).
//!
//! The measure of a rebuild is what cannot be saved: the same events, read straight from the log's
//! table in their order and parsed as JSON, without anything made of them.

use super::ROUNDS;
use super::growth::{self, added, opened};
use super::load;
use super::served::folder;
use cartlog::cart::event::{CartCheckedOut, CartExpired};
use cartlog::cart::{CartEvent, Money};
use cartlog::timestamp::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde::de::IgnoredAny;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use uuid::Uuid;

const EVENTS: usize = 200_000;
/// What most carts of a shop look like: some products put in, one taken out again, and four in ten
/// bought.
const PRODUCTS: [&str; 8] = [
    "teapot", "sencha", "matcha", "tea-bowl", "kettle", "notebook", "tray", "whisk",
];
const ADDED: usize = 8;
/// How often a process is looked at while it runs.
const LOOK: Duration = Duration::from_millis(5);

pub fn run() {
    let wanted = growth::events_wanted().unwrap_or(EVENTS);
    let folder = folder();
    let events = growth::fill(folder.path(), wanted, story).len() * story(0).len();
    let log = folder.path().join("data/events.db");
    // The first one finds no views, and makes them.
    let first = Ran::of(folder.path(), "rebuild");
    let [mut parsed, mut rebuilt, mut verified] = [const { Vec::new() }; 3];
    let mut peaks = [first.peak_mib, 0];
    for _ in 0..ROUNDS {
        parsed.push(parse(&log, events));
        let rebuild = Ran::of(folder.path(), "rebuild");
        let verify = Ran::of(folder.path(), "verify");
        rebuilt.push(rebuild.time);
        verified.push(verify.time);
        peaks[0] = peaks[0].max(rebuild.peak_mib);
        peaks[1] = peaks[1].max(verify.peak_mib);
    }
    let [parsed, rebuilt, verified] = [parsed, rebuilt, verified].map(load::middle);
    let rate = |time: Duration| events as f64 / time.as_secs_f64();
    println!(
        "{events} events, {ROUNDS} rounds, medians\n\
         read and parsed in {parsed:.2?} ({:.0} a second)\n\
         views made where none were in {:.2?}: ratio {:.1}\n\
         views rebuilt beside others, compared and swapped in {rebuilt:.2?} ({:.0} a second): \
         ratio {:.1}; {} MiB at the peak\n\
         verified in {verified:.2?} ({:.0} a second); {} MiB at the peak",
        rate(parsed),
        first.time,
        first.time.as_secs_f64() / parsed.as_secs_f64(),
        rate(rebuilt),
        rebuilt.as_secs_f64() / parsed.as_secs_f64(),
        peaks[0],
        rate(verified),
        peaks[1],
    );
}

/// The events of the cart at `place`.
pub fn story(place: usize) -> Vec<CartEvent> {
    let units = |turn: usize| added(PRODUCTS[(place * 3 + turn * turn) % PRODUCTS.len()]);
    let mut events = vec![opened()];
    events.extend((0..ADDED).map(units).map(CartEvent::ItemAdded));
    events.push(CartEvent::ItemRemoved(units(0)));
    let left = i64::try_from(ADDED - 1).expect("a few");
    let total = Money::from_minor(left * growth::PRICE);
    events.push(if place % 10 < 4 {
        CartEvent::CartCheckedOut(CartCheckedOut {
            order_id: Uuid::now_v7(),
            items_total: total,
            discount: Money::ZERO,
            total,
            withdrawn: None,
            order_follows: false,
        })
    } else {
        CartEvent::CartExpired(CartExpired {
            idle_since: Timestamp::now(),
        })
    });
    events
}

/// Reads the log at `path` in its order and parses what is JSON in it.
fn parse(path: &Path, events: usize) -> Duration {
    let started = Instant::now();
    let log =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the log opens");
    let mut rows = log
        .prepare(
            "SELECT stream, version, type, schema, recorded_at, hash, data, metadata
             FROM log ORDER BY position",
        )
        .expect("the log has its table");
    let mut rows = rows.query([]).expect("the log is read");
    let mut read = 0;
    while let Some(row) = rows.next().expect("a row") {
        for column in 0..6 {
            std::hint::black_box(row.get_ref(column).expect("a value"));
        }
        for column in 6..8 {
            let json = row.get_ref(column).and_then(|value| Ok(value.as_str()?));
            let json = json.expect("a text");
            std::hint::black_box(serde_json::from_str::<IgnoredAny>(json).expect("JSON"));
        }
        read += 1;
    }
    assert_eq!(read, events, "every event was read");
    started.elapsed()
}

/// A subcommand that has run to its end.
struct Ran {
    time: Duration,
    /// The most memory that it had resident, as the kernel counts it.
    peak_mib: u64,
}

impl Ran {
    /// Runs `subcommand` on the files in `folder`, which has to end well.
    fn of(folder: &Path, subcommand: &str) -> Ran {
        let started = Instant::now();
        let mut process = Command::new(env!("CARGO_BIN_EXE_cartlog"))
            .arg(subcommand)
            .env("CARTLOG_LOGGING__LEVEL", "error")
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut peak_mib = 0;
        let ended = loop {
            if let Some(ended) = process.try_wait().expect("its end") {
                break ended;
            }
            peak_mib = peak_mib.max(peak(process.id()));
            std::thread::sleep(LOOK);
        };
        assert!(ended.success(), "{subcommand} ends well");
        Ran {
            time: started.elapsed(),
            peak_mib,
        }
    }
}

/// The highest resident memory of a process so far, in MiB (proc(5), VmHWM); 0 once it has ended.
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
