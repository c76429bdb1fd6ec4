//! Verification: that the log is complete and unaltered, and that every row of every view is what
//! its events give.
//!
//! The files are read in one pass, beside the process that serves them. One thread reads the log
//! and checks each event against the one before it in its stream. Another projects the events into
//! empty views, which are then compared with those that serve, at the position of their checkpoint.
//! Of each stream only its head is kept in memory, some sixty bytes.

mod audit;
mod expected;
mod finding;
mod on_demand;
mod tree;

pub use finding::{Finding, FindingKind};
pub use on_demand::{Verifications, Verifier, VerifyRunning};

use crate::log::{
    self, LogAdministration, LogConfig, LogHead, OpenError, Position, ReadError, RecordedEvent,
};
use crate::proof::{SignedTreeHead, TreeHead, last_signed};
use crate::timestamp::Timestamp;
use crate::views::{self, Snapshot, per_cent};
use audit::{Auditor, Read};
use expected::ExpectedViews;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use tokio::sync::watch;
use uuid::Uuid;

/// How many findings are listed; all are counted.
const LISTED: usize = 100;
/// How many batches are read ahead of those that are projected.
const BATCHES_AHEAD: usize = 2;
/// How many events at the most are projected while a snapshot of the views that serve is kept,
/// during which their write-ahead log grows.
const CLOSE: u64 = 8_192;

/// What is verified.
#[derive(Debug, Clone)]
pub struct VerifyTarget {
    pub log: LogConfig,
    pub views: PathBuf,
    /// Memory for folded carts.
    pub cache_bytes: u64,
    /// What the log must have recorded, from an earlier verification, export or backup.
    pub expected_head: Option<LogHead>,
    /// The signing key: the log must extend the checkpoint that was signed last with it.
    pub signing_key: Option<PathBuf>,
    /// A checkpoint from elsewhere that the log must extend.
    pub checkpoint: Option<SignedTreeHead>,
}

/// The progress of a verification, and what it has found so far.
#[derive(Debug, Clone, PartialEq, Serialize, Default, JsonSchema)]
pub struct VerifyStatus {
    pub state: VerifyState,
    /// Whether the running one was cancelled: it is about to end.
    pub cancelling: bool,
    /// `null` unless it runs.
    pub phase: Option<VerifyPhase>,
    pub events_done: u64,
    pub events_total: u64,
    pub per_cent: f64,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// The end of the log as far as it was checked. The hash identifies everything up to there;
    /// `null` before the log is read, or if a row of it cannot be read.
    pub head: Option<LogHead>,
    /// Events in the last signed checkpoint, which the log must extend; `null` if nothing was
    /// signed.
    pub signed_events: Option<u64>,
    pub rows_checked: u64,
    pub findings_total: u64,
    /// The first findings.
    pub findings: Vec<Finding>,
    pub error: Option<String>,
    /// Why the views were not checked, if that is no finding.
    #[serde(skip)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyState {
    /// None has run since the service started.
    #[default]
    Idle,
    Running,
    /// Everything was checked and nothing found.
    Sound,
    Findings,
    /// It could not be completed.
    Failed,
    /// An operator cancelled it.
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyPhase {
    Log,
    Views,
}

/// Why a verification could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot project the views to compare with: {0}")]
    Projection(String),
    #[error("it was stopped")]
    Stopped,
}

/// Where to report progress and findings, and whether to stop.
struct VerifyContext<'a> {
    status: &'a watch::Sender<VerifyStatus>,
    stop: &'a watch::Receiver<bool>,
}

impl VerifyContext<'_> {
    fn check_stop(&self) -> Result<(), VerifyError> {
        if *self.stop.borrow() || self.status.borrow().cancelling {
            Err(VerifyError::Stopped)
        } else {
            Ok(())
        }
    }

    fn update(&self, change: impl FnOnce(&mut VerifyStatus)) {
        self.status.send_modify(change);
    }

    fn find(&self, finding: Finding) {
        self.update(|status| {
            status.findings_total += 1;
            if status.findings.len() < LISTED {
                status.findings.push(finding);
            }
        });
    }

    fn count(&self, done: Position, total: Position) {
        self.update(|status| {
            status.events_done = done.0;
            status.events_total = total.0.max(status.events_total).max(done.0);
            status.per_cent = per_cent(status.events_done, status.events_total);
        });
    }
}

/// Verifies `target` and reports to `status`, until it is done or `stop` is true. Uses the calling
/// thread and one more.
pub fn verify(
    target: &VerifyTarget,
    status: &watch::Sender<VerifyStatus>,
    stop: &watch::Receiver<bool>,
) {
    status.send_if_modified(|status| {
        // Unless it was requested as running, and may have been cancelled since.
        let begins = status.state != VerifyState::Running;
        if begins {
            *status = VerifyStatus::running();
        }
        begins
    });
    let context = VerifyContext { status, stop };
    let outcome = run(target, &context);
    context.update(|status| {
        status.phase = None;
        status.ended_at = Some(Timestamp::now());
        let is_cancelled = std::mem::take(&mut status.cancelling);
        status.state = match outcome {
            Err(VerifyError::Stopped) if is_cancelled => VerifyState::Cancelled,
            Ok(()) if status.findings_total == 0 => VerifyState::Sound,
            Ok(()) => VerifyState::Findings,
            Err(error) => {
                status.error = Some(error.to_string());
                VerifyState::Failed
            }
        };
    });
}

impl VerifyStatus {
    fn running() -> VerifyStatus {
        VerifyStatus {
            state: VerifyState::Running,
            phase: Some(VerifyPhase::Log),
            started_at: Some(Timestamp::now()),
            ..VerifyStatus::default()
        }
    }
}

