//! The read-model updater: it follows the log and keeps the views up to date. Woken by each append,
//! it folds what is there and shows the carts' rows at once. A little later it writes what has
//! gathered, rows and checkpoint in one transaction.

use super::arrivals::Arrivals;
use super::carts::CartRow;
use super::folding::{Folding, Pending};
use super::generation::{Generation, Successor};
use super::guard::{Damaged, Guard, is_damage};
use super::newest::NewestRows;
use super::reader::Front;
use super::store::ViewStore;
use crate::history::HistoryError;
use crate::log::{EventLog, Position};
use crate::timestamp::Timestamp;
use rusqlite::ErrorCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

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
const WRITE_AT: usize = 8_192;
const WRITE_WITHIN: Duration = Duration::from_millis(200);
/// How many events may wait while others are being written.
const MOST_WAITING: usize = 16_384;

/// How long to wait before views that could not be written are tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the files of the views go without a look at them while nothing is written or read.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// How far the views are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is in the views.
    pub position: Position,
    /// When that got there, by the machine's clock.
    pub at: Timestamp,
    /// Which generation of the views that is, from 0 at the start of the process: a reader of an
    /// earlier one opens the views again.
    pub generation: u32,
    /// From this position on the views are whole: the end of the log when the process began. Before
    /// that they have not even seen what was there then, and answer less than they once did.
    pub whole_at: Position,
}

impl Progress {
    /// Whether the views have seen all that the log held when the process began.
    pub fn is_whole(&self) -> bool {
        self.position >= self.whole_at
    }
}

/// Why the views could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("the views cannot be written: {0}")]
    Views(#[from] rusqlite::Error),
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// What keeps the views from being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub reason: String,
    /// Whether it is in the views themselves, so that waiting will not mend it and a rebuild will.
    pub damaged: bool,
}

/// A generation that is to serve from now on, and where to tell whether it does.
pub(super) struct Handover {
    pub successor: Successor,
    pub done: oneshot::Sender<Result<(), String>>,
}

