//! The jobs of a node that run for a while: rebuilds and verifications. Who requested a run, how it
//! ended, and the history of the last runs.
//!
//! The history is a small file of this node, outside of the log, so that a restart does not forget
//! it. It is replaced as a whole when a run begins and ends.

use crate::files::Partial;
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many runs of each job are kept: the newest.
const KEPT: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Of all views.
    Rebuild,
    /// Of the log and all views.
    Verification,
}

/// Who requested a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "JobRequester")]
pub enum Requester {
    /// Anyone with the operator's access, also by `cartlog rebuild`.
    Operator,
    /// The service itself: views are missing, damaged or of another definition.
    Service,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "JobOutcome")]
pub enum Outcome {
    Running,
    /// It ran to its end, and `found` says what it found.
    Done,
    /// `error` says why.
    Failed,
    /// By an operator.
    Cancelled,
    /// The service stopped meanwhile.
    Interrupted,
}

/// Why a run was not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCancelled {
    #[error("none is running")]
    NotRunning,
    #[error("the service itself started it, because the views cannot serve without it")]
    Needed,
}

/// A run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobRun {
    pub job: Job,
    pub requested_by: Requester,
    pub started_at: Timestamp,
    /// `null` while it runs, or if it was interrupted by the end of the process.
    pub ended_at: Option<Timestamp>,
    pub outcome: Outcome,
    pub result: JobResult,
}

/// How far a run came, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobResult {
    /// Events of the log that were read.
    pub events: u64,
    /// Rows of the views that were compared.
    pub rows: u64,
    /// Rows that differed, or findings of a verification.
    pub found: u64,
    /// Why the run failed.
    pub error: Option<String>,
}

/// The last runs of a node's jobs.
#[derive(Debug, Default)]
pub struct JobHistory {
    /// Without a file they are kept in memory alone.
    file: Option<PathBuf>,
    /// The oldest first.
    runs: Mutex<Vec<JobRun>>,
}

impl JobHistory {
    /// The history in `file`. One that cannot be read is logged, and begins again: it must not keep
    /// the service from starting.
    pub fn open(file: PathBuf) -> JobHistory {
        let runs = read(&file).unwrap_or_else(|error| {
            let file = file.display();
            tracing::warn!(%error, %file, "cannot read the history of jobs; it begins again");
            Vec::new()
        });
        let interrupted = |mut run: JobRun| {
            if run.outcome == Outcome::Running {
                run.outcome = Outcome::Interrupted;
            }
            run
        };
        JobHistory {
            file: Some(file),
            runs: Mutex::new(runs.into_iter().map(interrupted).collect()),
        }
    }

    /// Adds a run that begins now.
    pub fn begin(&self, job: Job, requested_by: Requester) {
        let mut runs = self.runs();
        runs.push(JobRun {
            job,
            requested_by,
            started_at: Timestamp::now(),
            ended_at: None,
            outcome: Outcome::Running,
            result: JobResult::default(),
        });
        let mut same = runs.iter().enumerate().filter(|(_, run)| run.job == job);
        let oldest = same.next().map(|(place, _)| place);
        if same.count() >= KEPT
            && let Some(oldest) = oldest
        {
            runs.remove(oldest);
        }
        self.save(&runs);
    }

    /// Notes the end of the running `job`.
    pub fn end(&self, job: Job, outcome: Outcome, result: JobResult) {
        let mut runs = self.runs();
        let mut newest = runs.iter_mut().rev();
        if let Some(run) = newest.find(|run| run.job == job && run.outcome == Outcome::Running) {
            run.ended_at = Some(Timestamp::now());
            (run.outcome, run.result) = (outcome, result);
        }
        self.save(&runs);
    }

    /// The newest first.
    pub fn list(&self) -> Vec<JobRun> {
        self.runs().iter().rev().cloned().collect()
    }

    fn runs(&self) -> MutexGuard<'_, Vec<JobRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, runs: &[JobRun]) {
        let Some(file) = &self.file else { return };
        if let Err(error) = write(file, runs) {
            let file = file.display();
            tracing::warn!(%error, %file, "cannot write the history of jobs; it stays in memory");
        }
    }
}

fn read(file: &Path) -> io::Result<Vec<JobRun>> {
    match std::fs::read(file) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, runs: &[JobRun]) -> io::Result<()> {
    let mut partial = Partial::beside(file, "jobs")?;
    serde_json::to_writer(partial.file(), runs)?;
    partial.replace(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(found: u64) -> JobResult {
        JobResult {
            events: 10,
            rows: 5,
            found,
            error: None,
        }
    }

    /// Contract (service): The last 20 runs of each job are known after a restart, one that it
    /// interrupted as such.
    #[test]
    fn history_survives_a_restart_and_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jobs.json");
        let history = JobHistory::open(file.clone());
        history.begin(Job::Verification, Requester::Operator);
        history.end(Job::Verification, Outcome::Cancelled, result(0));
        for found in 0..25 {
            history.begin(Job::Rebuild, Requester::Service);
            history.end(Job::Rebuild, Outcome::Done, result(found));
        }
        history.begin(Job::Rebuild, Requester::Operator);
        let before = history.list();
        let after = JobHistory::open(file).list();
        assert_eq!(before[0].outcome, Outcome::Running);
        assert_eq!(after[0].outcome, Outcome::Interrupted);
        assert_eq!(before[1..], after[1..]);
        assert_eq!(after.len(), KEPT + 1);
        assert_eq!((after[1].result.found, after[19].result.found), (24, 6));
        assert_eq!(after[20].outcome, Outcome::Cancelled);
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn unreadable_history_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jobs.json");
        std::fs::write(&file, "[{").unwrap();
        let history = JobHistory::open(file.clone());
        assert_eq!(history.list(), []);
        history.begin(Job::Rebuild, Requester::Operator);
        history.end(Job::Rebuild, Outcome::Done, result(1));
        assert_eq!(JobHistory::open(file).list(), history.list());
    }
}
