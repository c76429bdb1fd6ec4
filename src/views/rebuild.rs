//! Rebuilding all views beside those that serve: projected from the first event until they have
//! caught up, compared row by row, then swapped in.
//!
//! No request waits for it: the new views are a file of their own, on a thread that yields to
//! others, and readers go over by themselves. A crash only wastes the work: the views' path leads
//! to the old file until it leads to the new one, in one step.
//!
//! Where the definition of a view has changed, a rebuild begins at the start of the process. The
//! views that have not changed serve meanwhile. The others are unavailable: a row of another shape
//! or meaning would be worse than none. Where nothing can be kept (all definitions have changed,
//! another log, damage), the views are begun at their own path instead, when they are opened.

use super::candidate::Candidate;
use super::compare::Snapshot;
use super::difference::Comparison;
use super::feed::Feed;
use super::files;
use super::health::ViewFailure;
use super::projector::Projector;
use super::read_handle::Progress;
use super::rebuilds::{RebuildPhase, RebuildState, RebuildStatus, Rebuilds};
use super::updater::{Replacement, Updater};
use crate::jobs::{Job, JobHistory, JobResult, Outcome, Requester};
use crate::log::{LogReader, Position};
use crate::timestamp::Timestamp;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How many events are applied in one transaction: the larger, the fewer rows are written twice.
const BATCH: usize = 16_384;
/// How many events new views may be behind those that serve to be compared with them or swapped in.
const CLOSE: u64 = 2_048;
/// How long replaced files are left to readers that are opening them.
const GRACE: Duration = Duration::from_secs(2);
/// How long at the most a failed rebuild of damaged views waits for its retry.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Runs rebuilds, one at a time.
pub struct RebuildWorker {
    log: Arc<dyn LogReader>,
    path: PathBuf,
    cache_bytes: u64,
    progress: watch::Receiver<Progress>,
    health: watch::Receiver<Option<ViewFailure>>,
    replacements: mpsc::Sender<Replacement>,
    rebuilds: Arc<Rebuilds>,
    requests: mpsc::Receiver<()>,
    history: Arc<JobHistory>,
    /// Whether the views were begun from nothing when they were opened.
    is_initial_build: bool,
    /// Whether the views that were opened are what this program defines.
    opened_current: bool,
}

/// How a rebuild ended without new views.
enum Failure {
    Stopped,
    Failed(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Failed(error.to_string())
    }
}

impl RebuildWorker {
    /// Rebuilds the views at `path`, which `updater` writes, with folded carts of about
    /// `cache_bytes` in memory. Removes what earlier rebuilds have left there.
    pub fn new(updater: &Updater, path: &Path, cache_bytes: u64) -> std::io::Result<Self> {
        files::sweep(path)?;
        let (request, requests) = mpsc::channel(1);
        let progress = updater.progress();
        let Progress {
            position,
            complete_at,
            ..
        } = *progress.borrow();
        let opened_current = updater.is_current();
        let is_initial_build = opened_current && position == Position(0) && complete_at > position;
        let status = if is_initial_build || !opened_current {
            RebuildStatus::running(complete_at, Requester::Service)
        } else {
            RebuildStatus::default()
        };
        if !opened_current {
            // There is room, and the receiver is here.
            let _ = request.try_send(());
        }
        Ok(RebuildWorker {
            log: updater.log(),
            path: path.to_owned(),
            cache_bytes,
            progress,
            health: updater.health(),
            replacements: updater.replacements(),
            rebuilds: Arc::new(Rebuilds {
                status: watch::Sender::new(status),
                requests: request,
            }),
            requests,
            history: Arc::default(),
            is_initial_build,
            opened_current,
        })
    }

    /// Keeps its runs in `history`.
    pub fn recorded_in(self, history: Arc<JobHistory>) -> Self {
        RebuildWorker { history, ..self }
    }

    pub fn rebuilds(&self) -> Arc<Rebuilds> {
        self.rebuilds.clone()
    }

