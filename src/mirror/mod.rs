//! The log mirrored into a stream of NATS JetStream, one message an event: message *n* is the event
//! at position *n*.
//!
//! Each message is stored only behind the one before (`Nats-Expected-Last-Sequence`). So the mirror
//! keeps no checkpoint: after a restart it asks the stream where it ends. It needs no leader
//! either: of several nodes that publish the same event, one is accepted and the others stand by.
//! `publisher` sends the events, `stream` compares what the stream has with the log, and `run`
//! drives both through the faults of the servers.

mod message;
mod meter;
mod publisher;
mod run;
mod settings;
mod status;
mod stream;
mod trouble;

pub use settings::MirrorSettings;
pub use status::{MirrorActivity, MirrorHandle, MirrorStatus};

use crate::background::{Background, BackgroundFailed};
use crate::log::EventLog;
use fastrand::Rng;
use meter::MirrorMetrics;
use prometheus::Registry;
use run::Runner;
use std::sync::Arc;
use tokio::sync::watch;

/// The running mirror, on a thread of its own.
pub struct Mirror {
    /// How it is; `None` if the log is not mirrored.
    pub handle: Option<MirrorHandle>,
    thread: Background,
}

/// Why the mirror could not be started.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("cannot start the mirror of the log: {0}")]
    Thread(#[from] std::io::Error),
    #[error("cannot register the metrics of the mirror: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Mirror {
    /// Mirrors `log` as `settings` say until `stopping` is true, if there are any. Servers that
    /// cannot be reached, and a stream that is refused, are tried again; neither fails the start.
    pub fn start(
        settings: Option<MirrorSettings>,
        log: &Arc<dyn EventLog>,
        registry: &Registry,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Mirror, MirrorError> {
        let Some(settings) = settings else {
            return Ok(Mirror {
                handle: None,
                thread: Background::none(),
            });
        };
        let settings = Arc::new(settings);
        let (status, seen) = watch::channel(MirrorStatus::starting());
        let metrics = MirrorMetrics::of(seen.clone());
        let failures = metrics.failures();
        registry.register(Box::new(metrics))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = MirrorHandle {
            settings: settings.clone(),
            status: seen,
        };
        let runner = Runner::new(settings, log.clone(), status, failures, Rng::new());
        let stopping = stopping.clone();
        let thread = Background::spawn("mirror", move || {
            runtime.block_on(runner.run(stopping));
            // A server that hangs must not hold up the shutdown.
            runtime.shutdown_background();
            Ok(())
        })?;
        Ok(Mirror {
            handle: Some(handle),
            thread,
        })
    }

    /// Resolves when the thread ends; never, if there is none. Cancel-safe.
    pub async fn ended(&mut self) -> Result<(), BackgroundFailed> {
        self.thread.ended().await
    }

    /// Waits for the thread, which is about to end.
    pub fn join(self) {
        self.thread.join();
    }
}
