//! The contract of the log's port, as functions over any engine. `every_promise!` makes a test of
//! each of them for one engine.

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

/// After this long a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine with a place of its own, where there is no log yet.
pub trait Engine {
    /// Opens the log at that place, or says in one line why not.
    fn open(&self) -> Result<Opened, String>;
    /// Another place of the same engine.
    fn elsewhere(&self) -> Box<dyn Engine>;
}

/// A log that is open.
pub struct Opened {
    pub log: Arc<dyn EventLog>,
    /// Tells it to write what is queued and end.
    pub close: Box<dyn Fn()>,
    /// Ready once it has ended; its place can then be opened again.
    pub ended: BoxFuture<'static, Result<(), String>>,
}

impl Opened {
    async fn end(self) {
        (self.close)();
        let ended = timeout(PATIENCE, self.ended).await;
        ended.expect("an end in time").expect("a good end");
    }
}

/// The whole contract for the engine that `$engine` makes.
macro_rules! every_promise {
    ($engine:expr) => {
        crate::contract::every_promise! { $engine;
            appending::commits_follow_each_other_in_a_stream,
            appending::conflict_writes_nothing,
            appending::the_events_of_a_commit_stand_together_or_not_at_all,
            lasting::positions_increase_over_all_streams_and_reopenings,
            reading::a_stream_is_read_in_pages,
            reading::the_whole_log_is_read_in_pages_from_its_first_event,
            reading::the_barrier_covers_everything_that_was_acknowledged,
            lasting::an_identity_is_the_log_s_own_and_outlives_a_reopening,
            reading::checkpoint_is_contained_in_its_own_history_only,
            reading::followers_are_woken_and_find_what_woke_them,
            appending::every_stream_is_a_chain_of_hashes,
            appending::an_event_is_recorded_no_earlier_than_the_one_before_it,
            lasting::what_was_acknowledged_is_there_after_a_reopening,
            lasting::a_log_that_is_open_is_not_opened_again,
            lasting::a_log_that_closes_answers_what_is_queued_and_takes_nothing_more,
            appending::of_concurrent_commits_at_one_version_exactly_one_is_written,
            appending::concurrent_streams_do_not_hinder_each_other,
        }
    };
    ($engine:expr; $($of:ident::$promise:ident,)+) => {
        $(
            #[tokio::test]
            async fn $promise() {
                crate::contract::$of::$promise(&$engine).await;
            }
        )+
    };
}
pub(crate) use every_promise;

pub fn stream(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// A commit of `count` events at `head`, each telling itself from all others.
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

/// The hash of an event, from what the log's documentation says: SHA-256 over eight lines.
pub fn hash_by_the_book(previous: &str, event: &RecordedEvent) -> String {
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
