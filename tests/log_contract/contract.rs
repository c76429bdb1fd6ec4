//! The contract of the log's port, as functions over any engine. `every_promise!` makes a test of
//! each of them for one engine.

use cartlog::log::{
    AppendError, Commit, EventLog, Freshness, Hash, Head, NewEvent, Position, Recorded, Version,
};
use cartlog::timestamp::Timestamp;
use futures_util::future::{BoxFuture, FutureExt, join_all};
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
            commits_follow_each_other_in_a_stream,
            a_conflict_says_where_the_stream_is_and_writes_nothing,
            the_events_of_a_commit_stand_together_or_not_at_all,
            positions_increase_over_all_streams_and_reopenings,
            a_stream_is_read_in_pages,
            the_whole_log_is_read_in_pages_from_its_first_event,
            the_barrier_covers_everything_that_was_acknowledged,
            an_identity_is_the_log_s_own_and_outlives_a_reopening,
            followers_are_woken_and_find_what_woke_them,
            every_stream_is_a_chain_of_hashes,
            an_event_is_recorded_no_earlier_than_the_one_before_it,
            what_was_acknowledged_is_there_after_a_reopening,
            a_log_that_is_open_is_not_opened_again,
            a_log_that_closes_answers_what_is_queued_and_takes_nothing_more,
            of_concurrent_commits_at_one_version_exactly_one_is_written,
            concurrent_streams_do_not_hinder_each_other,
        }
    };
    ($engine:expr; $($promise:ident,)+) => {
        $(
            #[tokio::test]
            async fn $promise() {
                crate::contract::$promise(&$engine).await;
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

fn commit_at(stream: Uuid, head: Head, count: u64, at: Timestamp) -> Commit {
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

pub async fn read(log: &dyn EventLog, stream: Uuid) -> Vec<Recorded> {
    log.read_stream(stream, Version(0), 100_000, Freshness::Linearizable)
        .await
        .expect("a stream")
}

pub async fn read_everything(log: &dyn EventLog) -> Vec<Recorded> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Position(0), |event| event.position);
        let page = log.read_all(after, 1_000).await.expect("a page");
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

fn versions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.version.0).collect()
}

pub async fn commits_follow_each_other_in_a_stream(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let head = append(&*opened.log, stream(1), Head::START, 1).await;
    let head = append(&*opened.log, stream(1), head, 3).await;
    append(&*opened.log, stream(2), Head::START, 2).await;
    assert_eq!(head.version, Version(4));
    let events = read(&*opened.log, stream(1)).await;
    assert_eq!(versions(&events), [1, 2, 3, 4]);
    assert_eq!(Head::at(&events[3]), head);
    assert_eq!(&*events[2].data, r#"{"number":3,"text":"ü “x”"}"#);
    assert_eq!(&*events[0].metadata, r#"{"command":"test","of":1}"#);
    assert_eq!((&*events[0].name, events[0].schema), ("Happened", 1));
    assert!(events.iter().all(|event| event.stream == stream(1)));
    opened.end().await;
}

pub async fn a_conflict_says_where_the_stream_is_and_writes_nothing(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let first = append(log, stream(1), Head::START, 1).await;
    append(log, stream(1), first, 1).await;
    let before = read_everything(log).await;
    let far = Head {
        version: Version(7),
        ..first
    };
    for (stream, head, actual) in [
        (stream(1), Head::START, 2),
        (stream(1), first, 2),
        (stream(1), far, 2),
        (stream(2), first, 0),
    ] {
        let refused = log.append(commit(stream, head, 2)).await;
        assert_eq!(
            refused,
            Err(AppendError::Conflict {
                stream,
                expected: head.version,
                actual: Version(actual)
            })
        );
    }
    assert_eq!(read_everything(log).await, before);
    opened.end().await;
}

pub async fn the_events_of_a_commit_stand_together_or_not_at_all(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    // Every other commit is in conflict, in the same group as those that are not.
    let commits = (0..60).map(|number| {
        let head = if number % 2 == 0 {
            Head::START
        } else {
            Head {
                version: Version(9),
                ..Head::START
            }
        };
        commit(stream(number), head, 3)
    });
    let outcomes = join_all(commits.map(|commit| log.append(commit))).await;
    let events = read_everything(log).await;
    assert_eq!(events.len(), 90);
    for (number, outcome) in (0..60).zip(outcomes) {
        let written = read(log, stream(number)).await;
        if number % 2 == 0 {
            assert_eq!(versions(&written), [1, 2, 3]);
            assert_eq!(written[2].position, outcome.unwrap().position);
            let together = events.windows(3).any(|three| three == written);
            assert!(together, "the events of {number} stand together");
        } else {
            assert!(matches!(outcome, Err(AppendError::Conflict { .. })));
            assert_eq!(written, []);
        }
    }
    opened.end().await;
}

pub async fn positions_increase_over_all_streams_and_reopenings(engine: &dyn Engine) {
    for _ in 0..3 {
        let opened = engine.open().unwrap();
        let before = read_everything(&*opened.log).await.len();
        let new = before as u128..before as u128 + 20;
        join_all(new.map(|number| append(&*opened.log, stream(number), Head::START, 2))).await;
        let events = read_everything(&*opened.log).await;
        assert_eq!(events.len(), before + 40);
        assert!(events[0].position > Position(0));
        assert!(events.is_sorted_by(|one, next| one.position < next.position));
        opened.end().await;
    }
}

pub async fn a_stream_is_read_in_pages(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    append(log, stream(1), Head::START, 10).await;
    append(log, stream(2), Head::START, 10).await;
    for (after, limit, expected) in [
        (0, 3, vec![1, 2, 3]),
        (3, 3, vec![4, 5, 6]),
        (9, 3, vec![10]),
        (10, 3, vec![]),
        (99, 3, vec![]),
        (4, 0, vec![]),
        (0, 100, (1..=10).collect()),
    ] {
        for freshness in [
            Freshness::Any,
            Freshness::AtLeast(Position(20)),
            Freshness::Linearizable,
        ] {
            let page = log
                .read_stream(stream(1), Version(after), limit, freshness)
                .await
                .unwrap();
            assert_eq!(versions(&page), expected, "{limit} after {after}");
        }
    }
    assert_eq!(read(log, stream(3)).await, []);
    opened.end().await;
}

/// More events than an engine would keep in memory for its followers.
pub async fn the_whole_log_is_read_in_pages_from_its_first_event(engine: &dyn Engine) {
    const COMMITS: u128 = 180;
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let mut written = Vec::new();
    for number in 0..COMMITS {
        let commit = commit(stream(number), Head::START, 100);
        written.extend(commit.events().iter().map(|event| event.hash));
        log.append(commit).await.unwrap();
    }
    let events = read_everything(log).await;
    let read: Vec<Hash> = events.iter().map(|event| event.hash).collect();
    assert_eq!(read, written);
    for at in [0, 1, 1_614, 1_615, 1_616, 1_617, 9_000, 17_998, 17_999] {
        let before = events[at].position;
        let page = log.read_all(before, 7).await.unwrap();
        let expected = &events[at + 1..events.len().min(at + 8)];
        assert_eq!(page, expected, "7 after {before}");
    }
    assert_eq!(log.read_all(Position(0), 0).await.unwrap(), []);
    assert_eq!(log.read_all(Position(u64::MAX >> 1), 7).await.unwrap(), []);
    opened.end().await;
    let opened = engine.open().unwrap();
    assert_eq!(read_everything(&*opened.log).await, events);
    opened.end().await;
}

pub async fn the_barrier_covers_everything_that_was_acknowledged(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    assert_eq!(log.barrier().await, Ok(Position(0)));
    let mut head = Head::START;
    for _ in 0..20 {
        let commit = commit(stream(1), head, 2);
        head = end_of(&commit);
        let appended = log.append(commit).await.unwrap();
        let barrier = log.barrier().await.unwrap();
        assert!(barrier >= appended.position);
        let events = read_everything(log).await;
        assert_eq!(events.last().unwrap().position, appended.position);
    }
    let before = log.barrier().await.unwrap();
    opened.end().await;
    let opened = engine.open().unwrap();
    assert!(opened.log.barrier().await.unwrap() >= before);
    opened.end().await;
}

pub async fn an_identity_is_the_log_s_own_and_outlives_a_reopening(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let identity = opened.log.identity();
    opened.end().await;
    let opened = engine.open().unwrap();
    assert_eq!(opened.log.identity(), identity);
    let elsewhere = engine.elsewhere();
    let other = elsewhere.open().unwrap();
    assert_ne!(other.log.identity(), identity);
    other.end().await;
    opened.end().await;
}

pub async fn followers_are_woken_and_find_what_woke_them(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let mut wake_ups = log.wake_ups();
    wake_ups.borrow_and_update();
    let mut head = Head::START;
    for _ in 0..10 {
        let commit = commit(stream(1), head, 1);
        head = end_of(&commit);
        let (appended, woken) =
            tokio::join!(log.append(commit), timeout(PATIENCE, wake_ups.changed()));
        woken.expect("a wake-up in time").unwrap();
        assert_eq!(*wake_ups.borrow_and_update(), appended.unwrap().position);
        let events = read_everything(log).await;
        assert_eq!(Head::at(events.last().unwrap()), head);
    }
    opened.end().await;
}

/// The hash of an event, from what the log's documentation says: SHA-256 over eight lines.
pub fn hash_by_the_book(previous: &str, event: &Recorded) -> String {
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

pub async fn every_stream_is_a_chain_of_hashes(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let mut hashes = Vec::new();
    for number in 1..=3 {
        let head = append(log, stream(number), Head::START, 1).await;
        let head = append(log, stream(number), head, 4).await;
        append(log, stream(number), head, 1).await;
        let mut previous = "0".repeat(64);
        for event in read(log, stream(number)).await {
            let expected = hash_by_the_book(&previous, &event);
            assert_eq!(event.hash.to_string(), expected, "{event:?}");
            hashes.push(expected.clone());
            previous = expected;
        }
    }
    assert_eq!(hashes.len(), 18);
    let all = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), all, "no two events have the same hash");
    opened.end().await;
}

pub async fn an_event_is_recorded_no_earlier_than_the_one_before_it(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let noon = Timestamp::from_millis(1_795_426_200_000);
    let morning = Timestamp::from_millis(1_795_416_200_000);
    let first = commit_at(stream(1), Head::START, 1, noon);
    let head = end_of(&first);
    log.append(first).await.unwrap();
    // A clock that was set back, or another node's that is slow.
    log.append(commit_at(stream(1), head, 1, morning))
        .await
        .unwrap();
    let times: Vec<Timestamp> = read(log, stream(1))
        .await
        .iter()
        .map(|event| event.recorded_at)
        .collect();
    assert_eq!(times, [noon, noon]);
    opened.end().await;
}

pub async fn what_was_acknowledged_is_there_after_a_reopening(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let head = append(&*opened.log, stream(1), Head::START, 3).await;
    append(&*opened.log, stream(2), Head::START, 1).await;
    let before = read_everything(&*opened.log).await;
    opened.end().await;
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    assert_eq!(read_everything(log).await, before);
    let stale = log.append(commit(stream(1), Head::START, 1)).await;
    assert!(matches!(
        stale,
        Err(AppendError::Conflict {
            actual: Version(3),
            ..
        })
    ));
    append(log, stream(1), head, 1).await;
    assert_eq!(versions(&read(log, stream(1)).await), [1, 2, 3, 4]);
    opened.end().await;
}

pub async fn a_log_that_is_open_is_not_opened_again(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let Err(reason) = engine.open() else {
        panic!("two writers of one log");
    };
    assert!(
        reason.contains("another process has this log open"),
        "{reason}"
    );
    assert!(!reason.contains('\n'), "{reason}");
    append(&*opened.log, stream(1), Head::START, 1).await;
    opened.end().await;
    engine.open().unwrap().end().await;
}

pub async fn a_log_that_closes_answers_what_is_queued_and_takes_nothing_more(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = opened.log.clone();
    let mut queued = Vec::new();
    for number in 0..100 {
        let mut append = log.append(commit(stream(number), Head::START, 1));
        // Polled once, so that it is in the queue; answered after the close.
        if let Some(outcome) = (&mut append).now_or_never() {
            outcome.expect("an append");
        } else {
            queued.push(append);
        }
    }
    opened.end().await;
    for outcome in join_all(queued).await {
        outcome.expect("an append that was queued before the close");
    }
    let late = log.append(commit(stream(200), Head::START, 1)).await;
    assert!(matches!(late, Err(AppendError::NotWritten(_))), "{late:?}");
    let opened = engine.open().unwrap();
    assert_eq!(read_everything(&*opened.log).await.len(), 100);
    opened.end().await;
}

pub async fn of_concurrent_commits_at_one_version_exactly_one_is_written(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let mut head = Head::START;
    for round in 1..=30 {
        let rivals = (1..=8).map(|count| commit(stream(1), head, count));
        let outcomes = join_all(rivals.map(|commit| async {
            let end = end_of(&commit);
            (end, log.append(commit).await)
        }))
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .partition(|(_, outcome)| outcome.is_ok());
        assert_eq!(won.len(), 1, "round {round}");
        for (_, outcome) in lost {
            assert_eq!(
                outcome,
                Err(AppendError::Conflict {
                    stream: stream(1),
                    expected: head.version,
                    actual: won[0].0.version
                })
            );
        }
        head = won[0].0;
    }
    let events = read(log, stream(1)).await;
    assert_eq!(versions(&events), (1..=head.version.0).collect::<Vec<_>>());
    assert_eq!(Head::at(events.last().unwrap()), head);
    opened.end().await;
}

pub async fn concurrent_streams_do_not_hinder_each_other(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let writers = (0..50).map(|number| async move {
        let mut head = Head::START;
        for _ in 0..20 {
            head = append(log, stream(number), head, 1).await;
        }
    });
    join_all(writers).await;
    assert_eq!(read_everything(log).await.len(), 1_000);
    for number in 0..50 {
        let events = read(log, stream(number)).await;
        assert_eq!(versions(&events), (1..=20).collect::<Vec<_>>());
    }
    opened.end().await;
}
