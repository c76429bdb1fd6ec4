//! Making all views anew beside those that serve: from the log's first event until they have caught
//! up, then compared with the others row by row, then serving in their place.
//!
//! Nothing of it is in the way of a request: the new tables are a file of their own, they are made
//! on a thread that yields to others, and readers go over to them by themselves. A process that is
//! killed meanwhile has only wasted its time: the views' path leads to the old tables until the
//! moment in which it leads to the new ones.
//!
//! Where the definition of a view has changed, a rebuild begins by itself at the start. The views that
//! are as they were serve meanwhile. Those that are not do not: whether tables of another definition
//! can be read, and mean the same, is not known, and an answer of the wrong shape is worse than none.
//! Until they are made, carts are folded from the log and other questions are told to come back.
//!
//! Where nothing fits this program (other definitions of all views, another log, no database at all)
//! nothing could serve meanwhile, and the views are begun anew at their own path when they are opened.

use super::compare::Snapshot;
use super::difference::Comparison;
use super::feed::Feed;
use super::files;
use super::generation::{Generation, Successor};
use super::progress::Progress;
use super::rebuilds::{RebuildPhase, RebuildState, RebuildStatus, Rebuilds};
use super::trouble::ViewFailure;
use super::updater::{Handover, Updater};
use crate::log::{EventLog, Position};
use crate::timestamp::Timestamp;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How many events are applied in one transaction: the larger, the fewer rows are written twice.
const BATCH: usize = 16_384;
/// How far behind the views that serve a generation may be to be compared with them, or to take
/// their place: what is left then takes a moment.
const CLOSE: u64 = 2_048;
/// How long the files of the generation that served before are left to those who are opening them.
const GRACE: Duration = Duration::from_secs(2);
/// How long damaged views wait at the most before they are made anew once more.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What carries rebuilds out, one at a time.
pub struct RebuildWorker {
    log: Arc<dyn EventLog>,
    path: PathBuf,
    cache_bytes: u64,
    progress: watch::Receiver<Progress>,
    trouble: watch::Receiver<Option<ViewFailure>>,
    successors: mpsc::Sender<Handover>,
    rebuilds: Arc<Rebuilds>,
    wanted: mpsc::Receiver<()>,
    /// Whether the views were begun anew when they were opened.
    first_making: bool,
    /// Whether the views that were opened are what this program defines.
    fits: bool,
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
    pub fn new(updater: &Updater, path: &Path, cache_bytes: u64) -> std::io::Result<RebuildWorker> {
        files::sweep(path)?;
        let (want, wanted) = mpsc::channel(1);
        let progress = updater.progress();
        let Progress {
            position,
            complete_at,
            ..
        } = *progress.borrow();
        // Views that were begun anew count as a rebuild under way.
        let fits = updater.fits();
        let first_making = fits && position == Position(0) && complete_at > position;
        let status = if first_making || !fits {
            RebuildStatus::begun(complete_at)
        } else {
            RebuildStatus::default()
        };
        if !fits {
            // There is room, and the other end is here.
            let _ = want.try_send(());
        }
        Ok(RebuildWorker {
            log: updater.log(),
            path: path.to_owned(),
            cache_bytes,
            progress,
            trouble: updater.health(),
            successors: updater.successors(),
            rebuilds: Arc::new(Rebuilds {
                status: watch::Sender::new(status),
                wanted: want,
            }),
            wanted,
            first_making,
            fits,
        })
    }

    pub fn rebuilds(&self) -> Arc<Rebuilds> {
        self.rebuilds.clone()
    }