    /// Runs the rebuilds that are requested, until `stop` is true or dropped. Damaged views are
    /// rebuilt without a request.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // Not derived from the status: a rebuild may have been requested before this runs.
        if self.is_initial_build {
            self.history.begin(Job::Rebuild, Requester::Service);
            self.track_initial_build(&mut stop).await;
        }
        let mut pause = GRACE;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                Some(()) = self.requests.recv() => {}
                damaged = damage(&mut self.health) => {
                    let Some(reason) = damaged else { return };
                    tracing::warn!(reason, "the views are damaged: rebuilding them");
                    // Fails if one was requested at the same moment, which does as well.
                    let _ = self.rebuilds.request(Requester::Service);
                    continue;
                }
            }
            let requester = self.rebuilds.status.borrow().requested_by;
            let requester = requester.unwrap_or(Requester::Service);
            self.history.begin(Job::Rebuild, requester);
            let outcome = self.rebuild(&stop).await;
            // Exponential backoff while damaged views cannot be rebuilt.
            pause = match &outcome {
                Err(Failure::Failed(_)) => (2 * pause).min(LONGEST_PAUSE),
                Ok(()) | Err(Failure::Stopped) => GRACE,
            };
            let retry = outcome.is_err() && !self.is_current();
            self.end(outcome);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = files::sweep(&self.path) {
                tracing::warn!(%error, "cannot remove views that no longer serve");
            }
            if retry {
                // Fails if one was requested meanwhile, which does as well.
                let _ = self.rebuilds.request(Requester::Service);
            }
        }
    }

    /// Whether the views that serve are what this program defines, as all are that it has built.
    fn is_current(&self) -> bool {
        self.opened_current || self.progress.borrow().generation > 0
    }

    /// Reports the progress of views that were begun from nothing, until they are complete. There
    /// is nothing to compare them with.
    async fn track_initial_build(&mut self, stop: &mut watch::Receiver<bool>) {
        loop {
            let progress = *self.progress.borrow_and_update();
            self.update(|status| status.count(progress.position, progress.complete_at));
            if progress.is_complete() {
                return self.end(Ok(()));
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return self.end(Err(Failure::Stopped)),
                changed = self.progress.changed() => if changed.is_err() {
                    return self.end(Err(Failure::Stopped));
                },
            }
        }
    }

    /// Fails once the service stops or the rebuild is cancelled.
    fn check_stop(&self, stop: &watch::Receiver<bool>) -> Result<(), Failure> {
        if *stop.borrow() || self.rebuilds.status.borrow().cancelling {
            return Err(Failure::Stopped);
        }
        Ok(())
    }

    async fn rebuild(&mut self, stop: &watch::Receiver<bool>) -> Result<(), Failure> {
        self.check_stop(stop)?;
        let (views, log) = (super::all(), self.log.identity());
        let mut next = Candidate::create(&self.path, views, log, self.cache_bytes)?;
        self.approach(&mut next.projector, stop).await?;
        self.update(|status| status.phase = Some(RebuildPhase::Comparing));
        let compared = self.compare(&mut next.projector, stop).await?;
        self.update(|status| {
            status.rows_compared = compared.rows;
            status.rows_differing = compared.differing;
            status.differences = compared.differences;
            status.phase = Some(RebuildPhase::Swapping);
        });
        next.enable_wal()?;
        self.approach(&mut next.projector, stop).await?;
        self.check_stop(stop)?;
        let (done, swapped) = oneshot::channel();
        let replacement = Replacement {
            candidate: next,
            done,
        };
        if self.replacements.send(replacement).await.is_err() {
            return Err(Failure::Stopped);
        }
        let Ok(swapped) = swapped.await else {
            return Err(Failure::Stopped);
        };
        swapped.map_err(Failure::Failed)?;
        let end = self.progress.borrow().position;
        self.update(|status| status.count(end, end));
        Ok(())
    }

    /// Brings `next` close to the views that serve.
    async fn approach(
        &self,
        next: &mut Projector,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        loop {
            let target = self.progress.borrow().position;
            if next.written().0 + CLOSE >= target.0 {
                return Ok(());
            }
            self.advance(next, target, stop).await?;
        }
    }

    /// Brings `next` to `target`.
    async fn advance(
        &self,
        next: &mut Projector,
        target: Position,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let mut feed = Feed::after(self.log.clone(), next.written(), BATCH);
        while next.written() < target {
            self.check_stop(stop)?;
            let mut events = feed.next().await?;
            events.truncate(events.partition_point(|event| event.position <= target));
            if events.is_empty() {
                let end = next.written();
                return Err(Failure::Failed(format!(
                    "the log ends at {end}, before position {target} that the views have seen"
                )));
            }
            next.apply(&*self.log, &events).await?;
            self.update(|status| status.count(next.written(), target));
        }
        Ok(())
    }

    /// Compares `next` with the views that serve, both at the same position. Views that cannot be
    /// read are a difference and no failure: a rebuild is the way to replace them.
    async fn compare(
        &self,
        next: &mut Projector,
        stop: &watch::Receiver<bool>,
    ) -> Result<Comparison, Failure> {
        let serving = match Snapshot::open(&self.path) {
            Ok(serving) => serving,
            Err(error) => return Ok(Comparison::impossible(&error.to_string())),
        };
        let position = serving.checkpoint.position;
        if !self.log.contains(&serving.checkpoint).await? {
            let reason = format!("their checkpoint at position {position} is not in this log");
            return Ok(Comparison::impossible(&reason));
        }
        if position < next.written() {
            let reason = format!("they have gone back to position {position}");
            return Ok(Comparison::impossible(&reason));
        }
        self.advance(next, position, stop).await?;
        let compared = serving.compare(next, |rows| {
            self.update(|status| status.rows_compared = rows);
            match self.check_stop(stop) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        self.check_stop(stop)?;
        Ok(compared)
    }

    fn update(&self, change: impl FnOnce(&mut RebuildStatus)) {
        self.rebuilds.status.send_modify(change);
    }

    fn end(&self, outcome: Result<(), Failure>) {
        let mut ended = Outcome::Done;
        self.update(|status| {
            status.phase = None;
            status.ended_at = Some(Timestamp::now());
            let is_cancelled = std::mem::take(&mut status.cancelling);
            (status.state, ended) = match outcome {
                Ok(()) => (RebuildState::Swapped, Outcome::Done),
                Err(Failure::Stopped) if is_cancelled => {
                    (RebuildState::Cancelled, Outcome::Cancelled)
                }
                Err(Failure::Stopped) => (RebuildState::Cancelled, Outcome::Interrupted),
                Err(Failure::Failed(reason)) => {
                    status.error = Some(reason);
                    (RebuildState::Failed, Outcome::Failed)
                }
            };
        });
        let status = self.rebuilds.status();
        let result = JobResult {
            events: status.events_done,
            rows: status.rows_compared,
            found: status.rows_differing,
            error: status.error.clone(),
        };
        self.history.end(Job::Rebuild, ended, result);
        if status.state == RebuildState::Failed {
            let reason = status.error.as_deref().unwrap_or_default();
            let old_views = match &*self.health.borrow() {
                None => "still serve",
                Some(_) => "have failed as well",
            };
            tracing::error!(
                reason,
                "rebuilding the views failed; the old ones {old_views}"
            );
        } else {
            tracing::info!(
                state = ?status.state,
                events = status.events_done,
                rows = status.rows_compared,
                differing = status.rows_differing,
                "rebuild of the views ended"
            );
        }
    }
}

/// Waits until the views turn out to be damaged, and returns how; `None` once the updater has
/// ended.
async fn damage(health: &mut watch::Receiver<Option<ViewFailure>>) -> Option<String> {
    let is_damage = |failure: &Option<ViewFailure>| failure.as_ref().is_some_and(|it| it.damaged);
    let failure = health.wait_for(is_damage).await.ok()?;
    failure.as_ref().map(|failure| failure.reason.clone())
}
