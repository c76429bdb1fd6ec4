//! The updater: it follows the log and keeps the views up to date. Woken by each append, it folds
//! the new events and shows the rows of their carts at once. A little later it writes what is
//! pending, rows and checkpoint in one transaction.

mod report;
mod spans;

use super::arrivals::Arrivals;
use super::candidate::Candidate;
use super::guard::FileGuard;
use super::health::{UpdateError, ViewFailure};
use super::projector::Projector;
use super::read_handle::{Progress, ReadHandle};
use super::row_cache::RowCache;
use super::store::ViewStore;
use crate::file_lock::FileLock;
use crate::history::HistoryError;
use crate::log::{LogReader, Position};
use crate::timestamp::Timestamp;
use crate::traces::Tracer;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// How many events are folded at once at the most.
const BATCH: usize = 1_024;
/// The same while the views are far behind: larger transactions cost less for each event, and no
/// reader waits for a single event then.
const LARGE_BATCH: usize = 16_384;
const FAR_BEHIND: u64 = 65_536;

/// The tables are written when this many events are pending, when the first of them has been
/// pending this long, or when a query waits for them. A transaction for each handful of events
/// would cost more, and a page that several events change is written once. A signed checkpoint
/// follows each write and is due within a second of an event.
const WRITE_AT: usize = 32_768;
const WRITE_WITHIN: Duration = Duration::from_millis(750);
/// How many events may be pending during a write.
const MOST_PENDING: usize = 65_536;

/// How long to wait before a failed write is retried.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often the file is inspected while nothing is written.
const CHECK_AFTER: Duration = Duration::from_millis(500);

/// Keeps the views that serve up to date.
pub struct Updater {
    log: Arc<dyn LogReader>,
    projector: Projector,
    guard: Arc<FileGuard>,
    unavailable_views: Arc<[&'static str]>,
    is_current: bool,
    arrivals: Arc<Arrivals>,
    rows: Arc<RowCache>,
    write_requested: Arc<Notify>,
    /// Whether a query waits for the tables.
    has_write_request: bool,
    progress: watch::Sender<Progress>,
    health: watch::Sender<Option<ViewFailure>>,
    replacements: mpsc::Sender<Replacement>,
    offered: mpsc::Receiver<Replacement>,
    _lock: Option<FileLock>,
    tracer: Tracer,
}

/// New views that are to serve from now on, and where to report the outcome.
pub(super) struct Replacement {
    pub candidate: Candidate,
    pub done: oneshot::Sender<Result<(), String>>,
}

impl Updater {
    /// Updates `store`, with folded carts of about `cache_bytes` in memory and as much of their
    /// rows.
    pub fn new(log: Arc<dyn LogReader>, mut store: ViewStore, cache_bytes: u64) -> Updater {
        let position = store.position;
        let progress = watch::Sender::new(Progress {
            position,
            at: Timestamp::now(),
            generation: 0,
            complete_at: store.complete_at,
        });
        let (replacements, offered) = mpsc::channel(1);
        Updater {
            log,
            guard: store.guard().expect("views that serve are guarded"),
            unavailable_views: store.unavailable_views.clone(),
            is_current: store.is_current,
            arrivals: Arc::default(),
            rows: Arc::new(RowCache::new(position, cache_bytes)),
            write_requested: Arc::default(),
            has_write_request: false,
            progress,
            health: watch::Sender::default(),
            replacements,
            offered,
            _lock: store.lock.take(),
            tracer: Tracer::default(),
            projector: Projector::new(store, cache_bytes),
        }
    }

    /// How far the views are, as it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Why the views are not being updated; `None` while they are healthy.
    pub fn health(&self) -> watch::Receiver<Option<ViewFailure>> {
        self.health.subscribe()
    }

    /// What readers need.
    pub fn read_handle(&self) -> ReadHandle {
        ReadHandle {
            progress: self.progress(),
            rows: self.rows.clone(),
            write_requested: self.write_requested.clone(),
            arrivals: self.arrivals.clone(),
            guard: self.guard.clone(),
            initially_unavailable: self.unavailable_views.clone(),
        }
    }

