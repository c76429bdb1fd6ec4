//! `views.db`: the file that all views are in, with their checkpoint.

use super::guard::FileGuard;
use super::health::UpdateError;
use super::schema::{self, Definition, Recorded};
use super::{Batch, View, files};
use crate::file_lock::FileLock;
use crate::files::{create_folder_of, make_private, refuse_irregular, remove_database};
use crate::log::{Checkpoint, LogReader, Position};
use crate::wal::WalCheckpointer;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// From how many pages on the write-ahead log is checkpointed into the file.
const WAL_PAGES: u32 = 4_000;

/// The tables of all views, open for writing.
pub struct ViewStore {
    // Dropped before the connection: the last connection to be closed checkpoints what is left.
    checkpointer: Option<WalCheckpointer>,
    tables: Connection,
    views: Vec<Box<dyn View>>,
    /// The checkpoint.
    pub(super) position: Position,
    /// The end of the log when the views were opened.
    pub(super) complete_at: Position,
    /// The views that are not written here, since their definition has changed.
    pub(super) unavailable_views: Arc<[&'static str]>,
    /// Whether the tables are what this program defines, so that no rebuild is due.
    pub(super) is_current: bool,
    /// Knows whether the file is damaged, once it serves.
    guard: Option<Arc<FileGuard>>,
    /// Keeps other processes from writing the views at this path.
    pub(super) lock: Option<FileLock>,
}

/// Why the views could not be opened or created.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the views {}: {reason}", path.display())]
pub struct StoreError {
    pub path: PathBuf,
    pub reason: String,
}

impl ViewStore {
    /// Opens the views of `log` and locks them.
    ///
    /// Views that do not fit (unreadable, or with a checkpoint that is not in the log) are deleted
    /// and projected again: all of it is in the log. A foreign database is refused, and a file that
    /// is no database is kept under another name. Where only some definitions have changed, the
    /// other views are kept.
    pub async fn open(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log: &dyn LogReader,
    ) -> Result<ViewStore, StoreError> {
        let opened = Self::try_open(&files::locate(path), views, log).await;
        opened.map_err(|error| StoreError {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    async fn try_open(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log: &dyn LogReader,
    ) -> Result<ViewStore, Box<dyn std::error::Error>> {
        refuse_irregular(path)?;
        // Before the lock: that of a log is held by this process.
        if path.exists() && schema::is_foreign_database(path) {
            let reason = "it is a database of something else and is left unchanged; views.path \
                must name a file for views alone";
            return Err(reason.into());
        }
        create_folder_of(path)?;
        let lock = FileLock::acquire(path, "these views")?;
        let log_end = log.barrier().await?;
        let kept = if path.exists() {
            let kept = match reopen(path, &views) {
                Ok(kept) if log.contains(&kept.checkpoint).await? => Ok(kept),
                Ok(kept) => Err(format!(
                    "their checkpoint at position {} is not in this log: it is another log, or was \
                     restored from a backup",
                    kept.checkpoint.position
                )),
                Err(reason) => Err(reason),
            };
            kept.inspect_err(|reason| {
                tracing::warn!(path = %path.display(), reason, "rebuilding all views");
            })
            .ok()
        } else {
            None
        };
        let mut store = match kept {
            Some(kept) => {
                let mut store = Self::of(kept.tables, views, kept.checkpoint.position);
                store.keep_only(&kept.definitions)?;
                store
            }
            None => {
                if let Some(kept) = files::set_aside(path)? {
                    tracing::warn!(kept = %kept.display(), "kept a file that is no database");
                }
                remove_database(path)?;
                let mut tables = connect(path)?;
                schema::create(&mut tables, &views, log.identity())?;
                Self::of(tables, views, Position(0))
            }
        };
        make_private(&path.canonicalize()?);
        store.complete_at = log_end;
        store.lock = Some(lock);
        store.attach_guard(Arc::new(FileGuard::new(path.to_owned())))?;
        Ok(store)
    }

    fn of(tables: Connection, views: Vec<Box<dyn View>>, position: Position) -> ViewStore {
        ViewStore {
            checkpointer: None,
            tables,
            views,
            position,
            complete_at: Position(0),
            unavailable_views: Arc::default(),
            is_current: true,
            guard: None,
            lock: None,
        }
    }

    /// Stops to update the views that the file does not have as they are defined now, of which
    /// `recorded` are the definitions.
    fn keep_only(&mut self, recorded: &[Definition]) -> rusqlite::Result<()> {
        if recorded == schema::definitions(&self.views) {
            return Ok(());
        }
        let (kept, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.views)
            .into_iter()
            .partition(|view| recorded.contains(&schema::definition(&**view)));
        self.views = kept;
        self.is_current = false;
        self.unavailable_views = others.iter().map(|view| view.name()).collect();
        let views = &self.unavailable_views;
        tracing::warn!(
            ?views,
            "definitions have changed: rebuilding beside the other views"
        );
        // No program may take the others for current, not an older one either.
        let transaction = self.tables.unchecked_transaction()?;
        schema::set_definitions(&transaction, &self.views)?;
        transaction.commit()
    }

    /// Creates views in a new file that nothing reads yet. It has no journal, so a crash leaves it
    /// unusable: it must not serve before [`ViewStore::enable_wal`].
    pub(super) fn create_unserved(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log_id: Uuid,
    ) -> Result<ViewStore, StoreError> {
        remove_database(path)
            .map_err(|error| error.to_string())
            .and_then(|()| {
                Self::create_without_journal(path, views, log_id).map_err(|error| error.to_string())
            })
            .map_err(|reason| StoreError {
                path: path.to_owned(),
                reason,
            })
    }

    /// Creates views in a file without a name, which is deleted when it is closed (SQLite,
    /// "Temporary Files Used By SQLite", TEMP databases).
    pub(super) fn temporary(
        views: Vec<Box<dyn View>>,
        log_id: Uuid,
    ) -> Result<ViewStore, StoreError> {
        Self::create_without_journal(Path::new(""), views, log_id).map_err(|error| StoreError {
            path: std::env::temp_dir(),
            reason: error.to_string(),
        })
    }

    fn create_without_journal(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log_id: Uuid,
    ) -> rusqlite::Result<ViewStore> {
        let mut tables = Connection::open(path)?;
        configure(&tables)?;
        tables.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        schema::create(&mut tables, &views, log_id)?;
        Ok(Self::of(tables, views, Position(0)))
    }

    /// Makes a file without a journal safe to read while it is written.
    pub(super) fn enable_wal(&mut self) -> rusqlite::Result<()> {
        self.tables.flush_prepared_statement_cache();
        enable_wal(&self.tables)?;
        // The first read opens the write-ahead log. Until then another connection that is closed
        // would take itself for the last one and checkpoint.
        schema::checkpoint(&self.tables).map(|_| ())
    }

    /// From now on the file serves, and `guard` knows whether it is damaged.
    pub(super) fn attach_guard(&mut self, guard: Arc<FileGuard>) -> rusqlite::Result<()> {
        let checkpointer = WalCheckpointer::start(&self.tables, WAL_PAGES, "view checkpoint")?;
        self.checkpointer = Some(checkpointer);
        self.guard = Some(guard);
        Ok(())
    }

    /// Knows whether the file is damaged, once it serves.
    pub(super) fn guard(&self) -> Option<Arc<FileGuard>> {
        self.guard.clone()
    }

    pub(super) fn tables(&self) -> &Connection {
        &self.tables
    }

    /// Writes what `batch` changes in all views and moves the checkpoint to its end, in one
    /// transaction.
    pub(super) fn apply(&mut self, batch: &Batch<'_>) -> Result<(), UpdateError> {
        let Some(guard) = self.guard.clone() else {
            return Ok(self.write(batch)?);
        };
        guard.inspect()?;
        self.write(batch).inspect_err(|error| guard.report(error))?;
        if let Some(checkpointer) = &mut self.checkpointer {
            let checkpointed = checkpointer.after_commit(&self.tables);
            checkpointed.map_err(|error| guard.report_failed_checkpoint(&error))?;
        }
        Ok(())
    }

    fn write(&mut self, batch: &Batch<'_>) -> rusqlite::Result<()> {
        // Dropped without a commit, the transaction rolls back.
        let transaction = self.tables.unchecked_transaction()?;
        for view in &mut self.views {
            view.apply(&transaction, batch)?;
        }
        let (position, hash) = batch.end;
        schema::set_checkpoint(&transaction, position, hash)?;
        transaction.commit()?;
        self.position = position;
        Ok(())
    }
}

/// Views that are kept.
struct Kept {
    tables: Connection,
    checkpoint: Checkpoint,
    definitions: Vec<Definition>,
}

/// Opens existing views, or returns why they cannot be kept.
fn reopen(path: &Path, views: &[Box<dyn View>]) -> Result<Kept, String> {
    let tables = connect(path).map_err(|error| error.to_string())?;
    let recorded = Recorded::read(&tables).map_err(|error| error.to_string())?;
    let checkpoint = recorded.checkpoint;
    let checkpoint = checkpoint.ok_or("they have no checkpoint")?;
    let defined = schema::definitions(views);
    if !defined.iter().any(|it| recorded.definitions.contains(it)) {
        return Err("all their definitions have changed".to_owned());
    }
    Ok(Kept {
        tables,
        checkpoint,
        definitions: recorded.definitions,
    })
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let tables = Connection::open(path)?;
    configure(&tables)?;
    enable_wal(&tables)?;
    Ok(tables)
}

/// Views are not synced on each commit: what a power loss takes is caught up from the log.
fn configure(tables: &Connection) -> rusqlite::Result<()> {
    tables.busy_timeout(Duration::from_secs(5))?;
    tables.set_prepared_statement_cache_capacity(64);
    tables.pragma_update(None, "synchronous", "NORMAL")?;
    tables.pragma_update(None, "cache_size", -32_768)
}

fn enable_wal(tables: &Connection) -> rusqlite::Result<()> {
    tables.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    tables.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))
}
