//! The read-model updater: it follows the log and keeps the views up to date. Woken by each append,
//! it takes what is there in one batch and writes rows and checkpoint in one transaction.

use super::arrivals::Arrivals;
use super::folds::Folds;
use super::store::ViewStore;
use super::{Batch, Fact, Moved};
use crate::cart::CartModel;
use crate::decider::Decider;
use crate::history::{self, HistoryError, Metadata};
use crate::log::{EventLog, Position};
use crate::timestamp::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How many events are applied in one transaction at the most.
const BATCH: usize = 1_024;

/// A batch from this size on is a sign of load. Then the next one is given a moment to gather: a
/// transaction for each handful of events costs more than it is worth, and a lone event, which has
/// somebody waiting for it, is still applied at once.
const BUSY: usize = 16;
const GATHER: Duration = Duration::from_millis(3);

/// How far the views are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is in the views.
    pub position: Position,
    /// When that got there, by the machine's clock.
    pub at: Timestamp,
}

/// Why the views could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("the views cannot be written: {0}")]
    Views(#[from] rusqlite::Error),
}

/// Turns the log into views.
pub struct Updater {
    log: Arc<dyn EventLog>,
    store: ViewStore,
    folds: Folds,
    arrivals: Arc<Arrivals>,
    progress: watch::Sender<Progress>,
}

impl Updater {
    /// An updater that keeps folded carts of about `cache_bytes` in memory.
    pub fn new(log: Arc<dyn EventLog>, store: ViewStore, cache_bytes: u64) -> Updater {
        let progress = watch::Sender::new(Progress {
            position: store.position,
            at: Timestamp::now(),
        });
        Updater {
            log,
            store,
            folds: Folds::new(cache_bytes),
            arrivals: Arc::default(),
            progress,
        }
    }

    /// How far the views are, as it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Where it is announced which carts' rows have moved.
    pub fn arrivals(&self) -> Arc<Arrivals> {
        self.arrivals.clone()
    }

    /// Follows the log until `stop` says so or is dropped.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), UpdateError> {
        let mut wake_ups = self.log.wake_ups();
        loop {
            wake_ups.borrow_and_update();
            loop {
                let applied = self.catch_up_once().await?;
                if applied == 0 {
                    break;
                }
                if *stop.borrow() {
                    return Ok(());
                }
                if (BUSY..BATCH).contains(&applied) {
                    tokio::time::sleep(GATHER).await;
                }
            }
            tokio::select! {
                woken = wake_ups.changed() => if woken.is_err() {
                    return Ok(());
                },
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    /// Applies one batch of what the views have not seen, and says how many events that was.
    pub async fn catch_up_once(&mut self) -> Result<usize, UpdateError> {
        let events = self
            .log
            .read_all(self.store.position, BATCH)
            .await
            .map_err(HistoryError::from)?;
        let Some(last) = events.last() else {
            return Ok(0);
        };
        let position = last.position;
        let mut carts = self.folds.take(&*self.log, &events).await?;
        let mut facts = Vec::with_capacity(events.len());
        for recorded in &events {
            let metadata = Metadata::read(&recorded.metadata)?;
            let event = history::event_of(recorded)?;
            let cart = carts.entry(recorded.stream).or_default();
            let moved = Moved::by(&event, cart, |cart| {
                CartModel::evolve(cart, &event, &metadata.moment(recorded));
            });
            facts.push(Fact {
                recorded,
                event,
                metadata,
                moved,
            });
        }
        let batch = Batch {
            facts: &facts,
            carts: &carts,
        };
        self.store.apply(&batch, position)?;
        self.arrivals
            .announce(carts.iter().filter_map(|(id, cart)| {
                let contents = cart.contents()?;
                Some((*id, contents.version))
            }));
        self.folds.put_back(carts);
        self.progress.send_replace(Progress {
            position,
            at: Timestamp::now(),
        });
        Ok(facts.len())
    }
}
