//! The thread of a shared log: it opens engine and replica, and runs the tasks between them.

use super::appender::{Appender, Queued};
use super::barriers::{self, Barriers};
use super::follower::{Fault, Follower, same_history};
use super::progress::Progress;
use super::sequencer::{Sequence, Sequencer, SequencerConnector, SequencerError};
use super::settings::SharedLogSettings;
use super::shared_log::SharedLog;
use crate::background::Background;
use crate::file_lock::FileLock;
use crate::files::{COMPANIONS, beside, create_folder_of, remove_database};
use crate::log::OpenError;
use crate::log::sqlite::{
    Durability, FoundReplica, ReplicaCheckpoint, SqliteLogSettings, SqliteReplica,
};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

/// The suffix of a replica that was set aside.
pub(super) const SET_ASIDE: &str = ".set-aside";

impl SharedLog {
    /// Connects to the log, opens this node's replica and starts to fill it. The thread ends after
    /// [`close`](crate::log::LogWriter::close), or when this node must not serve any more.
    pub fn open(
        connector: &Arc<dyn SequencerConnector>,
        settings: &SharedLogSettings,
    ) -> Result<(Arc<SharedLog>, Background), OpenError> {
        let failed = |error: io::Error| OpenError {
            location: connector.location(),
            reason: error.to_string(),
            in_use: false,
        };
        let (opened, opening) = sync_channel(1);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (settings, connecting) = (settings.clone(), connector.clone());
        let background = Background::spawn("shared log", move || {
            runtime.block_on(async {
                match Tasks::open(&*connecting, &settings).await {
                    Ok((log, tasks)) => {
                        // Received, since the caller waits for it.
                        let _ = opened.send(Ok(log));
                        tasks.run().await
                    }
                    Err(error) => {
                        let _ = opened.send(Err(error));
                        Ok(())
                    }
                }
            })
        })
        .map_err(failed)?;
        match opening.recv() {
            Ok(Ok(log)) => Ok((log, background)),
            Ok(Err(error)) => {
                background.join();
                Err(error)
            }
            Err(_) => Err(failed(io::Error::other("its thread has ended"))),
        }
    }
}

/// The tasks of an open log.
struct Tasks {
    appender: Appender,
    queue: mpsc::Receiver<Queued>,
    follower: Follower,
    barriers: JoinHandle<()>,
    closing: watch::Receiver<bool>,
    replica: Arc<SqliteReplica>,
    replica_writer: Background,
    progress: Arc<Progress>,
}

impl Tasks {
    async fn open(
        connector: &dyn SequencerConnector,
        settings: &SharedLogSettings,
    ) -> Result<(Arc<SharedLog>, Tasks), OpenError> {
        let path = &settings.replica_path;
        let failed = |reason: String| OpenError::new(path, reason);
        create_folder_of(path).map_err(|error| failed(error.to_string()))?;
        let lock = FileLock::acquire(path, "this replica").map_err(|error| OpenError {
            in_use: error.kind() == io::ErrorKind::WouldBlock,
            ..failed(error.to_string())
        })?;
        let sequencer = connector.connect().await?;
        let unavailable = |reason: String| OpenError {
            location: connector.location(),
            reason,
            in_use: false,
        };
        discard_unfit(&*sequencer, connector.location(), path).await?;
        let file = SqliteLogSettings {
            checkpoint_pages: settings.checkpoint_pages,
            durability: Durability::Process,
            ..SqliteLogSettings::at(path)
        };
        let (replica, checkpoint, replica_writer) =
            SqliteReplica::open(&file, sequencer.identity(), lock)?;
        let end = sequencer.barrier().await;
        let end = end.map_err(|error| unavailable(error.to_string()))?;
        let missing = end.0.saturating_sub(checkpoint.sequence);
        tracing::info!(
            engine = sequencer.engine(),
            replica = %path.display(),
            applied = checkpoint.sequence,
            missing,
            "opened the shared log"
        );
        let replica = Arc::new(replica);
        let progress = Arc::new(Progress::new(checkpoint, end));
        let (queue, queued) = mpsc::channel(settings.queue);
        let (barriers, requests) = Barriers::bounded(settings.queue);
        let closing = watch::Sender::new(false);
        let tasks = Tasks {
            appender: Appender::new(
                sequencer.clone(),
                replica.clone(),
                progress.clone(),
                settings,
            ),
            queue: queued,
            follower: Follower {
                sequencer: sequencer.clone(),
                replica: replica.clone(),
                progress: progress.clone(),
                poll_every: settings.poll_every,
            },
            barriers: tokio::spawn(barriers::answer(sequencer.clone(), requests)),
            closing: closing.subscribe(),
            replica: replica.clone(),
            replica_writer,
            progress: progress.clone(),
        };
        let log = SharedLog {
            sequencer,
            replica,
            progress,
            queue,
            most_waiting: settings.queue,
            barriers,
            closing,
        };
        Ok((Arc::new(log), tasks))
    }

