//! The cache of streams that commands are decided on: the folded state, the head that the next
//! commit follows, and the idempotency keys seen. Entries are evicted by weight in bytes.

use super::{Handled, Timings};
use crate::decider::{Decider, EventContext};
use crate::history::{self, CommitMetadata, HistoryError, StoredDigest};
use crate::log::{EventLog, Freshness, Head, Position, RecordedEvent, Version};
use quick_cache::Weighter;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// A stream folded up to its head.
pub(super) struct CachedStream<D: Decider> {
    /// Shared with responses that are being written; copied on the next event if one still is.
    pub state: Arc<D::State>,
    pub head: Head,
    /// By the digest of the idempotency key.
    pub receipts: HashMap<StoredDigest, Receipt>,
}

/// The outcome of a command that had an idempotency key. It comes from the events' metadata, so
/// it is as durable as the events are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    pub request: StoredDigest,
    /// The version of the command's last event.
    pub version: Version,
    pub position: Position,
}

impl<D: Decider> CachedStream<D> {
    /// A stream without events.
    pub(super) fn empty() -> Self {
        CachedStream {
            state: Arc::new(D::initial()),
            head: Head::START,
            receipts: HashMap::new(),
        }
    }

    /// The stream as this node has it, which may be behind.
    pub(super) async fn load(log: &dyn EventLog, stream: Uuid) -> Result<Self, HistoryError> {
        let mut cached = Self::empty();
        cached.read(log, stream, Freshness::Any).await?;
        Ok(cached)
    }

    /// The stream as it was at `version`, folded from the earlier state `start` if there is one.
    pub(super) async fn load_until(
        log: &dyn EventLog,
        stream: Uuid,
        start: Option<(D::State, Version)>,
        version: Version,
    ) -> Result<Self, HistoryError> {
        let mut cached = Self::empty();
        let mut after = Version(0);
        if let Some((state, at)) = start {
            cached.state = Arc::new(state);
            after = at;
        }
        let current = Freshness::Linearizable;
        history::for_each(log, stream, after, Some(version), current, |recorded| {
            cached.apply(&recorded)
        })
        .await?;
        Ok(cached)
    }

    /// Folds everything that was acknowledged after the head, by any node.
    pub(super) async fn catch_up(
        &mut self,
        log: &dyn EventLog,
        stream: Uuid,
    ) -> Result<(), HistoryError> {
        self.read(log, stream, Freshness::Linearizable).await
    }

    /// Folds the commits that were faster than one that the log refused. This node has them:
    /// a log that nodes share reports a conflict once its replica does.
    pub(super) async fn catch_up_on_conflict(
        &mut self,
        log: &dyn EventLog,
        stream: Uuid,
    ) -> Result<(), HistoryError> {
        let before = self.head.version;
        self.read(log, stream, Freshness::Any).await?;
        if self.head.version == before {
            self.catch_up(log, stream).await?;
        }
        Ok(())
    }

    async fn read(
        &mut self,
        log: &dyn EventLog,
        stream: Uuid,
        freshness: Freshness,
    ) -> Result<(), HistoryError> {
        let head = self.head.version;
        history::for_each(log, stream, head, None, freshness, |recorded| {
            self.apply(&recorded)
        })
        .await
    }

    fn apply(&mut self, recorded: &RecordedEvent) -> Result<(), HistoryError> {
        let metadata = history::evolve::<D>(Arc::make_mut(&mut self.state), recorded)?;
        self.head = Head::at(recorded);
        self.remember(&metadata, recorded.position);
        Ok(())
    }

    /// Folds events that were just appended and end at `head`, without reading them back.
    pub(super) fn advance(
        &mut self,
        events: &[D::Event],
        metadata: &CommitMetadata<'_>,
        head: Head,
        position: Position,
    ) {
        let state = Arc::make_mut(&mut self.state);
        for (version, event) in (self.head.version.0 + 1..).zip(events) {
            let context = EventContext {
                version,
                at: head.recorded_at,
                command: &metadata.command,
                command_id: metadata.command_id,
            };
            D::evolve(state, event, &context);
        }
        self.head = head;
        self.remember(metadata, position);
    }

    fn remember(&mut self, metadata: &CommitMetadata<'_>, position: Position) {
        if let (Some(key), Some(request)) = (metadata.key, metadata.request) {
            let receipt = Receipt {
                request,
                version: self.head.version,
                position,
            };
            self.receipts.insert(key, receipt);
        }
    }

    pub(super) fn handled(
        &self,
        position: Option<Position>,
        timings: &Timings,
    ) -> Handled<D::State> {
        Handled {
            state: self.state.clone(),
            version: self.head.version,
            position,
            replayed: false,
            decide_time: timings.decide,
            append_time: timings.append,
        }
    }

    fn weight(&self) -> usize {
        const RECEIPT: usize = size_of::<(StoredDigest, Receipt)>() * 2;
        size_of::<Self>() + D::weight(&self.state) + self.receipts.len() * RECEIPT
    }
}

/// The place of one stream in the cache. Its lock is held while a command of the stream runs.
pub(super) struct Slot<D: Decider> {
    stream: Mutex<Option<CachedStream<D>>>,
    /// The weight that the cache counts for this slot.
    counted_weight: AtomicUsize,
}

impl<D: Decider> Default for Slot<D> {
    fn default() -> Self {
        Slot {
            stream: Mutex::new(None),
            counted_weight: AtomicUsize::new(size_of::<CachedStream<D>>()),
        }
    }
}

impl<D: Decider> Slot<D> {
    pub(super) async fn lock(&self) -> MutexGuard<'_, Option<CachedStream<D>>> {
        self.stream.lock().await
    }

    /// Whether `stream` weighs more than twice what the cache counts, and counts its weight then.
    /// Only a doubled weight is reported: reinserting costs more than a command should pay.
    pub(super) fn is_outgrown_by(&self, stream: &CachedStream<D>) -> bool {
        let weight = stream.weight();
        let outgrown = weight > self.counted_weight.load(Ordering::Relaxed) * 2;
        if outgrown {
            self.counted_weight.store(weight, Ordering::Relaxed);
        }
        outgrown
    }
}

/// A slot with the weight that it was inserted with. On eviction the cache subtracts this weight,
/// so it must not change while the entry is in the cache.
pub(super) struct CacheEntry<D: Decider> {
    pub slot: Arc<Slot<D>>,
    weight: usize,
}

impl<D: Decider> CacheEntry<D> {
    pub(super) fn of(slot: Arc<Slot<D>>) -> Self {
        CacheEntry {
            weight: slot.counted_weight.load(Ordering::Relaxed),
            slot,
        }
    }
}

impl<D: Decider> Clone for CacheEntry<D> {
    fn clone(&self) -> Self {
        CacheEntry {
            weight: self.weight,
            slot: self.slot.clone(),
        }
    }
}

/// Weighs a cached stream in bytes, including its share of the cache's own tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteWeighter;

impl<D: Decider> Weighter<Uuid, CacheEntry<D>> for ByteWeighter {
    fn weight(&self, _stream: &Uuid, entry: &CacheEntry<D>) -> u64 {
        const OVERHEAD: usize = 128;
        (entry.weight + OVERHEAD) as u64
    }
}
