//! Whether the log could be used now, for whoever asks on behalf of others. A service that nobody uses
//! does not come upon it that its files are gone or cannot be read: somebody has to look.

use super::guard::Guard;
use super::readers::Readers;
use super::rows;
use crate::log::{Position, ReadError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long an answer waits for what a look finds. Those who ask for readiness give up after a second.
const WAIT: Duration = Duration::from_millis(500);

/// After how long a look that does not end is a finding itself. Where the machine is merely busy, what
/// was found before holds: a service that has much to do is not to be taken away for it.
const HANGS: Duration = Duration::from_secs(5);

/// Looks at the log's files when asked, once at a time however many ask.
#[derive(Debug)]
pub(super) struct Lookout {
    guard: Arc<Guard>,
    readers: Arc<Readers>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What is wrong with the log, as the last look has found.
    trouble: Option<String>,
    /// When the look began that is under way.
    since: Option<Instant>,
}

impl Lookout {
    pub(super) fn over(guard: Arc<Guard>, readers: Arc<Readers>) -> Lookout {
        Lookout {
            guard,
            readers,
            seen: watch::Sender::default(),
        }
    }

    /// What is wrong with the log, of which everything up to `committed` was acknowledged.
    pub(super) async fn look(&self, committed: Position) -> Option<String> {
        let begins = self.seen.send_if_modified(|seen| {
            let begins = seen.since.is_none();
            seen.since.get_or_insert_with(Instant::now);
            begins
        });
        if begins {
            let (guard, readers, seen) =
                (self.guard.clone(), self.readers.clone(), self.seen.clone());
            tokio::task::spawn_blocking(move || {
                let trouble = found(&guard, &readers, committed).err();
                report(seen.borrow().trouble.as_deref(), trouble.as_deref());
                seen.send_replace(Seen {
                    trouble,
                    since: None,
                });
            });
        }
        let mut seen = self.seen.subscribe();
        // Where it takes longer, what is known so far is said.
        let _ = tokio::time::timeout(WAIT, seen.wait_for(|seen| seen.since.is_none())).await;
        let seen = seen.borrow();
        match seen.since {
            Some(since) if since.elapsed() > HANGS => Some(format!(
                "its files have not answered for {} seconds",
                since.elapsed().as_secs()
            )),
            Some(_) | None => seen.trouble.clone(),
        }
    }
}

/// Says what has changed since the look before.
fn report(before: Option<&str>, now: Option<&str>) {
    match now {
        Some(reason) if before != now => tracing::error!(reason, "the log cannot be relied on"),
        None if before.is_some() => tracing::info!("the log can be relied on again"),
        Some(_) | None => {}
    }
}

fn found(guard: &Guard, readers: &Readers, committed: Position) -> Result<(), String> {
    guard.check()?;
    guard.check_access()?;
    let last = readers.read(|connection| {
        // What the connection remembers of the file would be answered although the file is gone.
        connection
            .release_memory()
            .and_then(|()| rows::last_position(connection))
            .map_err(|error| ReadError(error.to_string()))
    });
    match last {
        Ok(last) if last < committed => Err(format!(
            "its last event is {last}, and {committed} was acknowledged"
        )),
        Ok(_) => Ok(()),
        Err(ReadError(reason)) => Err(format!("it cannot be read: {reason}")),
    }
}