fn run(target: &VerifyTarget, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    // Before the log, which grows meanwhile.
    let administration = log::administration(&target.log);
    let checkpoints = checkpoints(target, &*administration, context);
    let file = administration.audit()?;
    let mut end = file.end()?;
    if checkpoints.iter().any(|head| head.size > end.0) {
        // On a shared log another node may have signed what this one does not have yet.
        administration.update_copy()?;
        end = file.end()?;
    }
    let log = file.identity();
    std::thread::scope(|scope| {
        let (want, wanted) = channel();
        let (send, batches) = sync_channel(BATCHES_AHEAD);
        let auditor = Auditor::new(file, target, checkpoints, context);
        let auditing = scope.spawn(move || auditor.run(&wanted, &send));
        let expected = ExpectedViews::begin(target, context);
        let checked = expected.and_then(|expected| {
            let batches = Batches { want, batches };
            check(target, (log, end), expected, batches, context)
        });
        let audited = auditing.join();
        let audited = audited.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        checked.and(audited)
    })
}

/// The checkpoints that the log must extend: the one that was given, the one that this node's key
/// has signed last, and the one that the nodes of a shared log have signed last.
fn checkpoints(
    target: &VerifyTarget,
    administration: &dyn LogAdministration,
    context: &VerifyContext<'_>,
) -> Vec<TreeHead> {
    let own = target.signing_key.as_deref().map(last_signed).transpose();
    let own = own.map(Option::flatten).map_err(|error| error.to_string());
    let shared = administration.note().map_err(|error| error.to_string());
    let shared = shared.and_then(|note| {
        let read = note.map(|note| SignedTreeHead::read(&note)).transpose();
        read.map_err(|error| error.to_string())
    });
    let mut signed: Vec<TreeHead> = Vec::new();
    for last in [own, shared] {
        match last {
            Ok(last) => signed.extend(last.map(|last| last.head)),
            Err(error) => context.find(Finding::general(
                FindingKind::HistoryDiffers,
                format!("the log cannot be compared with what was signed: {error}"),
            )),
        }
    }
    let newest = signed.iter().map(|head| head.size).max();
    context.update(|status| status.signed_events = newest);
    let given = target.checkpoint.iter().map(|given| given.head);
    let mut heads: Vec<TreeHead> = Vec::new();
    for head in given.chain(signed) {
        if !heads.contains(&head) {
            heads.push(head);
        }
    }
    heads
}

/// The batches that the auditor reads.
struct Batches {
    want: Sender<Position>,
    batches: Receiver<Read>,
}

impl Batches {
    /// Requests the log up to `until` and passes each batch on.
    fn up_to(
        &self,
        until: Position,
        mut each: impl FnMut(&[RecordedEvent], bool) -> Result<(), VerifyError>,
    ) -> Result<(), VerifyError> {
        // The auditor's own result says why it ended.
        if self.want.send(until).is_err() {
            return Err(VerifyError::Stopped);
        }
        loop {
            match self.batches.recv() {
                Ok(Read::Batch { events, complete }) => each(&events, complete)?,
                Ok(Read::Done) => return Ok(()),
                Err(_) => return Err(VerifyError::Stopped),
            }
        }
    }
}

/// Projects what is read and compares the views that serve with it, both at the same position. The
/// views that serve move meanwhile, so snapshots are taken until the projection is close to one.
/// `log` and `end` are the log's identity and its end at the beginning.
fn check(
    target: &VerifyTarget,
    (log, end): (Uuid, Position),
    mut expected: ExpectedViews<'_>,
    batches: Batches,
    context: &VerifyContext<'_>,
) -> Result<(), VerifyError> {
    let serving = loop {
        let Some(serving) = serving(target, log, context) else {
            break None;
        };
        let checkpoint = serving.checkpoint.position;
        let close = checkpoint.0 <= expected.position().0 + CLOSE;
        // Only the snapshot to compare with is kept while events are projected.
        let kept = close.then_some(serving);
        batches.up_to(checkpoint, |events, complete| {
            expected.apply(events, complete)?;
            context.count(expected.position(), end);
            Ok(())
        })?;
        if expected.position() < checkpoint {
            break None;
        }
        if kept.is_some() {
            break kept;
        }
    };
    let mut read = expected.position();
    batches.up_to(end, |events, complete| {
        if serving.is_some() {
            // The views that serve have not seen these.
            expected.only_read(events);
        } else {
            expected.apply(events, complete)?;
        }
        read = events.last().map_or(read, |event| event.position);
        context.count(read, end);
        Ok(())
    })?;
    // The auditor ends with its checks of the whole file, in parallel.
    drop(batches);
    context.update(|status| status.phase = Some(VerifyPhase::Views));
    match serving {
        Some(serving) => expected.compare(&serving),
        None => Ok(()),
    }
}

/// The views that serve as they are now, if they can be compared.
fn serving(target: &VerifyTarget, log: Uuid, context: &VerifyContext<'_>) -> Option<Snapshot> {
    if !target.views.exists() {
        context.update(|status| status.note = Some("there are no views yet".to_owned()));
        return None;
    }
    let opened = Snapshot::open(&target.views);
    let fault = match opened {
        Ok(serving) if serving.checkpoint.log_id != log => {
            "they were made from another log".to_owned()
        }
        Ok(serving) if !serving.is_current(&views::all()) => {
            let note = "the views have another definition and are rebuilt at the next start";
            context.update(|status| status.note = Some(note.to_owned()));
            return None;
        }
        Ok(serving) => return Some(serving),
        Err(error) => error.to_string(),
    };
    context.find(Finding::general(FindingKind::DamagedViews, fault));
    None
}
