//! `views.db`: the file that all views live in, and the checkpoint that says how far they are.

use super::guard::{Damaged, Guard};
use super::trouble::UpdateError;
use super::{Batch, View, files};
use crate::files::remove_database;
use crate::log::Position;
use crate::wal::{Moving, WalMover};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// From how many pages on the write-ahead log is moved into the file.
const WAL_PAGES: u32 = 4_000;

/// The tables of all views, open for writing.
pub struct ViewStore {
    // Closed before the tables are: the last connection to be closed moves what is left.
    mover: Option<WalMover>,
    tables: Connection,
    views: Vec<Box<dyn View>>,
    /// How far the views are, by the checkpoint.
    pub(super) position: Position,
    /// From where on they are whole: the end of the log when they were opened.
    pub(super) complete_at: Position,
    /// The views that are not written here, since their tables are of another definition.
    pub(super) unavailable_views: Arc<[&'static str]>,
    /// Whether the tables are what this program defines, all of it and nothing else.
    pub(super) fits: bool,
    /// What watches over the files, once they serve.
    guard: Option<Arc<Guard>>,
}

/// Why the views could not be opened or made.
#[derive(Debug, thiserror::Error)]
#[error("the views {} cannot be opened: {reason}", path.display())]
pub struct StoreError {
    pub path: PathBuf,
    pub reason: String,
}

impl ViewStore {
    /// Opens the views of the log `log_identity`, whose end is at `log_end`. What does not fit
    /// (another log's views, a file that SQLite cannot read, views that have seen more than the log
    /// holds) is thrown away and begun anew: it is all in the log. A database of something else is
    /// refused and left as it is, and what is no database is kept under another name. Where only some views are of another definition, the others are
    /// kept and go on.
    pub fn open(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log_identity: Uuid,
        log_end: Position,
    ) -> Result<ViewStore, StoreError> {
        let failed = |reason: String| StoreError {
            path: path.to_owned(),
            reason,
        };
        if path.exists() {
            if is_of_something_else(path) {
                return Err(failed(
                    "it is a database of something else, which stays as it is: name a file of the \
                     views' own (views.path)"
                        .to_owned(),
                ));
            }
            match Self::reopen(path, &views, log_identity, log_end) {
                Ok((tables, position, kept)) => {
                    return Self::serving(path, tables, views, &kept, position, log_end)
                        .map_err(|error| failed(error.to_string()));
                }
                Err(reason) => {
                    tracing::warn!(path = %path.display(), reason, "the views are made anew");
                }
            }
        }
        let aside = files::set_aside(path).map_err(|error| failed(error.to_string()))?;
        if let Some(aside) = aside {
            tracing::warn!(kept = %aside.display(), "what was there is no database, and is kept");
        }
        remove_database(path).map_err(|error| failed(error.to_string()))?;
        let tables = connect(path)
            .and_then(|tables| create(tables, &views, log_identity))
            .map_err(|error| failed(error.to_string()))?;
        let made = definitions(&views);
        Self::serving(path, tables, views, &made, Position(0), log_end)
            .map_err(|error| failed(error.to_string()))
    }

    /// Serves of `views` those that are in the file as `kept` names them.
    fn serving(
        path: &Path,
        tables: Connection,
        views: Vec<Box<dyn View>>,
        kept: &[Definition],
        position: Position,
        complete_at: Position,
    ) -> rusqlite::Result<ViewStore> {
        let fits = kept == definitions(&views);
        let (views, others): (Vec<_>, Vec<_>) = views
            .into_iter()
            .partition(|view| kept.contains(&definition(&**view)));
        let unavailable_views: Arc<[_]> = others.iter().map(|view| view.name()).collect();
        if !fits {
            tracing::warn!(views = ?unavailable_views, "the definition of views has changed: they are made anew beside the others");
            // What is not written any more, no program is to take for up to date, an older one either.
            let disowning = tables.unchecked_transaction()?;
            disowning.execute("DELETE FROM definitions", [])?;
            define(&disowning, &views)?;
            disowning.commit()?;
        }
        let mut store = ViewStore {
            mover: None,
            tables,
            views,
            position,
            complete_at,
            unavailable_views,
            fits,
            guard: None,
        };
        store.be_watched(Arc::new(Guard::of(path.to_owned())))?;
        Ok(store)
    }

