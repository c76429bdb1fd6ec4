//! The read-model updater: it follows the log and keeps the views up to date. Woken by each append,
//! it folds what is there and shows the carts' rows at once. A little later it writes what has
//! gathered, rows and checkpoint in one transaction.

use super::arrivals::Arrivals;
use super::carts::CartRow;
use super::folding::Folding;
use super::guard::Guard;
use super::newest::RowCache;
use super::progress::Progress;
use super::reader::ReadHandle;
use super::store::ViewStore;
use super::trouble::{UpdateError, ViewFailure};
use super::writer::{Writer, Written};
use crate::history::HistoryError;
use crate::log::EventLog;
use crate::timestamp::Timestamp;
pub(super) use handover::Handover;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use uuid::Uuid;

mod handover;

/// How many events are folded at once at the most.
const BATCH: usize = 1_024;
/// The same while the views are far behind: fewer and larger transactions cost less, and nobody
/// waits for a single event then.
const LARGE_BATCH: usize = 16_384;
const FAR_BEHIND: u64 = 65_536;

/// Rows of carts are shown as soon as they are folded. The tables are written when this many events
/// wait, when the first of them has waited this long, or when somebody asks for them: a transaction
/// for each handful of events costs more than it is worth, and a page that several of them change is
/// written once.
const WRITE_AT: usize = 32_768;
const WRITE_WITHIN: Duration = Duration::from_secs(1);
/// How many events may wait while others are being written.
const MOST_WAITING: usize = 65_536;

/// How long to wait before views that could not be written are tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the files of the views go without a look at them while nothing is written or read.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// Turns the log into views.
pub struct Updater {
    log: Arc<dyn EventLog>,
    folding: Folding,
    /// Writes what serves.
    writer: Writer,
    guard: Arc<Guard>,
    unavailable_views: Arc<[&'static str]>,
    arrivals: Arc<Arrivals>,
    newest: Arc<RowCache>,
    wanted: Arc<Notify>,
    /// Whether somebody waits for the tables.
    asked: bool,
    progress: watch::Sender<Progress>,
    /// What keeps the views from being written, if anything does.
    trouble: watch::Sender<Option<ViewFailure>>,
    successors: mpsc::Sender<Handover>,
    handovers: mpsc::Receiver<Handover>,
}

impl Updater {
    /// An updater that keeps folded carts of about `cache_bytes` in memory, and as much of their rows.
    pub fn new(log: Arc<dyn EventLog>, store: ViewStore, cache_bytes: u64) -> Updater {
        let position = store.position;
        let progress = watch::Sender::new(Progress {
            position,
            at: Timestamp::now(),
            generation: 0,
            complete_at: store.complete_at,
        });
        let (successors, handovers) = mpsc::channel(1);
        let guard = store.guard();
        Updater {
            log,
            guard: guard.expect("views that were opened to serve have one"),
            unavailable_views: store.unavailable_views.clone(),
            folding: Folding::after(position, cache_bytes),
            writer: Writer::new(store),
            arrivals: Arc::default(),
            newest: Arc::new(RowCache::new(position, cache_bytes)),
            wanted: Arc::default(),
            asked: false,
            progress,
            trouble: watch::Sender::default(),
            successors,
            handovers,
        }
    }

    /// How far the views are, as it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// What keeps the views from being written, if anything does.
    pub fn health(&self) -> watch::Receiver<Option<ViewFailure>> {
        self.trouble.subscribe()
    }

    /// What those who read are told.
    pub fn read_handle(&self) -> ReadHandle {
        ReadHandle {
            progress: self.progress(),
            newest: self.newest.clone(),
            wanted: self.wanted.clone(),
            arrivals: self.arrivals.clone(),
            guard: self.guard.clone(),
            unavailable_views: self.unavailable_views.clone(),
        }
    }

    /// Whether what serves is what this program defines. If not, a rebuild is due.
    pub(super) fn fits(&self) -> bool {
        self.writer.fits()
    }

    pub(super) fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    /// Where a new generation is handed over.
    pub(super) fn successors(&self) -> mpsc::Sender<Handover> {
        self.successors.clone()
    }

