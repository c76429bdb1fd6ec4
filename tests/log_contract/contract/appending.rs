//! The promises about appending.

use super::{
    Engine, append, commit, commit_at, documented_hash, end_of, read, read_everything, stream,
    versions,
};
use cartlog::log::{AppendError, Head, Version};
use cartlog::timestamp::Timestamp;
use futures_util::future::join_all;

pub async fn commits_continue_the_versions_of_their_stream(engine: &dyn Engine) {
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

pub async fn conflict_writes_nothing(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let first = append(log, stream(1), Head::START, 1).await;
    append(log, stream(1), first, 1).await;
    let before = read_everything(log).await;
    let far = Head {
        version: Version(7),
        ..first
    };
    for (stream, head) in [
        (stream(1), Head::START),
        (stream(1), first),
        (stream(1), far),
        (stream(2), first),
    ] {
        let refused = log.append(commit(stream, head, 2)).await;
        assert_eq!(
            refused,
            Err(AppendError::Conflict {
                stream,
                expected: head.version,
            })
        );
    }
    assert_eq!(read_everything(log).await, before);
    opened.end().await;
}

/// Promise (log): The simulated log keeps the contract of the log.
/// Fault: The contract suite of the engine in a file
/// Control: Engines that break the contract fail it:
/// [engine_breaking_a_promise_fails_the_contract].
pub async fn events_of_a_commit_are_written_together_or_not_at_all(engine: &dyn Engine) {
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

pub async fn concurrent_commits_at_one_version_write_exactly_one(engine: &dyn Engine) {
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

pub async fn concurrent_streams_do_not_conflict(engine: &dyn Engine) {
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

pub async fn streams_are_hash_chains(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let mut hashes = Vec::new();
    for number in 1..=3 {
        let head = append(log, stream(number), Head::START, 1).await;
        let head = append(log, stream(number), head, 4).await;
        append(log, stream(number), head, 1).await;
        let mut previous = "0".repeat(64);
        for event in read(log, stream(number)).await {
            let expected = documented_hash(&previous, &event);
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

pub async fn event_times_never_decrease_within_a_stream(engine: &dyn Engine) {
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
