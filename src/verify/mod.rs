//! Proof: whether the log is whole and unaltered, and every row of every view what its events add up
//! to.
//!
//! It is read from the files, beside the process that serves them, in one pass. One thread reads the
//! log and checks each event against the one before it in its stream; another applies the events to
//! empty views, which are then compared with those that serve, at the position that these had
//! reached. What is kept of a stream meanwhile is its head, some sixty bytes.

mod audit;
mod finding;
mod making;
mod on_demand;

pub use finding::{Finding, FindingKind};
pub use on_demand::{Verifications, Verifier, VerifyRunning};

use crate::log::sqlite::{LogFile, OpenError};
use crate::log::{Position, ReadError, RecordedEvent};
use crate::timestamp::Timestamp;
use crate::views::{self, Snapshot, per_cent};
use audit::{Auditor, Read};
use making::Making;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use tokio::sync::watch;
use uuid::Uuid;

/// How many findings are kept to be shown; all are counted.
const SHOWN: usize = 100;
/// How many batches are read ahead of those that are applied.
const BATCHES_AHEAD: usize = 2;
/// How many events may be left to apply once it is settled at which position the views are compared:
/// until that is done, the write-ahead log of those that serve grows.
const CLOSE: u64 = 8_192;

/// What is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyTarget {
    pub log: PathBuf,
    pub views: PathBuf,
    /// Memory for carts that are folded on the way.
    pub cache_bytes: u64,
}

/// What a verification is at, and what it has found so far.
#[derive(Debug, Clone, PartialEq, Serialize, Default, JsonSchema)]
pub struct VerifyStatus {
    pub state: VerifyState,
    /// While it runs.
    pub phase: Option<VerifyPhase>,
    pub events_done: u64,
    pub events_total: u64,
    pub per_cent: f64,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub rows_checked: u64,
    pub findings_total: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
    pub error: Option<String>,
    /// Why the views were not looked at, if they were not: what is no fault in them.
    #[serde(skip)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyState {
    /// None has run since the service began.
    #[default]
    Idle,
    Running,
    /// Everything was looked at and nothing found.
    Sound,
    Findings,
    /// It could not be carried out.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyPhase {
    Log,
    Views,
}

/// Why a verification could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the views cannot be made to compare with: {0}")]
    Making(String),
    #[error("it was told to stop")]
    Stopped,
}

/// Whether to go on, and where to tell how far it is and what was found.
struct Course<'a> {
    status: &'a watch::Sender<VerifyStatus>,
    stop: &'a watch::Receiver<bool>,
}

impl Course<'_> {
    fn go_on(&self) -> Result<(), VerifyError> {
        if *self.stop.borrow() {
            Err(VerifyError::Stopped)
        } else {
            Ok(())
        }
    }

    fn tell(&self, change: impl FnOnce(&mut VerifyStatus)) {
        self.status.send_modify(change);
    }

    fn find(&self, finding: Finding) {
        self.tell(|status| {
            status.findings_total += 1;
            if status.findings.len() < SHOWN {
                status.findings.push(finding);
            }
        });
    }

    fn count(&self, done: Position, total: Position) {
        self.tell(|status| {
            status.events_done = done.0;
            status.events_total = total.0.max(status.events_total).max(done.0);
            status.per_cent = per_cent(status.events_done, status.events_total);
        });
    }
}

/// Verifies `subject`, telling `status` how far it is, until it is done or `stop` says so. Takes the
/// calling thread and one more.
pub fn verify(
    subject: &VerifyTarget,
    status: &watch::Sender<VerifyStatus>,
    stop: &watch::Receiver<bool>,
) {
    status.send_replace(VerifyStatus::begun());
    let course = Course { status, stop };
    let outcome = carry_out(subject, &course);
    course.tell(|status| {
        status.phase = None;
        status.ended_at = Some(Timestamp::now());
        status.state = match outcome {
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
    fn begun() -> VerifyStatus {
        VerifyStatus {
            state: VerifyState::Running,
            phase: Some(VerifyPhase::Log),
            started_at: Some(Timestamp::now()),
            ..VerifyStatus::default()
        }
    }
}

fn carry_out(subject: &VerifyTarget, course: &Course<'_>) -> Result<(), VerifyError> {
    let file = LogFile::open(&subject.log)?;
    let end = file.end()?;
    let log = file.identity;
    std::thread::scope(|scope| {
        let (want, wanted) = channel();
        let (send, batches) = sync_channel(BATCHES_AHEAD);
        let auditor = Auditor::new(file, course);
        let auditing = scope.spawn(move || auditor.run(&wanted, &send));
        let making = Making::begin(subject, course);
        let checked = making.and_then(|making| {
            let reading = Reading { want, batches };
            check(subject, (log, end), making, reading, course)
        });
        let audited = auditing.join();
        let audited = audited.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        checked.and(audited)
    })
}

/// The auditor's end of the line.
struct Reading {
    want: Sender<Position>,
    batches: Receiver<Read>,
}

impl Reading {
    /// Lets the log be read up to `until` and hands on what was.
    fn up_to(
        &self,
        until: Position,
        mut each: impl FnMut(&[RecordedEvent], bool) -> Result<(), VerifyError>,
    ) -> Result<(), VerifyError> {
        // An auditor that has ended says why at its own end.
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

/// Makes views from what is read and holds those that serve against them, both at the position that
/// the ones that serve have reached. They go on meanwhile, so it is looked where they are once more
/// when the others are close. `log` is the log's identity and its end when all this began.
fn check(
    subject: &VerifyTarget,
    (log, end): (Uuid, Position),
    mut making: Making<'_>,
    reading: Reading,
    course: &Course<'_>,
) -> Result<(), VerifyError> {
    let serving = loop {
        let Some(serving) = serving(subject, log, course) else {
            break None;
        };
        let target = serving.position;
        let close = target.0 <= making.position().0 + CLOSE;
        // Only a snapshot that is compared is kept while events are applied.
        let kept = close.then_some(serving);
        reading.up_to(target, |events, complete| {
            making.apply(events, complete)?;
            course.count(making.position(), end);
            Ok(())
        })?;
        if making.position() < target {
            break None;
        }
        if kept.is_some() {
            break kept;
        }
    };
    let mut read = making.position();
    reading.up_to(end, |events, complete| {
        if serving.is_some() {
            // The views have yet to get there.
            making.only_read(events);
        } else {
            making.apply(events, complete)?;
        }
        read = events.last().map_or(read, |event| event.position);
        course.count(read, end);
        Ok(())
    })?;
    // Its last work, which it does beside this.
    drop(reading);
    course.tell(|status| status.phase = Some(VerifyPhase::Views));
    match serving {
        Some(serving) => making.compare(&serving),
        None => Ok(()),
    }
}

/// The views that serve, as they are now, if they can be compared with what the log gives.
fn serving(subject: &VerifyTarget, log: Uuid, course: &Course<'_>) -> Option<Snapshot> {
    if !subject.views.exists() {
        course.tell(|status| status.note = Some("there are no views yet".to_owned()));
        return None;
    }
    let opened = Snapshot::open(&subject.views);
    let fault = match opened {
        Ok(serving) if serving.log != log => "they were made from another log".to_owned(),
        Ok(serving) if !serving.fits(&views::all()) => {
            let note = "the views are of another definition and are made anew at the next start";
            course.tell(|status| status.note = Some(note.to_owned()));
            return None;
        }
        Ok(serving) => return Some(serving),
        Err(error) => error.to_string(),
    };
    course.find(Finding::at_large(FindingKind::DamagedViews, fault));
    None
}