    /// Begins views in a new file that nobody reads yet. Without a journal, a killed process leaves
    /// it in pieces, so it must not serve before [`ViewStore::settle`].
    pub(super) fn begin(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log_identity: Uuid,
    ) -> Result<ViewStore, StoreError> {
        let made = remove_database(path)
            .map_err(|error| error.to_string())
            .and_then(|()| Connection::open(path).map_err(|error| error.to_string()));
        made.and_then(|tables| Self::make(tables, views, log_identity))
            .map_err(|reason| StoreError {
                path: path.to_owned(),
                reason,
            })
    }

    /// Begins views in a file without a name, which is gone once it is closed (SQLite, "Temporary
    /// Files Used By SQLite", TEMP databases).
    pub(super) fn passing(
        views: Vec<Box<dyn View>>,
        log_identity: Uuid,
    ) -> Result<ViewStore, StoreError> {
        Connection::open("")
            .map_err(|error| error.to_string())
            .and_then(|tables| Self::make(tables, views, log_identity))
            .map_err(|reason| StoreError {
                path: std::env::temp_dir(),
                reason,
            })
    }

    fn make(
        tables: Connection,
        views: Vec<Box<dyn View>>,
        log_identity: Uuid,
    ) -> Result<ViewStore, String> {
        configure(&tables)
            .and_then(|()| {
                tables.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
                create(tables, &views, log_identity)
            })
            .map(|tables| ViewStore {
                mover: None,
                tables,
                views,
                position: Position(0),
                complete_at: Position(0),
                unavailable_views: Arc::default(),
                fits: true,
                guard: None,
            })
            .map_err(|error| error.to_string())
    }

    /// Makes of a file that was begun for nobody to read one that is read while it is written.
    pub(super) fn settle(&mut self) -> rusqlite::Result<()> {
        self.tables.flush_prepared_statement_cache();
        keep_journal(&self.tables)?;
        // Only with the first read is the write-ahead log open. Until then another connection that
        // is closed would take itself for the last one and write to the file.
        checkpoint(&self.tables).map(|_| ())
    }

    /// From now on `guard` watches over the files, which serve.
    pub(super) fn be_watched(&mut self, guard: Arc<Guard>) -> rusqlite::Result<()> {
        let watching = guard.clone();
        let watched = move |moving: Moving<'_>| match watching.open_for_writing() {
            Ok(_writing) => moving(),
            // Whoever writes to them is told so.
            Err(Damaged(_)) => Ok(()),
        };
        self.mover = Some(WalMover::start_within(
            &self.tables,
            WAL_PAGES,
            "views wal mover",
            watched,
        )?);
        self.guard = Some(guard);
        Ok(())
    }

    /// Closes the tables. What the write-ahead log still holds is moved into the file then, which is
    /// writing like any other: whoever reads on is not to take it for damage.
    pub(super) fn close(self) {
        let guard = self.guard.clone();
        // Files that are damaged have nobody who could be misled.
        let _writing = guard.as_ref().map(|guard| guard.open_for_writing());
        drop(self);
    }

    /// What watches over the files, once they serve.
    pub(super) fn guard(&self) -> Option<Arc<Guard>> {
        self.guard.clone()
    }

    pub(super) fn tables(&self) -> &Connection {
        &self.tables
    }

    fn reopen(
        path: &Path,
        views: &[Box<dyn View>],
        log_identity: Uuid,
        log_end: Position,
    ) -> Result<(Connection, Position, Vec<Definition>), String> {
        let (tables, kept) = connect(path)
            .and_then(|tables| Kept::read(&tables).map(|kept| (tables, kept)))
            .map_err(|error| error.to_string())?;
        let Kept {
            checkpoint,
            definitions,
        } = kept;
        let (log, position) = checkpoint.ok_or("they have no checkpoint")?;
        if log != log_identity {
            return Err("they were made from another log".to_owned());
        }
        if Position(position) > log_end {
            return Err(format!(
                "they have seen position {position}, the log ends at {log_end}"
            ));
        }
        if !self::definitions(views)
            .iter()
            .any(|definition| definitions.contains(definition))
        {
            return Err("all their definitions have changed".to_owned());
        }
        Ok((tables, Position(position), definitions))
    }

