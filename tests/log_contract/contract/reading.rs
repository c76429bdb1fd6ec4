//! The promises about reading.

use super::{Engine, PATIENCE, append, commit, end_of, read, read_everything, stream, versions};
use cartlog::log::{Checkpoint, Freshness, Hash, Head, Position, Version};
use tokio::time::timeout;

pub async fn stream_is_read_in_pages(engine: &dyn Engine) {
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

/// With more events than an engine caches for readers of the tail.
pub async fn whole_log_is_read_in_pages(engine: &dyn Engine) {
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
        let hashes = log.read_hashes(before, 7).await.unwrap();
        assert_eq!(hashes, read[at + 1..events.len().min(at + 8)]);
    }
    assert_eq!(log.read_hashes(Position(0), 100_000).await.unwrap(), read);
    for (after, limit) in [(0, 0), (u64::MAX >> 1, 7)] {
        assert_eq!(log.read_all(Position(after), limit).await.unwrap(), []);
        assert_eq!(log.read_hashes(Position(after), limit).await.unwrap(), []);
    }
    opened.end().await;
    let opened = engine.open().unwrap();
    assert_eq!(read_everything(&*opened.log).await, events);
    let hashes = opened.log.read_hashes(Position(0), 100_000).await.unwrap();
    assert_eq!(hashes, read);
    opened.end().await;
}

pub async fn barrier_covers_acknowledged_events(engine: &dyn Engine) {
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

pub async fn append_wakes_readers(engine: &dyn Engine) {
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

pub async fn checkpoint_is_contained_in_its_own_history_only(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    let start = Checkpoint::start(log.identity());
    assert_eq!(log.contains(&start).await, Ok(true));
    append(log, stream(1), Head::START, 3).await;
    append(log, stream(2), Head::START, 1).await;
    let events = read_everything(log).await;
    for event in &events {
        let own = start.after(event);
        let other_event = Checkpoint {
            hash: Hash::ZERO,
            ..own
        };
        let other_log = Checkpoint {
            log_id: stream(9),
            ..own
        };
        assert_eq!(log.contains(&own).await, Ok(true), "{own:?}");
        assert_eq!(log.contains(&other_event).await, Ok(false));
        assert_eq!(log.contains(&other_log).await, Ok(false));
    }
    let last = start.after(&events[3]);
    let beyond = Checkpoint {
        position: Position(last.position.0 + 1),
        ..last
    };
    assert_eq!(log.contains(&beyond).await, Ok(false));
    opened.end().await;
}
