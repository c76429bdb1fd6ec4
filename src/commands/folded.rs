//! A stream as its commands see it: the state that its events add up to, where the next commit
//! goes, and which idempotency keys it has met.

use super::{Handled, Times};
use crate::decider::Decider;
use crate::history::{self, CommitMetadata, HistoryError};
use crate::log::{EventLog, Freshness, Head, Position, RecordedEvent, Version};
use quick_cache::Weighter;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// The fold of a stream's events.
pub(super) struct Folded<D: Decider> {
    /// Shared with answers that are still being written, and copied on the next event if so.
    pub state: Arc<D::State>,
    pub head: Head,
    pub receipts: HashMap<[u8; 16], Receipt>,
}

/// What is remembered of a command that came under an idempotency key. It is read from the events'
/// metadata, so that it survives whatever the events survive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    pub request: [u8; 16],
    /// Of the command's last event.
    pub version: Version,
    pub position: Position,
}

impl<D: Decider> Folded<D> {
    /// A stream in which nothing has happened yet.
    pub(super) fn start() -> Self {
        Folded {
            state: Arc::new(D::initial()),
            head: Head::START,
            receipts: HashMap::new(),
        }
    }

    pub(super) async fn load(log: &dyn EventLog, stream: Uuid) -> Result<Self, HistoryError> {
        let mut folded = Self::start();
        folded.catch_up(log, stream).await?;
        Ok(folded)
    }

    /// The stream as it was at `version`.
    pub(super) async fn load_until(
        log: &dyn EventLog,
        stream: Uuid,
        version: Version,
    ) -> Result<Self, HistoryError> {
        let mut folded = Self::start();
        let current = Freshness::Linearizable;
        history::for_each(
            log,
            stream,
            Version(0),
            Some(version),
            current,
            |recorded| folded.apply(&recorded),
        )
        .await?;
        Ok(folded)
    }

    /// Folds what was appended since.
    pub(super) async fn catch_up(
        &mut self,
        log: &dyn EventLog,
        stream: Uuid,
    ) -> Result<(), HistoryError> {
        let current = Freshness::Linearizable;
        history::for_each(log, stream, self.head.version, None, current, |recorded| {
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
            let moment = crate::decider::EventContext {
                version,
                at: head.recorded_at,
                command: &metadata.command,
                command_id: metadata.command_id,
            };
            D::evolve(state, event, &moment);
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

    pub(super) fn handled(&self, position: Option<Position>, times: &Times) -> Handled<D::State> {
        Handled {
            state: self.state.clone(),
            version: self.head.version,
            position,
            replayed: false,
            decide_time: times.decide,
            append_time: times.append,
        }
    }

    fn weight(&self) -> usize {
        const RECEIPT: usize = size_of::<([u8; 16], Receipt)>() * 2;
        size_of::<Self>() + D::weight(&self.state) + self.receipts.len() * RECEIPT
    }
}

/// A stream's fold, or none yet. The lock is held while a command of the stream is under way.
pub(super) struct Slot<D: Decider> {
    folded: Mutex<Option<Folded<D>>>,
    /// What the cache was told last that this slot weighs.
    told: AtomicUsize,
}

impl<D: Decider> Default for Slot<D> {
    fn default() -> Self {
        Slot {
            folded: Mutex::new(None),
            told: AtomicUsize::new(size_of::<Folded<D>>()),
        }
    }
}

impl<D: Decider> Slot<D> {
    pub(super) async fn lock(&self) -> MutexGuard<'_, Option<Folded<D>>> {
        self.folded.lock().await
    }

    /// Whether `folded` weighs far more than the cache was told. It is told again only when the
    /// weight has doubled: telling it costs more than a command should pay.
    pub(super) fn outgrown_by(&self, folded: &Folded<D>) -> bool {
        let weight = folded.weight();
        let told = self.told.load(Ordering::Relaxed);
        let outgrown = weight > told * 2;
        if outgrown {
            self.told.store(weight, Ordering::Relaxed);
        }
        outgrown
    }
}

/// A slot in the cache, beside the weight that it came in with. The cache asks for the weight of
/// what it gives up, and its sum is right only if that is what was added once.
pub(super) struct Place<D: Decider> {
    pub slot: Arc<Slot<D>>,
    weight: usize,
}

impl<D: Decider> Place<D> {
    /// Weighs `slot` as the cache is being told now.
    pub(super) fn of(slot: Arc<Slot<D>>) -> Self {
        Place {
            weight: slot.told.load(Ordering::Relaxed),
            slot,
        }
    }
}

impl<D: Decider> Clone for Place<D> {
    fn clone(&self) -> Self {
        Place {
            slot: self.slot.clone(),
            weight: self.weight,
        }
    }
}

/// Weighs a cached stream in bytes, its share of the cache's own tables included.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceWeight;

impl<D: Decider> Weighter<Uuid, Place<D>> for PlaceWeight {
    fn weight(&self, _stream: &Uuid, place: &Place<D>) -> u64 {
        const OVERHEAD: usize = 128;
        (place.weight + OVERHEAD) as u64
    }
}
