//! Checkpoints the write-ahead log of a SQLite file on a thread of its own.
//!
//! SQLite's `wal_autocheckpoint` runs within a commit, so that one group of commands in a few
//! hundred waits for thousands of pages and two syncs. Here another thread checkpoints nearly all
//! pages while commits continue, and the writer only the few that were added meanwhile, after which
//! SQLite restarts the write-ahead log (SQLite, "Write-Ahead Logging", 2.3).

use rusqlite::{Connection, ErrorCode};
use std::cell::Cell;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

thread_local! {
    /// The length in pages of the write-ahead log that this thread last committed to. SQLite's hook
    /// is a plain function without state, and runs on the thread that commits.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// Keeps the write-ahead log of one file short; one connection writes to that file.
pub struct WalCheckpointer {
    /// At how many pages the write-ahead log is checkpointed.
    limit: u32,
    /// At how many pages the next checkpoint is due.
    due: u32,
    is_running: bool,
    /// `None` once the thread shall end.
    request: Option<SyncSender<()>>,
    results: Receiver<rusqlite::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WalCheckpointer {
    /// Starts a checkpointer for the file that `writer` writes to, on a thread called `name`.
    /// `limit` is in pages.
    pub fn start(writer: &Connection, limit: u32, name: &str) -> rusqlite::Result<WalCheckpointer> {
        let path = writer.path().expect("a write-ahead log is beside a file");
        writer.wal_hook(Some(|_, pages| {
            PAGES.set(pages.unsigned_abs());
            Ok(())
        }));
        let connection = Connection::open(path)?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        let (request, requests) = sync_channel::<()>(1);
        let (done, results) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while requests.recv().is_ok() {
                    if done.send(checkpoint(&connection)).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(WalCheckpointer {
            limit,
            due: limit,
            is_running: false,
            request: Some(request),
            results,
            thread: Some(thread),
        })
    }

    /// Must be called after each commit of `writer`, on the thread that committed. An error means
    /// that pages may not have reached the disk although a sync succeeded: nothing more may be
    /// written.
    pub fn after_commit(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        let pages = PAGES.get();
        if !self.is_running {
            if pages >= self.due
                && let Some(request) = &self.request
            {
                self.is_running = request.try_send(()).is_ok();
            }
            return Ok(());
        }
        match self.results.try_recv() {
            Err(TryRecvError::Empty) => return Ok(()),
            // The thread panicked, which the panic hook reported: this thread checkpoints instead.
            Err(TryRecvError::Disconnected) => {}
            Ok(outcome) => outcome?,
        }
        self.is_running = false;
        checkpoint(writer)?;
        // While a reader holds an older snapshot, SQLite cannot restart the write-ahead log yet.
        self.due = if pages < self.limit * 2 {
            self.limit
        } else {
            pages + self.limit
        };
        Ok(())
    }
}

impl Drop for WalCheckpointer {
    fn drop(&mut self) {
        self.request = None;
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// Checkpoints all pages that no reader still needs, without waiting. A full disk is no error: the
/// pages stay in the write-ahead log, and the next attempt may succeed.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let outcome = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |_| Ok(()));
    match outcome {
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ) =>
        {
            tracing::warn!(%error, "cannot checkpoint the write-ahead log yet; retrying later");
            Ok(())
        }
        outcome => outcome,
    }
}
