//! The contract of the log's port, as functions over any engine. `every_promise!` makes a test of
//! each promise that all engines keep; `exclusive!` and `dense!` of the capabilities of some.

pub mod appending;
pub mod lasting;
pub mod reading;

use cartlog::log::{Commit, EventLog, Freshness, Head, NewEvent, Position, RecordedEvent, Version};
use cartlog::timestamp::Timestamp;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// A test that waits longer than this fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine with a place of its own for one log.
pub trait Engine {
    /// Opens the log, and creates it at first; an error is one line.
    fn open(&self) -> Result<Opened, String>;
    /// The same engine with another place.
    fn elsewhere(&self) -> Box<dyn Engine>;
}

/// An open log.
pub struct Opened {
    pub log: Arc<dyn EventLog>,
    /// Starts a graceful shutdown.
    pub close: Box<dyn Fn()>,
    /// Ready once it has ended and can be opened again.
    pub ended: BoxFuture<'static, Result<(), String>>,
}

impl Opened {
    async fn end(self) {
        (self.close)();
        let ended = timeout(PATIENCE, self.ended).await;
        ended.expect("an end in time").expect("a good end");
    }
}

/// Tests the promises of every engine for `$engine`.
macro_rules! every_promise {
    (@all $attributes:tt $engine:expr) => {
        crate::contract::each_promise! { $attributes $engine;
            appending::commits_continue_the_versions_of_their_stream,
            appending::conflict_writes_nothing,
            appending::events_of_a_commit_are_written_together_or_not_at_all,
            lasting::positions_increase_across_streams_and_reopenings,
            reading::stream_is_read_in_pages,
            reading::whole_log_is_read_in_pages,
            reading::barrier_covers_acknowledged_events,
            lasting::identity_is_unique_and_survives_reopening,
            reading::checkpoint_is_contained_in_its_own_history_only,
            reading::append_wakes_readers,
            appending::streams_are_hash_chains,
            appending::event_times_never_decrease_within_a_stream,
            lasting::acknowledged_events_survive_reopening,
            lasting::closing_log_acknowledges_queued_and_refuses_new_commits,
            appending::concurrent_commits_at_one_version_write_exactly_one,
            appending::concurrent_streams_do_not_conflict,
        }
    };
    (ignored $reason:literal, $engine:expr) => {
        crate::contract::every_promise! { @all [#[ignore = $reason]] $engine }
    };
    ($engine:expr) => {
        crate::contract::every_promise! { @all [] $engine }
    };
}
pub(crate) use every_promise;

/// A test of each named promise for `$engine`.
macro_rules! each_promise {
    ($attributes:tt $engine:expr; $($of:ident::$promise:ident,)+) => {
        $(
            crate::contract::one_promise! { $attributes $engine; $of::$promise }
        )+
    };
}
pub(crate) use each_promise;

macro_rules! one_promise {
    ([$($attribute:tt)*] $engine:expr; $of:ident::$promise:ident) => {
        #[tokio::test]
        $($attribute)*
        async fn $promise() {
            crate::contract::$of::$promise(&$engine).await;
        }
    };
}
pub(crate) use one_promise;

/// Tests the capability of an engine to refuse a second process. A log shared by nodes lacks it.
macro_rules! exclusive {
    ($engine:expr) => {
        crate::contract::each_promise! { [] $engine; lasting::open_log_is_not_opened_twice, }
    };
}
pub(crate) use exclusive;

/// Tests that an engine's positions have no gaps, which lag and progress count by. The engine of
/// the simulations leaves gaps, to show that nothing else depends on it.
macro_rules! dense {
    (@all $attributes:tt $engine:expr) => {
        crate::contract::each_promise! { $attributes $engine;
            lasting::positions_are_dense_despite_conflicts,
        }
    };
    (ignored $reason:literal, $engine:expr) => {
        crate::contract::dense! { @all [#[ignore = $reason]] $engine }
    };
    ($engine:expr) => {
        crate::contract::dense! { @all [] $engine }
    };
}
pub(crate) use dense;

pub fn stream(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// A commit of `count` distinct events at `head`.
pub fn commit(stream: Uuid, head: Head, count: u64) -> Commit {
    commit_at(stream, head, count, Timestamp::now())
}

pub fn commit_at(stream: Uuid, head: Head, count: u64, at: Timestamp) -> Commit {
    let events = (1..=count).map(|number| NewEvent {
        name: "Happened".into(),
        schema: 1,
        data: format!(r#"{{"number":{},"text":"ü “x”"}}"#, head.version.0 + number),
    });
    let metadata = format!(r#"{{"command":"test","of":{count}}}"#);
    Commit::new(stream, head, at, metadata, events.collect())
}

pub fn end_of(commit: &Commit) -> Head {
    Head::at(commit.events().last().expect("a commit has events"))
}

/// Appends a commit of `count` events and returns the new end of the stream.
pub async fn append(log: &dyn EventLog, stream: Uuid, head: Head, count: u64) -> Head {
    let commit = commit(stream, head, count);
    let head = end_of(&commit);
    log.append(commit).await.expect("an append");
    head
}

pub async fn read(log: &dyn EventLog, stream: Uuid) -> Vec<RecordedEvent> {
    log.read_stream(stream, Version(0), 100_000, Freshness::Linearizable)
        .await
        .expect("a stream")
}

pub async fn read_everything(log: &dyn EventLog) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Position(0), |event| event.position);
        let page = log.read_all(after, 1_000).await.expect("a page");
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

pub fn versions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.version.0).collect()
}

/// The hash of an event as documented, independently of the implementation: SHA-256 over eight
/// lines.
pub fn documented_hash(previous: &str, event: &RecordedEvent) -> String {
    let lines = [
        previous.to_owned(),
        event.stream.hyphenated().to_string(),
        event.version.0.to_string(),
        event.name.to_string(),
        event.schema.to_string(),
        event.recorded_at.to_string(),
        event.data.to_string(),
        event.metadata.to_string(),
    ];
    hex::encode(Sha256::digest(lines.join("\n")))
}