    /// Carries out what is asked for until `stop` says so or is dropped. Views that turn out to be
    /// damaged are rebuilt without being asked.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // The status does not tell: a rebuild may have been asked for before this runs.
        if self.first_making {
            self.watch_the_first_making(&mut stop).await;
        }
        let mut pause = GRACE;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                Some(()) = self.wanted.recv() => {}
                damaged = damage(&mut self.trouble) => {
                    let Some(reason) = damaged else { return };
                    tracing::warn!(reason, "the views are damaged and are rebuilt");
                    // Where one was asked for at the same moment, that one it is.
                    let _ = self.rebuilds.start();
                    continue;
                }
            }
            let outcome = self.rebuild(&stop).await;
            // What stands in the way of damaged views made anew is met less and less often.
            pause = match &outcome {
                Err(Failure::Failed(_)) => (2 * pause).min(LONGEST_PAUSE),
                Ok(()) | Err(Failure::Stopped) => GRACE,
            };
            let is_due = outcome.is_err() && !self.fits();
            self.end(outcome);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = files::sweep(&self.path) {
                tracing::warn!(%error, "views that no longer serve stay there");
            }
            if is_due {
                // Where one was asked for meanwhile, that one it is.
                let _ = self.rebuilds.start();
            }
        }
    }

    /// Whether the views that serve are what this program defines: whatever was made here is.
    fn fits(&self) -> bool {
        self.fits || self.progress.borrow().generation > 0
    }

    /// Tells how far views are that were begun anew, until they are whole. There is nothing to
    /// compare them with.
    async fn watch_the_first_making(&mut self, stop: &mut watch::Receiver<bool>) {
        loop {
            let progress = *self.progress.borrow_and_update();
            self.tell(|status| status.count(progress.position, progress.complete_at));
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

    async fn rebuild(&mut self, stop: &watch::Receiver<bool>) -> Result<(), Failure> {
        let views = super::all();
        let mut next = Successor::begin(&self.path, views, self.log.identity(), self.cache_bytes)?;
        self.approach(&mut next.generation, stop).await?;
        self.tell(|status| status.phase = Some(RebuildPhase::Comparing));
        let compared = self.compare(&mut next.generation, stop).await?;
        self.tell(|status| {
            status.rows_compared = compared.rows;
            status.rows_differing = compared.differing;
            status.differences = compared.differences;
            status.phase = Some(RebuildPhase::Swapping);
        });
        next.settle()?;
        self.approach(&mut next.generation, stop).await?;
        let (done, swapped) = oneshot::channel();
        let handover = Handover {
            successor: next,
            done,
        };
        if self.successors.send(handover).await.is_err() {
            return Err(Failure::Stopped);
        }
        let Ok(swapped) = swapped.await else {
            return Err(Failure::Stopped);
        };
        swapped.map_err(Failure::Failed)?;
        let end = self.progress.borrow().position;
        self.tell(|status| status.count(end, end));
        Ok(())
    }

    /// Brings `next` close to the views that serve.
    async fn approach(
        &self,
        next: &mut Generation,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        loop {
            let target = self.progress.borrow().position;
            if next.position().0 + CLOSE >= target.0 {
                return Ok(());
            }
            self.advance(next, target, stop).await?;
        }
    }

    /// Brings `next` to `target`.
    async fn advance(
        &self,
        next: &mut Generation,
        target: Position,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let mut feed = Feed::after(self.log.clone(), next.position(), BATCH);
        while next.position() < target {
            if *stop.borrow() {
                return Err(Failure::Stopped);
            }
            let mut events = feed.next().await?;
            events.truncate(events.partition_point(|event| event.position <= target));
            if events.is_empty() {
                let end = next.position();
                return Err(Failure::Failed(format!(
                    "the log ends at {end}, before position {target} that the views have seen"
                )));
            }
            next.apply(&*self.log, &events, |_| ()).await?;
            self.tell(|status| status.count(next.position(), target));
        }
        Ok(())
    }

    /// Compares `next` with the views that serve, both at the same position. What cannot be read of
    /// those is a difference, not a failure: to be rid of them is what a rebuild is for.
    async fn compare(
        &self,
        next: &mut Generation,
        stop: &watch::Receiver<bool>,
    ) -> Result<Comparison, Failure> {
        let serving = match Snapshot::open(&self.path) {
            Ok(serving) if serving.log == self.log.identity() => serving,
            Ok(_) => return Ok(Comparison::nothing("they are views of another log")),
            Err(error) => return Ok(Comparison::nothing(&error.to_string())),
        };
        let end = self.log.barrier().await?;
        if serving.position > end {
            let reason = format!("they have seen position {}", serving.position);
            return Ok(Comparison::nothing(&reason));
        }
        if serving.position < next.position() {
            let reason = format!("they have gone back to position {}", serving.position);
            return Ok(Comparison::nothing(&reason));
        }
        self.advance(next, serving.position, stop).await?;
        let compared = serving.compare(next, |rows| {
            self.tell(|status| status.rows_compared = rows);
            if *stop.borrow() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if *stop.borrow() {
            return Err(Failure::Stopped);
        }
        Ok(compared)
    }

    fn tell(&self, change: impl FnOnce(&mut RebuildStatus)) {
        self.rebuilds.status.send_modify(change);
    }

    fn end(&self, outcome: Result<(), Failure>) {
        self.tell(|status| {
            status.phase = None;
            status.ended_at = Some(Timestamp::now());
            status.state = match outcome {
                Ok(()) => RebuildState::Swapped,
                Err(Failure::Stopped) => RebuildState::Cancelled,
                Err(Failure::Failed(reason)) => {
                    status.error = Some(reason);
                    RebuildState::Failed
                }
            };
        });
        let status = self.rebuilds.status.borrow();
        match status.state {
            RebuildState::Failed => {
                let reason = status.error.as_deref().unwrap_or_default();
                match &*self.trouble.borrow() {
                    None => {
                        tracing::error!(
                            reason,
                            "the views could not be rebuilt: those before go on"
                        );
                    }
                    // What is wrong with those was told when it was found.
                    Some(_) => tracing::error!(
                        reason,
                        "the views could not be rebuilt, and those before do not go on either"
                    ),
                }
            }
            _ => tracing::info!(
                state = ?status.state,
                events = status.events_done,
                rows = status.rows_compared,
                differing = status.rows_differing,
                "a rebuild of the views has ended"
            ),
        }
    }
}

/// Waits until the views turn out to be damaged, and says how; `None` once nobody writes them.
async fn damage(trouble: &mut watch::Receiver<Option<ViewFailure>>) -> Option<String> {
    let damaged = |trouble: &Option<ViewFailure>| trouble.as_ref().is_some_and(|it| it.damaged);
    let damage = trouble.wait_for(damaged).await.ok()?;
    damage.as_ref().map(|damage| damage.reason.clone())
}
