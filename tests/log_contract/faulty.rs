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
enum Fault {
    None,
    IgnoresExpectedVersion,
    TearsCommits,
    BreaksTheChain,
    SkipsFirstOfPage,
    SkipsFirstHash,
    ShowsLaterEventsFirst,
    IgnoresLimit,
    ReturnsStaleBarrier,
    ForgetsOnClose,
    ChangesIdentity,
    OpensTwice,
    WritesWhenClosed,
}

/// An engine in memory with a fault.
struct FaultyEngine {
    place: MemoryStorage,
    fault: Fault,
}

impl FaultyEngine {
    fn new(fault: Fault) -> FaultyEngine {
        FaultyEngine {
            place: MemoryStorage::new(Uuid::now_v7()),
            fault,
        }
    }
}

impl Engine for FaultyEngine {
    fn open(&self) -> Result<Opened, String> {
        let place = match self.fault {
            Fault::ForgetsOnClose | Fault::OpensTwice => MemoryStorage::new(Uuid::nil()),
            _ => self.place.clone(),
        };
        let log = Arc::new(FaultyLog {
            log: MemoryLog::open(&place)?,
            identity: Uuid::now_v7(),
            fault: self.fault,
        });
        let closing = log.clone();
        Ok(Opened {
            log,
            close: Box::new(move || match closing.fault {
                Fault::WritesWhenClosed => {}
                _ => closing.log.close(),
            }),
            ended: Box::pin(async { Ok(()) }),
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(FaultyEngine::new(self.fault))
    }
}

struct FaultyLog {
    log: Arc<MemoryLog>,
    identity: Uuid,
    fault: Fault,
}

impl FaultyLog {
    /// `commit`, or its first `count` events, moved to the current end of its stream.
    fn at_the_end(&self, commit: &Commit, count: usize) -> Commit {
        recommit(commit, self.log.head(commit.stream()), count)
    }

    fn faulty(&self, mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        if self.fault == Fault::BreaksTheChain {
            for event in &mut events {
                event.hash = Hash::ZERO;
            }
        }
        events
    }
}

#[async_trait]
impl LogWriter for FaultyLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let commit = match self.fault {
            Fault::IgnoresExpectedVersion => self.at_the_end(&commit, usize::MAX),
            Fault::TearsCommits if commit.events().len() > 1 => self.at_the_end(&commit, 1),
            _ => commit,
        };
        self.log.append(commit).await
    }

    fn close(&self) {
        if self.fault != Fault::WritesWhenClosed {
            self.log.close();
        }
    }
}

#[async_trait]
impl LogReader for FaultyLog {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let limit = match self.fault {
            Fault::IgnoresLimit => limit.saturating_add(1),
            _ => limit,
        };
        let events = self.log.read_stream(stream, after, limit, freshness);
        Ok(self.faulty(events.await?))
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut events = self.log.read_all(after, limit).await?;
        if self.fault == Fault::SkipsFirstOfPage && events.len() > 1 {
            events.remove(0);
        }
        if self.fault == Fault::ShowsLaterEventsFirst {
            events.reverse();
        }
        Ok(self.faulty(events))
    }

    async fn read_hashes(&self, after: Position, limit: usize) -> Result<Vec<Hash>, ReadError> {
        let mut hashes = self.log.read_hashes(after, limit).await?;
        if self.fault == Fault::SkipsFirstHash && !hashes.is_empty() {
            hashes.remove(0);
        }
        Ok(hashes)
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        let barrier = self.log.barrier().await?;
        Ok(match self.fault {
            Fault::ReturnsStaleBarrier => Position(barrier.0.saturating_sub(1)),
            _ => barrier,
        })
    }

    fn identity(&self) -> Uuid {
        match self.fault {
            Fault::ChangesIdentity => self.identity,
            _ => self.log.identity(),
        }
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.log.wake_ups()
    }
}

/// A test of the contract.
type Promise = for<'a> fn(&'a dyn Engine) -> LocalBoxFuture<'a, ()>;

/// Whether an engine with this fault passes the test.
async fn keeps(promise: Promise, fault: Fault) -> bool {
    let engine = FaultyEngine::new(fault);
    let kept = AssertUnwindSafe(promise(&engine)).catch_unwind().await;
    kept.is_ok()
}

macro_rules! promise {
    ($of:ident::$promise:ident) => {
        |engine| $of::$promise(engine).boxed_local()
    };
}

#[tokio::test]
async fn engine_breaking_a_promise_fails_the_contract() {
    let promises: [(Fault, Promise); 13] = [
        (
            Fault::IgnoresExpectedVersion,
            promise!(appending::conflict_writes_nothing),
        ),
        (
            Fault::IgnoresExpectedVersion,
            promise!(appending::concurrent_commits_at_one_version_write_exactly_one),
        ),
        (
            Fault::TearsCommits,
            promise!(appending::events_of_a_commit_are_written_together_or_not_at_all),
        ),
        (
            Fault::BreaksTheChain,
            promise!(appending::streams_are_hash_chains),
        ),
        (
            Fault::SkipsFirstOfPage,
            promise!(reading::whole_log_is_read_in_pages),
        ),
        (
            Fault::SkipsFirstHash,
            promise!(reading::whole_log_is_read_in_pages),
        ),
        (
            Fault::IgnoresLimit,
            promise!(reading::stream_is_read_in_pages),
        ),
        (
            Fault::ReturnsStaleBarrier,
            promise!(reading::barrier_covers_acknowledged_events),
        ),
        (
            Fault::ForgetsOnClose,
            promise!(lasting::acknowledged_events_survive_reopening),
        ),
        (
            Fault::ShowsLaterEventsFirst,
            promise!(lasting::positions_increase_across_streams_and_reopenings),
        ),
        (
            Fault::ChangesIdentity,
            promise!(lasting::identity_is_unique_and_survives_reopening),
        ),
        (
            Fault::OpensTwice,
            promise!(lasting::open_log_is_not_opened_twice),
        ),
        (
            Fault::WritesWhenClosed,
            promise!(lasting::closing_log_acknowledges_queued_and_refuses_new_commits),
        ),
    ];
    for (fault, promise) in promises {
        assert!(keeps(promise, Fault::None).await, "{fault:?}");
        assert!(!keeps(promise, fault).await, "{fault:?}");
    }
}