/// Turns the log into views.
pub struct Updater {
    log: Arc<dyn EventLog>,
    folding: Folding,
    /// What serves; elsewhere while it is being written.
    store: Option<ViewStore>,
    writing: Option<JoinHandle<Written>>,
    guard: Arc<Guard>,
    lacking: Arc<[&'static str]>,
    arrivals: Arc<Arrivals>,
    newest: Arc<NewestRows>,
    wanted: Arc<Notify>,
    /// Whether somebody waits for the tables.
    asked: bool,
    progress: watch::Sender<Progress>,
    /// What keeps the views from being written, if anything does.
    trouble: watch::Sender<Option<Trouble>>,
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
            whole_at: store.whole_at,
        });
        let (successors, handovers) = mpsc::channel(1);
        let guard = store.guard();
        Updater {
            log,
            guard: guard.expect("views that were opened to serve have one"),
            lacking: store.lacking.clone(),
            folding: Folding::after(position, cache_bytes),
            store: Some(store),
            writing: None,
            arrivals: Arc::default(),
            newest: Arc::new(NewestRows::new(position, cache_bytes)),
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
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.subscribe()
    }

    /// What those who read are told.
    pub fn front(&self) -> Front {
        Front {
            progress: self.progress(),
            newest: self.newest.clone(),
            wanted: self.wanted.clone(),
            arrivals: self.arrivals.clone(),
            guard: self.guard.clone(),
            lacking: self.lacking.clone(),
        }
    }

    /// Whether what serves is what this program defines. If not, a rebuild is due.
    pub(super) fn fits(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.fits)
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
                Err(UpdateError::Views(error)) => Some(Trouble::of(&error)),
                Err(UpdateError::Damaged(Damaged(reason))) => Some(Trouble {
                    reason,
                    damaged: true,
                }),
                Err(error) => return Err(error),
            };
            let standing = trouble.is_some();
            self.set_trouble(trouble);
            let pause = match self.folding.pending().since() {
                _ if standing => RETRY_AFTER,
                Some(since) if self.writing.is_none() => {
                    WRITE_WITHIN.saturating_sub(since.elapsed())
                }
                Some(_) | None => LOOK_AFTER,
            };
            tokio::select! {
                woken = wake_ups.changed(), if !standing => if woken.is_err() {
                    break;
                },
                written = finished(&mut self.writing) => outcome = self.settle(written),
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
        if let Some(store) = self.store.take() {
            store.close();
        }
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
            if waiting >= MOST_WAITING || self.writing.as_ref().is_some_and(JoinHandle::is_finished)
            {
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
        let is_whole = self.progress.borrow().is_whole();
        let pending = self.folding.pending();
        pending.since().is_some_and(|since| {
            !is_whole
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
        let behind = self.progress.borrow().whole_at.0.saturating_sub(position.0);
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
        let Some(mut store) = self.store.take() else {
            return;
        };
        self.asked = false;
        let Some(pending) = self.folding.hand_out() else {
            self.store = Some(store);
            return;
        };
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let outcome = pending.write(&mut store);
            Written {
                store,
                pending,
                outcome,
            }
        }));
    }

    /// Writes all that waits, on this thread.
    async fn write_here(&mut self) -> Result<(), UpdateError> {
        self.finish().await?;
        let Some(mut store) = self.store.take() else {
            return Ok(());
        };
        let pending = self.folding.hand_out().unwrap_or_default();
        let outcome = pending.write(&mut store);
        self.settle(Written {
            store,
            pending,
            outcome,
        })
    }

    /// Waits for what is being written.
    async fn finish(&mut self) -> Result<(), UpdateError> {
        if self.writing.is_none() {
            return Ok(());
        }
        let written = finished(&mut self.writing).await;
        self.settle(written)
    }

    fn settle(&mut self, written: Written) -> Result<(), UpdateError> {
        let Written {
            store,
            pending,
            outcome,
        } = written;
        let position = store.position;
        self.store = Some(store);
        if let Err(error) = outcome {
            self.folding.take_back(pending);
            return Err(error);
        }
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

    /// Lets a new generation serve in place of this one, once it has seen as much: what readers
    /// have seen, they go on seeing.
    async fn take_over(&mut self, handover: Handover) -> Result<(), UpdateError> {
        let Handover {
            mut successor,
            done,
        } = handover;
        match self.finish().await {
            // What could not be written waits, and the new generation has it.
            Ok(()) | Err(UpdateError::Views(_) | UpdateError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        let taken = match self.level(&mut successor.generation).await {
            Ok(()) => {
                let next = self.progress.borrow().generation + 1;
                let served = successor.serve(&self.guard, next);
                served.map_err(|error| error.to_string())
            }
            Err(error @ (UpdateError::Views(_) | UpdateError::Damaged(_))) => {
                Err(error.to_string())
            }
            Err(error) => return Err(error),
        };
        let taken = taken.map(|generation| {
            let (store, folding) = generation.into_parts();
            let position = store.position;
            let before = self.store.replace(store);
            self.folding = folding;
            self.set_trouble(None);
            self.progress.send_modify(|progress| {
                progress.generation += 1;
                progress.position = position;
                progress.at = Timestamp::now();
            });
            self.newest.forget();
            // To close it may take a moment, for which readers need not wait.
            drop(before);
        });
        // Whoever does not wait for it any more will see it in the progress.
        let _ = done.send(taken);
        Ok(())
    }

    /// Brings `next` to where the views are that serve, with all that they have shown and nothing
    /// else: what it had seen and they had not would never be shown, and the row from before, which
    /// is still shown, would stand in front of the one in the tables.
    async fn level(&self, next: &mut Generation) -> Result<(), UpdateError> {
        let shown = self.folding.taken();
        while next.position() < shown {
            let events = self.log.read_all(next.position(), BATCH).await;
            let mut events = events.map_err(HistoryError::from)?;
            events.truncate(events.partition_point(|event| event.position <= shown));
            if events.is_empty() {
                return Ok(());
            }
            next.apply(&*self.log, &events, |_| ()).await?;
        }
        Ok(())
    }

    fn set_trouble(&self, trouble: Option<Trouble>) {
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

/// A write that has come to its end, and what it was given.
struct Written {
    store: ViewStore,
    pending: Pending,
    outcome: Result<(), UpdateError>,
}

/// Waits for what is being written, for ever if nothing is.
async fn finished(writing: &mut Option<JoinHandle<Written>>) -> Written {
    let Some(handle) = writing else {
        return std::future::pending().await;
    };
    let written = handle.await;
    *writing = None;
    written.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

impl Trouble {
    fn of(error: &rusqlite::Error) -> Trouble {
        Trouble {
            reason: error.to_string(),
            damaged: is_damage(error)
                || !matches!(
                    error.sqlite_error_code(),
                    Some(
                        ErrorCode::CannotOpen
                            | ErrorCode::DatabaseBusy
                            | ErrorCode::DatabaseLocked
                            | ErrorCode::DiskFull
                            | ErrorCode::FileLockingProtocolFailed
                            | ErrorCode::OperationInterrupted
                            | ErrorCode::OutOfMemory
                            | ErrorCode::PermissionDenied
                            | ErrorCode::ReadOnly
                            | ErrorCode::SystemIoFailure
                    )
                ),
        }
    }
}

#[cfg(test)]
mod tests;