    /// Writes what `batch` changes in all views and moves the checkpoint to `position`, in one
    /// transaction.
    pub(super) fn apply(
        &mut self,
        batch: &Batch<'_>,
        position: Position,
    ) -> Result<(), UpdateError> {
        let Some(guard) = self.guard.clone() else {
            return Ok(self.write(batch, position)?);
        };
        let writing = guard.open_for_writing()?;
        let written = self.write(batch, position);
        let moved = match &mut self.mover {
            Some(mover) if written.is_ok() => mover.committed(&self.tables),
            Some(_) | None => Ok(()),
        };
        drop(writing);
        written.inspect_err(|error| guard.report(error))?;
        // What was written is not written again: it is there, or the files are lost.
        Ok(moved.map_err(|error| guard.give_up(&error))?)
    }

    fn write(&mut self, batch: &Batch<'_>, position: Position) -> rusqlite::Result<()> {
        // Dropped without a commit, the transaction rolls back.
        let transaction = self.tables.unchecked_transaction()?;
        for view in &mut self.views {
            view.apply(&transaction, batch)?;
        }
        transaction
            .prepare_cached("UPDATE checkpoint SET position = ?1")?
            .execute([position.0])?;
        transaction.commit()?;
        self.position = position;
        Ok(())
    }
}

/// What a file of views says of itself.
pub(super) struct Kept {
    /// The log that the views were made from, and how far they are.
    pub(super) checkpoint: Option<(Uuid, u64)>,
    pub(super) definitions: Vec<Definition>,
}

/// The name of a view and the version of its definition.
pub(super) type Definition = (String, u32);

impl Kept {
    pub(super) fn read(tables: &Connection) -> rusqlite::Result<Kept> {
        let checkpoint = tables
            .query_row("SELECT log, position FROM checkpoint", [], |row| {
                Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?))
            })
            .optional()?;
        let definitions = tables
            .prepare("SELECT view, definition FROM definitions ORDER BY rowid")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Kept {
            checkpoint,
            definitions,
        })
    }
}

/// The definitions of `views`, in their order.
pub(super) fn definitions(views: &[Box<dyn View>]) -> Vec<Definition> {
    views.iter().map(|view| definition(&**view)).collect()
}

pub(super) fn definition(view: &dyn View) -> Definition {
    (view.name().to_owned(), view.definition())
}

fn define(tables: &Connection, views: &[Box<dyn View>]) -> rusqlite::Result<()> {
    for view in views {
        tables.execute(
            "INSERT INTO definitions VALUES (?1, ?2)",
            params![view.name(), view.definition()],
        )?;
    }
    Ok(())
}

/// How far the views are that `tables` hold.
pub(super) fn checkpoint(tables: &Connection) -> rusqlite::Result<Position> {
    tables
        .prepare_cached("SELECT position FROM checkpoint")?
        .query_row([], |row| row.get(0))
        .map(Position)
}

fn create(
    mut tables: Connection,
    views: &[Box<dyn View>],
    log_identity: Uuid,
) -> rusqlite::Result<Connection> {
    let making = tables.transaction()?;
    making.execute_batch(
        "CREATE TABLE checkpoint (log BLOB NOT NULL, position INTEGER NOT NULL) STRICT;
         CREATE TABLE definitions (view TEXT NOT NULL, definition INTEGER NOT NULL) STRICT;",
    )?;
    making.execute(
        "INSERT INTO checkpoint VALUES (?1, 0)",
        [log_identity.as_bytes()],
    )?;
    for view in views {
        view.create(&making)?;
    }
    define(&making, views)?;
    making.commit()?;
    Ok(tables)
}

/// Whether the file at `path` holds tables, and not those of views: a log, for one, which is not to be
/// removed for views that do not fit. What cannot be read may be damaged views.
fn is_of_something_else(path: &Path) -> bool {
    let tables = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row(
            "SELECT count(*), count(*) FILTER (WHERE name IN ('checkpoint', 'definitions'))
             FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
    };
    matches!(tables(), Ok((all, 0)) if all > 0)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let tables = Connection::open(path)?;
    configure(&tables)?;
    keep_journal(&tables)?;
    Ok(tables)
}

/// Views are not synced on each commit: what a loss of power takes is caught up from the log.
fn configure(tables: &Connection) -> rusqlite::Result<()> {
    tables.busy_timeout(Duration::from_secs(5))?;
    tables.set_prepared_statement_cache_capacity(64);
    tables.pragma_update(None, "synchronous", "NORMAL")?;
    tables.pragma_update(None, "cache_size", -32_768)
}

fn keep_journal(tables: &Connection) -> rusqlite::Result<()> {
    tables.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    tables.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))
}