    /// Whether the views are what this program defines. If not, a rebuild is due.
    pub(super) fn is_current(&self) -> bool {
        self.is_current
    }

    pub(super) fn log(&self) -> Arc<dyn LogReader> {
        self.log.clone()
    }

    /// Where new views are offered.
    pub(super) fn replacements(&self) -> mpsc::Sender<Replacement> {
        self.replacements.clone()
    }

    /// Follows the log until `stop` is true or dropped.
    ///
    /// A failed write does not end it: the views stop moving, report why, and the write is retried
    /// until it succeeds or new views replace these.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), UpdateError> {
        let mut wake_ups = self.log.wake_ups();
        let mut outcome = Ok(());
        loop {
            wake_ups.borrow_and_update();
            if outcome.is_ok() {
                outcome = self.catch_up(&stop).await;
            }
            let failure = match std::mem::replace(&mut outcome, Ok(())) {
                Ok(()) => None,
                Err(error) => {
                    if error.is_unknown_event() {
                        self.complete_before_unknown_event();
                    }
                    Some(ViewFailure::of(error)?)
                }
            };
            let failing = failure.is_some();
            self.set_health(failure);
            let pause = match self.projector.pending_since() {
                _ if failing => RETRY_AFTER,
                Some(since) if !self.projector.is_writing() => {
                    WRITE_WITHIN.saturating_sub(since.elapsed())
                }
                Some(_) | None => CHECK_AFTER,
            };
            tokio::select! {
                woken = wake_ups.changed(), if !failing => if woken.is_err() {
                    break;
                },
                written = self.projector.finish_write() => outcome = self.settle(written),
                () = tokio::time::sleep(pause) => outcome = if failing {
                    // Before more is folded: otherwise more and more would be pending.
                    self.write().await
                } else {
                    self.guard.inspect().map_err(UpdateError::from)
                },
                () = self.guard.noticed(), if !failing => {}
                () = self.write_requested.notified(), if !failing => self.has_write_request = true,
                Some(offered) = self.offered.recv() => self.replace_with(offered).await?,
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        // The next process takes from the log what cannot be written.
        if let Err(error) = self.write().await {
            tracing::warn!(%error, "the views cannot be brought up to date before the end");
        }
        Ok(())
    }

    /// Projects what is in the log, and starts writes when they are due, until there is nothing
    /// more or something else has to be done.
    async fn catch_up(&mut self, stop: &watch::Receiver<bool>) -> Result<(), UpdateError> {
        loop {
            if self.is_write_due() && !self.projector.is_writing() {
                self.has_write_request = false;
                self.projector.start_write();
            }
            if self.projector.pending_events() >= MOST_PENDING
                || self.projector.has_finished_write()
            {
                self.finish_write().await?;
                continue;
            }
            let projected = self.project().await?;
            if projected == 0 || *stop.borrow() || !self.offered.is_empty() {
                return Ok(());
            }
        }
    }

    fn is_write_due(&self) -> bool {
        // Queries wait until the views are complete.
        let is_complete = self.progress.borrow().is_complete();
        self.projector.pending_since().is_some_and(|since| {
            !is_complete
                || self.has_write_request
                || self.projector.pending_events() >= WRITE_AT
                || since.elapsed() >= WRITE_WITHIN
        })
    }

    /// Projects and writes one batch, and returns how many events it had.
    pub async fn catch_up_once(&mut self) -> Result<usize, UpdateError> {
        let projected = self.project().await?;
        self.write().await?;
        Ok(projected)
    }

    /// Folds one batch and shows the rows of its carts. Returns how many events it had.
    async fn project(&mut self) -> Result<usize, UpdateError> {
        let Progress {
            generation,
            complete_at,
            ..
        } = *self.progress.borrow();
        self.guard.check(generation)?;
        let position = self.projector.folded();
        let behind = complete_at.0.saturating_sub(position.0);
        let batch = if behind > FAR_BEHIND {
            LARGE_BATCH
        } else {
            BATCH
        };
        let events = self.log.read_all(position, batch).await;
        let started = Instant::now();
        let mut events = events.map_err(HistoryError::from)?;
        let folded = match self.projector.fold(&*self.log, &events).await {
            Err(UpdateError::History(error)) => {
                // The events before the one that cannot be read are applied all the same.
                events.truncate(error.readable_before(&events));
                if events.is_empty() {
                    return Err(error.into());
                }
                self.projector.fold(&*self.log, &events).await?
            }
            folded => folded?,
        };
        let Some(end) = events.last().map(|event| event.position) else {
            return Ok(0);
        };
        let rows = || {
            let row = |id| self.projector.pending_cart(id)?.row.as_ref();
            let carts = folded.carts.iter();
            carts.filter_map(move |id| Some((*id, row(*id)?)))
        };
        self.rows
            .show(rows().map(|(id, row)| (id, row.clone())), end);
        self.arrivals
            .announce(rows().map(|(id, row)| (id, row.version)));
        self.arrivals
            .announce(folded.orders.iter().filter_map(|id| {
                let order = self.projector.pending_order(*id)?;
                Some((*id, order.version()))
            }));
        if folded.has_order_steps {
            self.arrivals.announce_order_steps();
        }
        self.trace_projected(started, &events);
        Ok(events.len())
    }

    /// Writes all that is pending, on this thread.
    async fn write(&mut self) -> Result<(), UpdateError> {
        self.finish_write().await?;
        let written = self.projector.write();
        self.settle(written)
    }

    /// Waits for the write that is under way, if one is.
    async fn finish_write(&mut self) -> Result<(), UpdateError> {
        if !self.projector.is_writing() {
            return Ok(());
        }
        let written = self.projector.finish_write().await;
        self.settle(written)
    }

    fn settle(&self, written: Result<Position, UpdateError>) -> Result<(), UpdateError> {
        let position = written?;
        self.rows.written(position);
        self.progress.send_if_modified(|progress| {
            let moved = progress.position != position;
            if moved {
                progress.position = position;
                progress.at = Timestamp::now();
            }
            moved
        });
        Ok(())
    }

    /// Replaces the views that serve by new ones, once those have seen as much: readers never go
    /// back in time.
    async fn replace_with(&mut self, offered: Replacement) -> Result<(), UpdateError> {
        let Replacement {
            mut candidate,
            done,
        } = offered;
        match self.finish_write().await {
            // What could not be written is in the new views.
            Ok(()) | Err(UpdateError::Views(_) | UpdateError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        let served = match self.level(&mut candidate.projector).await {
            Ok(()) => {
                let generation = self.progress.borrow().generation + 1;
                let served = candidate.serve(&self.guard, generation);
                served.map_err(|error| error.to_string())
            }
            Err(error @ (UpdateError::Views(_) | UpdateError::Damaged(_))) => {
                Err(error.to_string())
            }
            Err(error) => return Err(error),
        };
        let (outcome, replaced) = match served {
            Ok(projector) => (Ok(()), Some(self.switch_to(projector))),
            Err(reason) => (Err(reason), None),
        };
        // The rebuild may have been stopped meanwhile.
        let _ = done.send(outcome);
        // To close the file may take a moment, so the rebuild need not wait for it.
        drop(replaced);
        Ok(())
    }

    /// Brings `next` to what the views have shown, and no further. Events beyond would never be
    /// shown: the row cache would keep the older rows.
    async fn level(&self, next: &mut Projector) -> Result<(), UpdateError> {
        let shown = self.projector.folded();
        while next.folded() < shown {
            let events = self.log.read_all(next.folded(), BATCH).await;
            let mut events = events.map_err(HistoryError::from)?;
            events.truncate(events.partition_point(|event| event.position <= shown));
            if events.is_empty() {
                return Ok(());
            }
            next.apply(&*self.log, &events).await?;
        }
        Ok(())
    }

    fn switch_to(&mut self, projector: Projector) -> Projector {
        let replaced = std::mem::replace(&mut self.projector, projector);
        let position = self.projector.written();
        self.set_health(None);
        self.progress.send_modify(|progress| {
            progress.generation += 1;
            progress.position = position;
            progress.at = Timestamp::now();
        });
        self.rows.written(position);
        self.rows.clear();
        replaced
    }
}

#[cfg(test)]
mod tests;