    /// Runs until the log is closed and every commit is answered, or until one of the tasks ends.
    async fn run(mut self) -> Result<(), String> {
        let appending = self.appender.run(self.queue, self.closing.clone());
        let mut appending = tokio::spawn(appending);
        let mut following = tokio::spawn(self.follower.run());
        let mut ended = tokio::select! {
            _ = self.closing.wait_for(|closing| *closing) => {
                let answered = async {
                    let _ = (&mut appending).await;
                    wait_until_answered(&self.progress).await;
                };
                tokio::select! {
                    () = answered => Ok(()),
                    ended = &mut following => flatten(ended),
                }
            }
            ended = &mut following => flatten(ended),
        };
        appending.abort();
        following.abort();
        self.barriers.abort();
        self.progress.expire(true);
        self.replica.close();
        let written = self.replica_writer.ended().await;
        ended = ended.and(written.map_err(|error| error.to_string()));
        self.replica_writer.join();
        ended
    }
}

/// Waits until no commit waits for the replica any more. Each waits for a bounded time.
async fn wait_until_answered(progress: &Progress) {
    let mut applied = progress.applied();
    while progress.waiters() > 0 {
        let _ = tokio::time::timeout(Duration::from_millis(100), applied.changed()).await;
    }
}

fn flatten(ended: Result<Result<(), String>, JoinError>) -> Result<(), String> {
    ended.unwrap_or_else(|panic| Err(panic.to_string()))
}

/// Removes a replica that cannot be continued: damaged, of another log, or with commits that the
/// engine no longer has. All of the log is in the engine, so that it is filled again.
async fn discard_unfit(
    sequencer: &dyn Sequencer,
    location: String,
    path: &Path,
) -> Result<(), OpenError> {
    let (reason, keep) = match SqliteReplica::examine(path, sequencer.identity())? {
        FoundReplica::Nothing => return Ok(()),
        FoundReplica::Damaged(reason) => (reason, false),
        FoundReplica::Foreign(reason) => (reason, true),
        FoundReplica::Kept(checkpoint) => match lost_history(sequencer, checkpoint).await {
            Ok(None) => return Ok(()),
            Ok(Some(reason)) => (reason, true),
            Err(reason) => {
                return Err(OpenError {
                    location,
                    reason,
                    in_use: false,
                });
            }
        },
    };
    let discarded = if keep {
        set_aside(path).map(|aside| Some(aside.display().to_string()))
    } else {
        remove_database(path).map(|()| None)
    };
    let kept = discarded.map_err(|error| OpenError::new(path, error.to_string()))?;
    tracing::warn!(replica = %path.display(), reason, kept, "the replica is filled again");
    Ok(())
}

/// Why the engine does not have the history of `checkpoint`, if it has not.
async fn lost_history(
    sequencer: &dyn Sequencer,
    checkpoint: ReplicaCheckpoint,
) -> Result<Option<String>, String> {
    if checkpoint.sequence == 0 {
        return Ok(None);
    }
    let read = sequencer.tail(Sequence(checkpoint.sequence - 1), 1).await;
    match read {
        Ok(read) => match same_history(checkpoint, read.first()) {
            Err(Fault::Lost(reason)) => Ok(Some(reason)),
            // The follower stops there and says why.
            Ok(()) | Err(_) => Ok(None),
        },
        Err(SequencerError::Unreadable { .. }) => Ok(None),
        Err(SequencerError::Unavailable(reason)) => Err(reason),
    }
}

/// Renames the replica with what belongs to it, in place of one that was set aside before.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, SET_ASIDE);
    remove_database(&aside)?;
    for suffix in COMPANIONS {
        match std::fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, &aside)?;
    Ok(aside)
}
