//! Active health probe: an idle service would not notice that its log files are gone or unreadable.

use super::guard::Guard;
use super::readers::Readers;
use super::rows;
use crate::log::{Position, ReadError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a caller waits for the probe. Orchestrators often give up on readiness after a second.
const WAIT: Duration = Duration::from_millis(500);

/// A probe that runs longer than this is reported as a failure. Until then the last result holds: a
/// busy machine is no reason to take the service out of rotation.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// Probes the log's files on request, one probe at a time for all callers.
#[derive(Debug)]
pub(super) struct HealthProbe {
    guard: Arc<Guard>,
    readers: Arc<Readers>,
    state: watch::Sender<ProbeState>,
}

#[derive(Debug, Default)]
struct ProbeState {
    /// The failure that the last probe found.
    failure: Option<String>,
    /// When the running probe started.
    running_since: Option<Instant>,
}

impl HealthProbe {
    pub(super) fn new(guard: Arc<Guard>, readers: Arc<Readers>) -> HealthProbe {
        HealthProbe {
            guard,
            readers,
            state: watch::Sender::default(),
        }
    }

    /// Why the log is unhealthy; everything up to `committed` was acknowledged.
    pub(super) async fn check(&self, committed: Position) -> Result<(), String> {
        let starts = self.state.send_if_modified(|state| {
            let starts = state.running_since.is_none();
            state.running_since.get_or_insert_with(Instant::now);
            starts
        });
        if starts {
            let (guard, readers, state) =
                (self.guard.clone(), self.readers.clone(), self.state.clone());
            tokio::task::spawn_blocking(move || {
                let failure = probe(&guard, &readers, committed).err();
                log_change(state.borrow().failure.as_deref(), failure.as_deref());
                state.send_replace(ProbeState {
                    failure,
                    running_since: None,
                });
            });
        }
        let mut state = self.state.subscribe();
        // On timeout the last result is returned.
        let _ = tokio::time::timeout(WAIT, state.wait_for(|s| s.running_since.is_none())).await;
        let state = state.borrow();
        match (state.running_since, &state.failure) {
            (Some(since), _) if since.elapsed() > HANGS_AFTER => Err(format!(
                "its files have not responded for {} seconds",
                since.elapsed().as_secs()
            )),
            (_, Some(failure)) => Err(failure.clone()),
            (_, None) => Ok(()),
        }
    }
}

fn log_change(before: Option<&str>, now: Option<&str>) {
    match now {
        Some(reason) if before != now => tracing::error!(reason, "log health probe failed"),
        None if before.is_some() => tracing::info!("log is healthy again"),
        Some(_) | None => {}
    }
}

fn probe(guard: &Guard, readers: &Readers, committed: Position) -> Result<(), String> {
    guard.check()?;
    guard.check_access()?;
    let last = readers.read(|connection| {
        // Without its page cache, which would serve the read although the file is gone.
        connection
            .release_memory()
            .and_then(|()| rows::last_position(connection))
            .map_err(|error| ReadError(error.to_string()))
    });
    match last {
        Ok(last) if last < committed => Err(format!(
            "its last event is {last}, but {committed} was acknowledged"
        )),
        Ok(_) => Ok(()),
        Err(ReadError(reason)) => Err(format!("it cannot be read: {reason}")),
    }
}
