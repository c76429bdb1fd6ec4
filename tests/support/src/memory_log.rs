//! An engine in memory, with gaps in its positions as a distributed log has them. It passes the
//! contract suite of the log, so that a simulation over it is a simulation over a log.
//!
//! It is part of the tests and not of the library: no configuration can select a log that forgets.

use async_trait::async_trait;
use cartlog::log::{
    AppendError, Appended, Commit, Freshness, Head, LogReader, LogWriter, NewEvent, Position,
    ReadError, RecordedEvent, Version,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;
use uuid::Uuid;

/// Where a log is stored. It outlives the logs that are opened on it, as a disk does.
#[derive(Debug, Clone)]
pub struct MemoryStorage {
    identity: Uuid,
    stored: Arc<Mutex<Stored>>,
}

#[derive(Debug, Default)]
struct Stored {
    /// In the order of their positions.
    events: Vec<RecordedEvent>,
    /// Where each stream's events are in `events`, by version.
    streams: HashMap<Uuid, Vec<usize>>,
    open: bool,
}

impl MemoryStorage {
    /// Empty storage; the log that is opened on it has this identity.
    pub fn new(identity: Uuid) -> MemoryStorage {
        MemoryStorage {
            identity,
            stored: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().expect("no panic under the lock")
    }
}

impl Stored {
    fn end(&self) -> Position {
        self.events
            .last()
            .map_or(Position(0), |event| event.position)
    }

    /// The next position behind `position`: one to four further, always the same.
    fn behind(position: Position) -> Position {
        let mixed = position
            .0
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Position(position.0 + 1 + (mixed >> 62))
    }

    fn append(&mut self, commit: &Commit) -> Result<Appended, AppendError> {
        let mut position = self.end();
        let places = self.streams.entry(commit.stream()).or_default();
        let actual = Version(places.len() as u64);
        if actual != commit.expected() {
            return Err(commit.conflict());
        }
        for event in commit.events() {
            position = Stored::behind(position);
            places.push(self.events.len());
            self.events.push(RecordedEvent {
                position,
                ..event.clone()
            });
        }
        Ok(Appended { position, group: 1 })
    }
}

/// A log that is open.
#[derive(Debug)]
pub struct MemoryLog {
    storage: MemoryStorage,
    committed: watch::Sender<Position>,
    closed: watch::Sender<bool>,
}

impl MemoryLog {
    pub fn open(storage: &MemoryStorage) -> Result<Arc<MemoryLog>, String> {
        let mut stored = storage.lock();
        if std::mem::replace(&mut stored.open, true) {
            return Err("another process has this log open".to_owned());
        }
        Ok(Arc::new(MemoryLog {
            storage: storage.clone(),
            committed: watch::Sender::new(stored.end()),
            closed: watch::Sender::new(false),
        }))
    }

    /// Releases the storage, so that it can be opened again. Later commits are `NotWritten`.
    pub fn close(&self) {
        self.storage.lock().open = false;
        self.closed.send_replace(true);
    }

    /// The last event of `stream`.
    pub fn head(&self, stream: Uuid) -> Head {
        let stored = self.storage.lock();
        let last = stored.streams.get(&stream).and_then(|places| places.last());
        last.map_or(Head::START, |place| Head::at(&stored.events[*place]))
    }
}

/// The first `count` events of `commit` as a commit at `head`: for engines that break the contract
/// on purpose, by writing a commit twice or only a part of it.
pub fn recommit(commit: &Commit, head: Head, count: usize) -> Commit {
    let first = &commit.events()[0];
    let events = commit.events().iter().take(count).map(|event| NewEvent {
        name: event.name.clone(),
        schema: event.schema,
        data: event.data.to_string(),
    });
    let metadata = first.metadata.to_string();
    Commit::new(
        commit.stream(),
        head,
        first.recorded_at,
        metadata,
        events.collect(),
    )
}

#[async_trait]
impl LogWriter for MemoryLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        if *self.closed.borrow() {
            return Err(AppendError::NotWritten("the log is closed".to_owned()));
        }
        let appended = self.storage.lock().append(&commit)?;
        self.committed.send_replace(appended.position);
        Ok(appended)
    }

    fn close(&self) {
        MemoryLog::close(self);
    }
}

#[async_trait]
impl LogReader for MemoryLog {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let stored = self.storage.lock();
        let places = stored.streams.get(&stream).map_or(&[][..], Vec::as_slice);
        let after = usize::try_from(after.0).unwrap_or(usize::MAX);
        let read = places.iter().skip(after).take(limit);
        Ok(read.map(|place| stored.events[*place].clone()).collect())
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let stored = self.storage.lock();
        let first = stored
            .events
            .partition_point(|event| event.position <= after);
        Ok(stored.events[first..].iter().take(limit).cloned().collect())
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        Ok(self.storage.lock().end())
    }

    fn identity(&self) -> Uuid {
        self.storage.identity
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.committed.subscribe()
    }
}
