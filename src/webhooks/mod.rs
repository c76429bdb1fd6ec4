//! Webhooks: public events sent to other services, signed after Standard Webhooks.
//!
//! Each event is delivered at least once; those of a cart in order, those of several carts at the
//! same time. `schedule` decides what is sent next, `client` sends it, `store` remembers what
//! was delivered, and `deliverer` drives the three from the log. An event that a receiver does
//! not accept parks its cart until the operator retries or drops it; the others go on.

mod client;
mod deliverer;
mod handle;
mod meter;
mod receiver;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod settings;
mod signature;
mod store;

pub use handle::{Activity, ParkedCart, WebhookHandle, WebhookStatus};
pub use settings::WebhookSettings;
pub use signature::{InvalidSecret, SigningSecret};
pub use store::StoreError;

use crate::background::{Background, BackgroundFailed};
use crate::log::{Checkpoint, EventLog, LogReader, ReadError};
use crate::traces::Tracer;
use client::Client;
use deliverer::Deliverer;
use fastrand::Rng;
use futures_util::future::join_all;
use handle::Command;
use meter::{Meter, Meters};
use prometheus::Registry;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, watch};

/// Commands of the operator that may wait.
const COMMANDS: usize = 16;

/// The running webhooks, on a thread of their own.
pub struct Webhooks {
    pub handles: Vec<WebhookHandle>,
    thread: Background,
}

/// Why webhooks could not be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot start webhooks: {0}")]
    Thread(#[from] std::io::Error),
    #[error("cannot register the metrics of webhooks: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Webhooks {
    /// Delivers the events of `log` to the receivers in `settings` until `stopping` is true. The
    /// state is in the file at `path`, which is not touched without receivers. Their metrics are
    /// added to `registry`, and spans of deliveries recorded by `tracer`.
    pub fn start(
        settings: Vec<WebhookSettings>,
        path: &Path,
        log: &Arc<dyn EventLog>,
        registry: &Registry,
        tracer: &Tracer,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Webhooks, WebhooksError> {
        if settings.is_empty() {
            return Ok(Webhooks {
                handles: Vec::new(),
                thread: Background::none(),
            });
        }
        let store = Store::open(path)?;
        let meters = Meters::of(settings.iter().map(|webhook| &*webhook.name));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(settings.iter().map(|it| it.concurrency).sum())
            .build()?;
        let mut handles = Vec::new();
        let mut webhooks = Vec::new();
        for (settings, meter) in settings.into_iter().zip(meters.meters()) {
            let (send, commands) = mpsc::channel(COMMANDS);
            let settings = Arc::new(settings);
            handles.push(WebhookHandle {
                settings: settings.clone(),
                commands: send,
            });
            webhooks.push(Webhook {
                settings,
                log: log.clone(),
                meter: meter.clone(),
                tracer: tracer.clone(),
                commands,
                stop: stopping.clone(),
            });
        }
        registry.register(Box::new(meters))?;
        let thread = Background::spawn("webhooks", move || {
            let store = Rc::new(RefCell::new(store));
            let running = webhooks.into_iter().map(|it| it.run(store.clone()));
            runtime.block_on(join_all(running));
            // A receiver that hangs must not hold up the shutdown.
            runtime.shutdown_background();
            Ok(())
        })?;
        Ok(Webhooks { handles, thread })
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

/// One webhook, about to run.
struct Webhook {
    settings: Arc<WebhookSettings>,
    log: Arc<dyn LogReader>,
    meter: Arc<Meter>,
    tracer: Tracer,
    commands: mpsc::Receiver<Command>,
    stop: watch::Receiver<bool>,
}

impl Webhook {
    async fn run(self, store: Rc<RefCell<Store>>) {
        let prepared = match start_of(&*self.log, &store, &self.settings.name).await {
            Ok(start) => {
                let (settings, rng) = (self.settings.clone(), Rng::new());
                let client = Client::new(settings.clone(), self.tracer);
                Deliverer::new(settings, self.log, store, self.meter, client, start, rng)
                    .map_err(|error| error.to_string())
            }
            Err(reason) => Err(reason),
        };
        match prepared {
            Ok(deliverer) => deliverer.run(self.commands, self.stop).await,
            Err(reason) => {
                tracing::error!(
                    webhook = self.settings.name,
                    reason,
                    "webhook failed; it is stopped"
                );
                answer_stopped(&reason, self.commands, self.stop).await;
            }
        }
    }
}

/// Where the webhook `name` begins or continues. A new one begins at the end of the log.
async fn start_of(
    log: &dyn LogReader,
    store: &RefCell<Store>,
    name: &str,
) -> Result<Checkpoint, String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let unread = |error: ReadError| error.to_string();
    let found = store.borrow().checkpoint(name).map_err(failed)?;
    let end = end_of(log).await.map_err(unread)?;
    let start = match found {
        None => end,
        Some(checkpoint) if log.contains(&checkpoint).await.map_err(unread)? => {
            return Ok(checkpoint);
        }
        // An older backup was restored: all that it has was delivered.
        Some(checkpoint)
            if checkpoint.log_id == end.log_id && end.position < checkpoint.position =>
        {
            end
        }
        Some(checkpoint) => {
            return Err(format!(
                "what was delivered up to position {} is not in this log: it is another log, or \
                 was restored from a backup and continued without webhooks. Give the webhook \
                 another name, under which it begins at the end of the log",
                checkpoint.position
            ));
        }
    };
    store.borrow_mut().start(name, start).map_err(failed)?;
    Ok(start)
}

async fn end_of(log: &dyn LogReader) -> Result<Checkpoint, ReadError> {
    let start = Checkpoint::start(log.identity());
    let last = log.event_at(log.barrier().await?).await?;
    Ok(last.map_or(start, |event| start.after(&event)))
}

/// Tells the operator why a webhook is stopped.
async fn answer_stopped(
    reason: &str,
    mut commands: mpsc::Receiver<Command>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let command = tokio::select! {
            Some(command) = commands.recv() => command,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // A client that has gone does not wait for the reply.
        match command {
            Command::Status(reply) => {
                let _ = reply.send(WebhookStatus::stopped(reason));
            }
            Command::Parked(reply) => {
                let _ = reply.send(Ok(Vec::new()));
            }
            Command::Retry(_, reply) | Command::Drop(_, _, reply) => {
                let _ = reply.send(Ok(false));
            }
        }
    }
}
