//! The read side, wired together: the views, their updater and their rebuilds, each on a thread of
//! its own.

use crate::background::{Background, BackgroundFailed};
use crate::jobs::JobHistory;
use crate::log::LogReader;
use crate::traces::Tracer;
use crate::views::{self, ReadHandle, RebuildWorker, Rebuilds, StoreError};
use crate::views::{Updater, ViewFailure, ViewStore};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// The views, kept up to date until they are stopped.
pub struct ReadSide {
    pub read_handle: ReadHandle,
    pub health: watch::Receiver<Option<ViewFailure>>,
    pub rebuilds: Arc<Rebuilds>,
    updater: Background,
    rebuild: Background,
}

/// Why the read side could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ReadSideError {
    #[error(transparent)]
    Views(#[from] StoreError),
    #[error("cannot start the view updater: {0}")]
    Updater(std::io::Error),
}

impl ReadSide {
    /// Opens the views of `log` at `path`, with folded carts of about `cache_bytes` in memory, and
    /// follows the log until `stopping` is true.
    pub async fn open(
        path: &Path,
        cache_bytes: u64,
        log: Arc<dyn LogReader>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<ReadSide, ReadSideError> {
        let watched = (Tracer::default(), Arc::default());
        Self::open_watched(path, cache_bytes, log, stopping, watched).await
    }

    /// The same, with the spans of projections recorded by the tracer, and runs of the rebuild in
    /// the history.
    pub async fn open_watched(
        path: &Path,
        cache_bytes: u64,
        log: Arc<dyn LogReader>,
        stopping: &watch::Receiver<bool>,
        (tracer, history): (Tracer, Arc<JobHistory>),
    ) -> Result<ReadSide, ReadSideError> {
        let failed = |reason: String| StoreError {
            path: path.to_owned(),
            reason,
        };
        let store = ViewStore::open(path, views::all(), &*log).await?;
        let updater = Updater::new(log, store, cache_bytes).traced_by(tracer);
        let rebuild = RebuildWorker::new(&updater, &views::locate(path), cache_bytes);
        let rebuild = rebuild.map_err(|error| failed(error.to_string()))?;
        let rebuild = rebuild.recorded_in(history);
        Ok(ReadSide {
            read_handle: updater.read_handle(),
            health: updater.health(),
            rebuilds: rebuild.rebuilds(),
            updater: follow(updater, stopping.clone()).map_err(ReadSideError::Updater)?,
            rebuild: keep_rebuilding(rebuild, stopping.clone()).map_err(ReadSideError::Updater)?,
        })
    }

    /// Waits until a part of it ends. Cancel-safe.
    pub async fn ended(&mut self) -> Result<(), BackgroundFailed> {
        tokio::select! {
            ended = self.updater.ended() => return ended,
            ended = self.rebuild.ended() => ended?,
        }
        // The rebuild worker ends well only after the updater, whose result says why it ended.
        self.updater.ended().await
    }

    /// Waits for its threads, which are about to end.
    pub fn join(self) {
        self.updater.join();
        self.rebuild.join();
    }
}

fn follow(updater: Updater, stopping: watch::Receiver<bool>) -> std::io::Result<Background> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    Background::spawn("view updater", move || {
        runtime
            .block_on(updater.run(stopping))
            .map_err(|error| error.to_string())
    })
}

fn keep_rebuilding(
    rebuild: RebuildWorker,
    stopping: watch::Receiver<bool>,
) -> std::io::Result<Background> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    Background::spawn_yielding("view rebuild", move || {
        runtime.block_on(rebuild.run(stopping));
        Ok(())
    })
}
