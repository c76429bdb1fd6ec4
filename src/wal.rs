//! Moves the write-ahead log of a SQLite file into the file on a thread of its own.
//!
//! SQLite's own way (`wal_autocheckpoint`) moves it within the commit that makes it too long, so one
//! group of commands in a few hundred waits for thousands of pages and two syncs: that was the tail
//! of the latency. Here another thread moves nearly all of it while commits go on, and the writer
//! only the few pages that were added meanwhile, after which the log begins anew (SQLite,
//! "Write-Ahead Logging", 2.3). It is the same for the views: rows that are folded while a commit
//! waits for the disk are shown late.

use rusqlite::{Connection, ErrorCode};
use std::cell::Cell;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

thread_local! {
    /// How many pages the write-ahead log of the file had that this thread has committed to last.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// The work of moving what can be moved.
pub type Moving<'a> = &'a mut dyn FnMut() -> rusqlite::Result<()>;

/// Keeps the write-ahead log of one file short, which one connection writes to.
pub struct WalMover {
    /// From how many pages on the log is moved.
    limit: u32,
    /// The number of pages at which it is moved next.
    due: u32,
    under_way: bool,
    /// `None` once the thread was told to end.
    ask: Option<SyncSender<()>>,
    moved: Receiver<rusqlite::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WalMover {
    /// A mover for the file that `writer` writes to. `limit` is in pages.
    pub fn start(writer: &Connection, limit: u32) -> rusqlite::Result<WalMover> {
        Self::start_within(writer, limit, "wal mover", |moving| moving())
    }

    /// The same for a file that is watched: whatever the mover's thread, called `name`, writes to it,
    /// it writes within `watched`.
    pub fn start_within(
        writer: &Connection,
        limit: u32,
        name: &str,
        watched: impl Fn(Moving<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) -> rusqlite::Result<WalMover> {
        let path = writer.path().expect("a write-ahead log is beside a file");
        writer.wal_hook(Some(|_, pages| {
            PAGES.set(pages.unsigned_abs());
            Ok(())
        }));
        let connection = Connection::open(path)?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        let (ask, asked) = sync_channel::<()>(1);
        let (done, moved) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    let moved = watched(&mut || move_pages(&connection));
                    if done.send(moved).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(WalMover {
            limit,
            due: limit,
            under_way: false,
            ask: Some(ask),
            moved,
            thread: Some(thread),
        })
    }

    /// To be called after each commit of `writer`, on the thread that committed. An error means that
    /// pages may not be on the disk although the system said so before: nothing more may be written.
    pub fn committed(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        let pages = PAGES.get();
        if !self.under_way {
            if pages >= self.due
                && let Some(ask) = &self.ask
            {
                self.under_way = ask.try_send(()).is_ok();
            }
            return Ok(());
        }
        match self.moved.try_recv() {
            Err(TryRecvError::Empty) => return Ok(()),
            // The thread has panicked, which its hook has reported: this thread moves all of it.
            Err(TryRecvError::Disconnected) => {}
            Ok(outcome) => outcome?,
        }
        self.under_way = false;
        move_pages(writer)?;
        // Where somebody still reads an older state, the log cannot begin anew yet.
        self.due = if pages < self.limit * 2 {
            self.limit
        } else {
            pages + self.limit
        };
        Ok(())
    }
}

impl Drop for WalMover {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by its hook.
            let _ = thread.join();
        }
    }
}

/// Moves what no reader keeps from being moved, without waiting for anybody. A full disk is no
/// error: the pages are still in the log, and the next attempt may fare better.
fn move_pages(connection: &Connection) -> rusqlite::Result<()> {
    let moved = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |_| Ok(()));
    match moved {
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ) =>
        {
            tracing::warn!(%error, "a write-ahead log could not be moved yet");
            Ok(())
        }
        outcome => outcome,
    }
}
