//! The control of the contract: an engine that breaks one of its promises does not pass.

use crate::contract::{Engine, Opened, appending, lasting, reading};
use async_trait::async_trait;
use cartlog::log::{
    AppendError, Appended, Commit, Freshness, Hash, LogReader, LogWriter, Position, ReadError,
    RecordedEvent, Version,
};
use cartlog_testkit::memory_log::{MemoryLog, MemoryStorage, recommit};
use futures_util::future::{FutureExt, LocalBoxFuture};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    IgnoresTheExpectedVersion,
    TearsCommits,
    BreaksTheChain,
    SkipsTheFirstOfAPage,
    ShowsLaterEventsFirst,
    GivesMoreThanAsked,
    HasABarrierThatIsBehind,
    ForgetsAtTheEnd,
    HasAnotherNameEachTime,
    OpensTwice,
    WritesWhenClosed,
}

/// An engine in memory that lies.
struct Lying {
    place: MemoryStorage,
    lie: Lie,
}

impl Lying {
    fn new(lie: Lie) -> Lying {
        Lying {
            place: MemoryStorage::new(Uuid::now_v7()),
            lie,
        }
    }
}

impl Engine for Lying {
    fn open(&self) -> Result<Opened, String> {
        let place = match self.lie {
            Lie::ForgetsAtTheEnd | Lie::OpensTwice => MemoryStorage::new(Uuid::nil()),
            _ => self.place.clone(),
        };
        let log = Arc::new(LyingLog {
            log: MemoryLog::open(&place)?,
            identity: Uuid::now_v7(),
            lie: self.lie,
        });
        let closing = log.clone();
        Ok(Opened {
            log,
            close: Box::new(move || match closing.lie {
                Lie::WritesWhenClosed => {}
                _ => closing.log.close(),
            }),
            ended: Box::pin(async { Ok(()) }),
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(Lying::new(self.lie))
    }
}

struct LyingLog {
    log: Arc<MemoryLog>,
    identity: Uuid,
    lie: Lie,
}

impl LyingLog {
    /// `commit`, or so much of it, as if it had been decided on at the end of its stream.
    fn at_the_end(&self, commit: &Commit, count: usize) -> Commit {
        recommit(commit, self.log.head(commit.stream()), count)
    }

    fn told(&self, mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        if self.lie == Lie::BreaksTheChain {
            for event in &mut events {
                event.hash = Hash::ZERO;
            }
        }
        events
    }
}

#[async_trait]
impl LogWriter for LyingLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let commit = match self.lie {
            Lie::IgnoresTheExpectedVersion => self.at_the_end(&commit, usize::MAX),
            Lie::TearsCommits if commit.events().len() > 1 => self.at_the_end(&commit, 1),
            _ => commit,
        };
        self.log.append(commit).await
    }

    fn close(&self) {
        if self.lie != Lie::WritesWhenClosed {
            self.log.close();
        }
    }
}

#[async_trait]
impl LogReader for LyingLog {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let limit = match self.lie {
            Lie::GivesMoreThanAsked => limit.saturating_add(1),
            _ => limit,
        };
        let events = self.log.read_stream(stream, after, limit, freshness);
        Ok(self.told(events.await?))
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut events = self.log.read_all(after, limit).await?;
        if self.lie == Lie::SkipsTheFirstOfAPage && events.len() > 1 {
            events.remove(0);
        }
        if self.lie == Lie::ShowsLaterEventsFirst {
            events.reverse();
        }
        Ok(self.told(events))
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        let barrier = self.log.barrier().await?;
        Ok(match self.lie {
            Lie::HasABarrierThatIsBehind => Position(barrier.0.saturating_sub(1)),
            _ => barrier,
        })
    }

    fn identity(&self) -> Uuid {
        match self.lie {
            Lie::HasAnotherNameEachTime => self.identity,
            _ => self.log.identity(),
        }
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.log.wake_ups()
    }
}

/// A test of the contract.
type Promise = for<'a> fn(&'a dyn Engine) -> LocalBoxFuture<'a, ()>;

/// Whether an engine with this lie keeps the promise all the same.
async fn keeps(promise: Promise, lie: Lie) -> bool {
    let engine = Lying::new(lie);
    let kept = AssertUnwindSafe(promise(&engine)).catch_unwind().await;
    kept.is_ok()
}

macro_rules! promise {
    ($of:ident::$promise:ident) => {
        |engine| $of::$promise(engine).boxed_local()
    };
}

#[tokio::test]
async fn an_engine_that_breaks_a_promise_does_not_pass() {
    let promises: [(Lie, Promise); 12] = [
        (
            Lie::IgnoresTheExpectedVersion,
            promise!(appending::conflict_writes_nothing),
        ),
        (
            Lie::IgnoresTheExpectedVersion,
            promise!(appending::of_concurrent_commits_at_one_version_exactly_one_is_written),
        ),
        (
            Lie::TearsCommits,
            promise!(appending::the_events_of_a_commit_stand_together_or_not_at_all),
        ),
        (
            Lie::BreaksTheChain,
            promise!(appending::every_stream_is_a_chain_of_hashes),
        ),
        (
            Lie::SkipsTheFirstOfAPage,
            promise!(reading::the_whole_log_is_read_in_pages_from_its_first_event),
        ),
        (
            Lie::GivesMoreThanAsked,
            promise!(reading::a_stream_is_read_in_pages),
        ),
        (
            Lie::HasABarrierThatIsBehind,
            promise!(reading::the_barrier_covers_everything_that_was_acknowledged),
        ),
        (
            Lie::ForgetsAtTheEnd,
            promise!(lasting::what_was_acknowledged_is_there_after_a_reopening),
        ),
        (
            Lie::ShowsLaterEventsFirst,
            promise!(lasting::positions_increase_over_all_streams_and_reopenings),
        ),
        (
            Lie::HasAnotherNameEachTime,
            promise!(lasting::an_identity_is_the_log_s_own_and_outlives_a_reopening),
        ),
        (
            Lie::OpensTwice,
            promise!(lasting::a_log_that_is_open_is_not_opened_again),
        ),
        (
            Lie::WritesWhenClosed,
            promise!(lasting::a_log_that_closes_answers_what_is_queued_and_takes_nothing_more),
        ),
    ];
    for (lie, promise) in promises {
        assert!(keeps(promise, Lie::None).await, "{lie:?}");
        assert!(!keeps(promise, lie).await, "{lie:?}");
    }
}
