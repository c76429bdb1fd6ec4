//! An engine in memory, with gaps in its positions as a distributed log has them. It passes the
//! port's contract, so that what is simulated over it is simulated over a log.
//!
//! It stands with the tests and not in the library: nobody should be able to choose a log that
//! forgets.

use async_trait::async_trait;
use cartlog::log::{
    AppendError, Appended, Commit, EventLog, Freshness, Head, NewEvent, Position, ReadError,
    RecordedEvent, Version,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;
use uuid::Uuid;

/// Where a log is kept. It outlives whoever opens it, as a disk does.
#[derive(Debug, Clone)]
pub struct Place {
    identity: Uuid,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their positions.
    events: Vec<RecordedEvent>,
    /// Where each stream's events are in `events`, by version.
    streams: HashMap<Uuid, Vec<usize>>,
    open: bool,
}

impl Place {
    /// A place without a log; the next one to be opened there is called `identity`.
    pub fn new(identity: Uuid) -> Place {
        Place {
            identity,
            kept: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .expect("nobody panics with the log in hand")
    }
}

impl Kept {
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
            return Err(AppendError::Conflict {
                stream: commit.stream(),
                expected: commit.expected(),
                actual,
            });
        }
        for event in commit.events() {
            position = Kept::behind(position);
            places.push(self.events.len());
            self.events.push(RecordedEvent {
                position,
                ..event.clone()
            });
        }
        Ok(Appended { position })
    }
}

/// A log that is open.
#[derive(Debug)]
pub struct MemoryLog {
    place: Place,
    committed: watch::Sender<Position>,
    closed: watch::Sender<bool>,
}

impl MemoryLog {
    pub fn open(place: &Place) -> Result<Arc<MemoryLog>, String> {
        let mut kept = place.lock();
        if std::mem::replace(&mut kept.open, true) {
            return Err("another process has this log open".to_owned());
        }
        Ok(Arc::new(MemoryLog {
            place: place.clone(),
            committed: watch::Sender::new(kept.end()),
            closed: watch::Sender::new(false),
        }))
    }

    /// Lets the log be opened again. Later commits are refused as not written.
    pub fn close(&self) {
        self.place.lock().open = false;
        self.closed.send_replace(true);
    }

    /// Where `stream` ends.
    pub fn head(&self, stream: Uuid) -> Head {
        let kept = self.place.lock();
        let last = kept.streams.get(&stream).and_then(|places| places.last());
        last.map_or(Head::START, |place| Head::at(&kept.events[*place]))
    }
}

/// The first `count` events of `commit` as a commit at `head`: what engines make of one that are to be
/// caught.
pub fn again(commit: &Commit, head: Head, count: usize) -> Commit {
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
impl EventLog for MemoryLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        if *self.closed.borrow() {
            return Err(AppendError::NotWritten("the log is closed".to_owned()));
        }
        let appended = self.place.lock().append(&commit)?;
        self.committed.send_replace(appended.position);
        Ok(appended)
    }

    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let kept = self.place.lock();
        let places = kept.streams.get(&stream).map_or(&[][..], Vec::as_slice);
        let after = usize::try_from(after.0).unwrap_or(usize::MAX);
        let read = places.iter().skip(after).take(limit);
        Ok(read.map(|place| kept.events[*place].clone()).collect())
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let kept = self.place.lock();
        let first = kept.events.partition_point(|event| event.position <= after);
        Ok(kept.events[first..].iter().take(limit).cloned().collect())
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        Ok(self.place.lock().end())
    }

    fn identity(&self) -> Uuid {
        self.place.identity
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.committed.subscribe()
    }
}
