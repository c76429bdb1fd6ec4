//! Proofs in a large tree: `cargo bench --bench service -- tree` (`CARTLOG_BENCH_EVENTS` events;
//! 10,000,000 if unset).
//!
//! The tree's tables are filled by the view's own way to append, with made-up hashes and without a
//! log. A proof is computed as a request computes it: from the tables, each tile read once. What a
//! request adds (HTTP, the cart's row, two events from the log) does not grow with the tree, and is
//! in the figures of `-- proof`.

use super::growth;
use super::load;
use cartlog::log::Hash;
use cartlog::merkle::{consistency_proof, inclusion_proof};
use cartlog::views::tree::{Tree, append};
use cartlog::views::{StoredTree, View};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::time::Instant;

const EVENTS: usize = 10_000_000;
/// How many leaves are appended at a time, as during a rebuild.
const BATCH: usize = 8_192;
const PROOFS: u64 = 1_000;
/// A prime, from one place to the next.
const STEP: u64 = 7_919_113;

pub fn run() {
    let events = growth::events_wanted().unwrap_or(EVENTS) as u64;
    let folder = tempfile::tempdir().expect("a folder");
    let mut tables = Connection::open(folder.path().join("tree.db")).expect("a file");
    let mode = |tables: &Connection, mode: &str| {
        tables
            .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
            .expect("a journal mode");
    };
    // As a rebuild fills tables, and as they serve after it.
    mode(&tables, "OFF");
    Tree.create(&tables).expect("the tables are created");
    let numbers: Vec<u64> = (0..events).collect();
    let started = Instant::now();
    for batch in numbers.chunks(BATCH) {
        let transaction = tables.transaction().expect("a transaction");
        let hashes = batch
            .iter()
            .map(|it| Hash(Sha256::digest(it.to_be_bytes()).into()));
        append(&transaction, hashes).expect("leaves are appended");
        transaction.commit().expect("a commit");
    }
    let filled = started.elapsed();
    mode(&tables, "WAL");
    let size = StoredTree::of(&tables).size().expect("a tree");
    assert_eq!(size, events);
    println!(
        "a tree of {events} events: filled in {filled:.1?}, {:.2} s per million",
        filled.as_secs_f64() * 1e6 / events as f64
    );
    measure(&tables, "an inclusion proof", events, |tree, index| {
        inclusion_proof(tree, index, events)
    });
    measure(&tables, "a consistency proof", events, |tree, from| {
        consistency_proof(tree, from, events)
    });
}

/// The time of proofs at places far from each other, so that few tiles are in SQLite's cache.
fn measure(
    tables: &Connection,
    name: &str,
    events: u64,
    proof: impl Fn(&mut StoredTree<'_>, u64) -> rusqlite::Result<Vec<Hash>>,
) {
    let mut times: Vec<u32> = (0..PROOFS)
        .map(|turn| {
            let started = Instant::now();
            let mut tree = StoredTree::of(tables);
            proof(&mut tree, turn * STEP % events).expect("a proof");
            u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
        })
        .collect();
    times.sort_unstable();
    println!(
        "{name}: median {} µs, p99 {} µs, longest {} µs of {PROOFS}",
        load::percentile(&times, 50),
        load::percentile(&times, 99),
        times.last().expect("there are proofs"),
    );
}
