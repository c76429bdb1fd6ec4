//! The promises about reopening a log, and about its positions.

use super::{Engine, append, commit, read, read_everything, stream, versions};
use cartlog::log::{AppendError, Head, Position};
use futures_util::future::{FutureExt, join_all};

pub async fn positions_increase_across_streams_and_reopenings(engine: &dyn Engine) {
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

pub async fn identity_is_unique_and_survives_reopening(engine: &dyn Engine) {
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

pub async fn acknowledged_events_survive_reopening(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let head = append(&*opened.log, stream(1), Head::START, 3).await;
    append(&*opened.log, stream(2), Head::START, 1).await;
    let before = read_everything(&*opened.log).await;
    opened.end().await;
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    assert_eq!(read_everything(log).await, before);
    let stale = log.append(commit(stream(1), Head::START, 1)).await;
    assert!(matches!(stale, Err(AppendError::Conflict { .. })));
    append(log, stream(1), head, 1).await;
    assert_eq!(versions(&read(log, stream(1)).await), [1, 2, 3, 4]);
    opened.end().await;
}

pub async fn open_log_is_not_opened_twice(engine: &dyn Engine) {
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

pub async fn closing_log_acknowledges_queued_and_refuses_new_commits(engine: &dyn Engine) {
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
    (opened.close)();
    // Those that come while it closes are written or refused, and the sender knows which.
    let mut late = 0;
    loop {
        assert!(late < 10_000, "a closed log accepts commits");
        match log.append(commit(stream(200 + late), Head::START, 1)).await {
            Ok(_) => late += 1,
            Err(AppendError::NotWritten(_)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    opened.end().await;
    for outcome in join_all(queued).await {
        outcome.expect("an append that was queued before the close");
    }
    let refused = log.append(commit(stream(0), Head::START, 1)).await;
    assert!(
        matches!(refused, Err(AppendError::NotWritten(_))),
        "{refused:?}"
    );
    let opened = engine.open().unwrap();
    let written = read_everything(&*opened.log).await.len();
    assert_eq!(written as u128, 100 + late);
    opened.end().await;
}

pub async fn positions_are_dense_despite_conflicts(engine: &dyn Engine) {
    let opened = engine.open().unwrap();
    let log = &*opened.log;
    for number in 0..10 {
        append(log, stream(number), Head::START, 2).await;
        log.append(commit(stream(number), Head::START, 3))
            .await
            .unwrap_err();
    }
    let events = read_everything(log).await;
    let positions: Vec<u64> = events.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=20).collect::<Vec<_>>());
    opened.end().await;
}
