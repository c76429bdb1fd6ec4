//! A bounded cache of stream ends. Evicted ones are looked up again, so that memory does not grow
//! with the log.

use crate::log::{Freshness, Hash, LogReader, ReadError, RecordedEvent, Version};
use std::collections::HashMap;
use uuid::Uuid;

/// How many streams are cached.
const CAPACITY: usize = 200_000;

/// A value for the end of each stream.
#[derive(Debug)]
pub struct Heads<T>(HashMap<Uuid, T>);

impl<T: Copy> Heads<T> {
    pub fn new() -> Heads<T> {
        Heads(HashMap::new())
    }

    pub fn get(&self, stream: Uuid) -> Option<T> {
        self.0.get(&stream).copied()
    }

    pub fn set(&mut self, stream: Uuid, head: T) {
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        self.0.insert(stream, head);
    }
}

/// The hash before each event, for a reader that passes the events of the log in order.
#[derive(Debug)]
pub struct PreviousHashes(Heads<(Version, Hash)>);

impl PreviousHashes {
    pub fn new() -> PreviousHashes {
        PreviousHashes(Heads::new())
    }

    /// The hash of the event before `recorded` in its stream.
    pub async fn before(
        &self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Hash, ReadError> {
        let before = Version(recorded.version.0.saturating_sub(1));
        match self.0.get(recorded.stream) {
            Some((version, hash)) if version == before => Ok(hash),
            _ if before == Version(0) => Ok(Hash::ZERO),
            _ => look_up(log, recorded.stream, before).await,
        }
    }

    /// `recorded` has been read.
    pub fn pass(&mut self, recorded: &RecordedEvent) {
        self.0
            .set(recorded.stream, (recorded.version, recorded.hash));
    }
}

async fn look_up(log: &dyn LogReader, stream: Uuid, version: Version) -> Result<Hash, ReadError> {
    let after = Version(version.0 - 1);
    let found = log.read_stream(stream, after, 1, Freshness::Any).await?;
    match found.first() {
        Some(event) if event.version == version => Ok(event.hash),
        _ => Err(ReadError(format!(
            "version {version} of {stream} is missing: check the log (cartlog verify)"
        ))),
    }
}
