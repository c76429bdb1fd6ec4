//! What operating a shared log takes on one node: its replica is backed up, exported and verified.

use super::audit::SharedAudit;
use super::blocking::block_on;
use super::sequencer::{Sequencer, SequencerConnector, SequencerError};
use super::settings::SharedLogSettings;
use super::shared_log::SharedLog;
use super::worker::SET_ASIDE;
use crate::files::beside;
use crate::log::sqlite::{SqliteAdministration, SqliteReplica};
use crate::log::{
    BackupError, BulkImporter, LogAdministration, LogAudit, LogCopy, LogHead, LogReader, LogWriter,
    OpenError, Progress,
};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for a replica that another process keeps up to date.
const CURRENT_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Operates a shared log through this node's replica, which another process may have open.
#[derive(Debug)]
pub struct SharedAdministration {
    connector: Arc<dyn SequencerConnector>,
    settings: SharedLogSettings,
    replica: SqliteAdministration,
}

impl SharedAdministration {
    pub fn new(
        connector: Arc<dyn SequencerConnector>,
        settings: SharedLogSettings,
    ) -> SharedAdministration {
        SharedAdministration {
            replica: SqliteAdministration::of(&settings.replica_path),
            connector,
            settings,
        }
    }

    /// Brings the replica up to date: fills it, or waits for the process that has it open.
    pub fn update_replica(&self) -> Result<(), OpenError> {
        // Opening creates a missing log, which would hide the mistake.
        let end = self.run(async |sequencer| sequencer.barrier().await)?;
        let (log, worker) = match SharedLog::open(&self.connector, &self.settings) {
            Ok(opened) => opened,
            Err(error) if error.in_use => return self.wait_for_replica(end.0),
            Err(error) => return Err(error),
        };
        let filled = block_on(|| log.wait_until_filled());
        log.close();
        worker.join();
        filled.map_err(|error| self.failed(error.to_string()))
    }

    /// Waits until the replica has the commits up to `sequence`, which another process applies.
    fn wait_for_replica(&self, sequence: u64) -> Result<(), OpenError> {
        let started = Instant::now();
        loop {
            let checkpoint = SqliteReplica::checkpoint_at(&self.settings.replica_path)?;
            let reached = checkpoint.map_or(0, |checkpoint| checkpoint.sequence);
            if reached >= sequence {
                return Ok(());
            }
            if started.elapsed() >= CURRENT_WITHIN {
                return Err(self.failed(format!(
                    "the replica {} is at sequence {reached} of {sequence} after {} seconds: \
                     check the node that keeps it (/readyz)",
                    self.settings.replica_path.display(),
                    CURRENT_WITHIN.as_secs()
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Runs `work` over a connection of its own to the existing log.
    fn run<T: Send>(
        &self,
        work: impl AsyncFnOnce(&dyn Sequencer) -> Result<T, SequencerError> + Send,
    ) -> Result<T, OpenError> {
        block_on(|| async {
            let sequencer = self.connector.connect_existing().await?;
            let missing = || self.failed("it has not been created".to_owned());
            let sequencer = sequencer.ok_or_else(missing)?;
            let done = work(&*sequencer).await;
            done.map_err(|error| self.failed(error.to_string()))
        })
    }

    /// Records the digest in the replica too: it is a log, which may leave the shared one.
    fn keep_digest(&self, digest: [u8; 32]) -> Result<(), OpenError> {
        if self.replica.exists() && self.replica.secret_digest()? != Some(digest) {
            self.replica.record_secret_digest(digest, true)?;
        }
        Ok(())
    }

    fn failed(&self, reason: String) -> OpenError {
        OpenError {
            location: self.connector.location(),
            reason,
            in_use: false,
        }
    }
}

impl LogAdministration for SharedAdministration {
    fn location(&self) -> String {
        self.connector.location()
    }

    /// An engine that cannot be reached counts as one that has the log: opening it says why.
    fn exists(&self) -> bool {
        let existing = block_on(|| self.connector.connect_existing());
        !matches!(existing, Ok(None))
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = self.replica.files();
        files.push(beside(&self.settings.replica_path, SET_ASIDE));
        files
    }

    fn secret_digest(&self) -> Result<Option<[u8; 32]>, OpenError> {
        let recorded = self.run(async |sequencer| sequencer.secret_digest().await)?;
        if let Some(digest) = recorded {
            self.keep_digest(digest)?;
        }
        Ok(recorded)
    }

    fn record_secret_digest(&self, digest: [u8; 32], replace: bool) -> Result<[u8; 32], OpenError> {
        let recorded =
            self.run(async |sequencer| sequencer.record_secret_digest(digest, replace).await)?;
        self.keep_digest(recorded)?;
        Ok(recorded)
    }

    fn note(&self) -> Result<Option<String>, OpenError> {
        self.run(async |sequencer| sequencer.note().await)
    }

    fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, OpenError> {
        self.run(async |sequencer| sequencer.replace_note(last, next).await)
    }

    fn update_copy(&self) -> Result<(), OpenError> {
        self.update_replica()
    }

    /// Copies the replica, once it is up to date.
    fn back_up(&self, target: &Path, progress: Progress<'_>) -> Result<LogHead, BackupError> {
        if target.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(target.to_owned()));
        }
        self.update_replica()?;
        self.replica.back_up(target, progress)
    }

    fn copy(&self, progress: Progress<'_>) -> Result<LogCopy, BackupError> {
        self.update_replica()?;
        self.replica.copy(progress)
    }

    fn audit(&self) -> Result<Box<dyn LogAudit>, OpenError> {
        let path = &self.settings.replica_path;
        if !path.exists() {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            let reason = format!("{missing}: run `cartlog serve` once to fill the replica");
            return Err(OpenError::new(path, reason));
        }
        let replica = self.replica.audit()?;
        Ok(Box::new(SharedAudit::new(replica, self.connector.clone())))
    }

    fn import_in_bulk(&self) -> Result<Option<Box<dyn BulkImporter>>, OpenError> {
        Ok(None)
    }
}