    /// Follows the log until `stop` says so or is dropped.
    ///
    /// Views that cannot be written do not end it: they stand still, say why, and are tried again
    /// until they can be, or until a new generation takes their place.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), UpdateError> {
        let mut wake_ups = self.log.wake_ups();
        let mut outcome = Ok(());
        loop {
            wake_ups.borrow_and_update();
            if outcome.is_ok() {
                outcome = self.catch_up(&stop).await;
            }
            let trouble = match std::mem::replace(&mut outcome, Ok(())) {
                Ok(()) => None,
                Err(error) => Some(ViewFailure::of(error)?),
            };
            let standing = trouble.is_some();
            self.set_trouble(trouble);
            let pause = match self.folding.pending().since() {
                _ if standing => RETRY_AFTER,
                Some(since) if !self.writer.is_busy() => {
                    WRITE_WITHIN.saturating_sub(since.elapsed())
                }
                Some(_) | None => LOOK_AFTER,
            };
            tokio::select! {
                woken = wake_ups.changed(), if !standing => if woken.is_err() {
                    break;
                },
                written = self.writer.finished() => outcome = self.settle(written),
                () = tokio::time::sleep(pause) => if standing {
                    // Before anything else is folded: else more and more would wait.
                    outcome = self.write_here().await;
                },
                () = self.guard.noticed(), if !standing => {}
                () = self.wanted.notified(), if !standing => self.asked = true,
                Some(handover) = self.handovers.recv() => self.take_over(handover).await?,
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        // What cannot be written is taken from the log by the next process.
        if let Err(error) = self.write_here().await {
            tracing::warn!(%error, "the views end behind the log");
        }
        self.writer.close();
        Ok(())
    }

    /// Takes in what there is, and lets it be written when that is due, as long as nothing else is
    /// to be done.
    async fn catch_up(&mut self, stop: &watch::Receiver<bool>) -> Result<(), UpdateError> {
        loop {
            if self.is_due() {
                self.write_aside();
            }
            let waiting = self.folding.pending().events();
            if waiting >= MOST_WAITING || self.writer.has_finished() {
                self.finish().await?;
                continue;
            }
            let taken = self.take_in().await?;
            if taken == 0 || *stop.borrow() || !self.handovers.is_empty() {
                return Ok(());
            }
        }
    }

    fn is_due(&self) -> bool {
        // Whoever asks before the views are whole waits for them.
        let is_complete = self.progress.borrow().is_complete();
        let pending = self.folding.pending();
        pending.since().is_some_and(|since| {
            !is_complete
                || self.asked
                || pending.events() >= WRITE_AT
                || since.elapsed() >= WRITE_WITHIN
        })
    }

    /// Applies one batch of what the views have not seen, and says how many events that was.
    pub async fn catch_up_once(&mut self) -> Result<usize, UpdateError> {
        let taken = self.take_in().await?;
        self.write_here().await?;
        Ok(taken)
    }

    /// Folds one batch of what the views have not seen, shows the carts' rows, and says how many
    /// events that was.
    async fn take_in(&mut self) -> Result<usize, UpdateError> {
        let generation = self.progress.borrow().generation;
        self.guard.check(generation)?;
        let position = self.folding.taken();
        let behind = self
            .progress
            .borrow()
            .complete_at
            .0
            .saturating_sub(position.0);
        let batch = if behind > FAR_BEHIND {
            LARGE_BATCH
        } else {
            BATCH
        };
        let events = self.log.read_all(position, batch).await;
        let events = events.map_err(HistoryError::from)?;
        let Some(end) = events.last().map(|event| event.position) else {
            return Ok(0);
        };
        let touched = self.folding.take_in(&*self.log, &events).await?;
        let pending = self.folding.pending().rows();
        let rows: Vec<(Uuid, CartRow)> = touched
            .into_iter()
            .filter_map(|id| Some((id, pending.get(&id)?.clone())))
            .collect();
        let versions: Vec<(Uuid, u64)> = rows.iter().map(|(id, row)| (*id, row.version)).collect();
        self.newest.show(rows, end);
        self.arrivals.announce(versions.into_iter());
        Ok(events.len())
    }

    /// Lets what waits be written on another thread, unless something is being written already: what
    /// arrives meanwhile is folded and shown.
    fn write_aside(&mut self) {
        if self.writer.is_busy() {
            return;
        }
        self.asked = false;
        if let Some(pending) = self.folding.hand_out() {
            self.writer.write_aside(pending);
        }
    }

    /// Writes all that waits, on this thread.
    async fn write_here(&mut self) -> Result<(), UpdateError> {
        self.finish().await?;
        let pending = self.folding.hand_out().unwrap_or_default();
        let written = self.writer.write_here(pending);
        self.settle(written)
    }

    /// Waits for what is being written.
    async fn finish(&mut self) -> Result<(), UpdateError> {
        if !self.writer.is_busy() {
            return Ok(());
        }
        let written = self.writer.finished().await;
        self.settle(written)
    }

    fn settle(&mut self, written: Written) -> Result<(), UpdateError> {
        let Written { pending, outcome } = written;
        let position = match outcome {
            Ok(position) => position,
            Err(error) => {
                self.folding.take_back(pending);
                return Err(error);
            }
        };
        self.newest.written(pending.rows());
        self.progress.send_if_modified(|progress| {
            let news = progress.position != position;
            if news {
                progress.position = position;
                progress.at = Timestamp::now();
            }
            news
        });
        Ok(())
    }

    fn set_trouble(&self, trouble: Option<ViewFailure>) {
        self.trouble.send_if_modified(|known| {
            let news = *known != trouble;
            if news {
                match &trouble {
                    Some(trouble) => tracing::error!(trouble.reason, "the views stand still"),
                    None => tracing::info!("the views go on"),
                }
                *known = trouble;
            }
            news
        });
    }
}
