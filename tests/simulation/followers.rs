//! Updaters that follow the log, each with views of its own: killed, started again, and compared
//! after each batch with the fold of what they say that they have seen.

use crate::link::{now, turn};
use crate::oracle::{Checked, Oracle, Violation, holds};
use crate::world::{World, until};
use cartlog::cart::document::CartDocument;
use cartlog::cart::{Cart, CartModel};
use cartlog::history;
use cartlog::log::{EventLog, Position};
use cartlog::views::{self, Updater, ViewStore};
use cartlog_testkit::memory_log::MemoryLog;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

/// The log's beginning, folded.
#[derive(Default)]
pub struct Prefix {
    events: usize,
    carts: BTreeMap<Uuid, Cart>,
}

impl Prefix {
    /// Goes to `position`, which has to be an event's.
    pub fn go_to(&mut self, position: Position, oracle: &Oracle) -> Checked {
        let log = &oracle.log;
        let events = log.partition_point(|event| event.position <= position);
        let there = events
            .checked_sub(1)
            .map_or(Position(0), |last| log[last].position);
        holds!(
            there == position,
            "the views are at {position}, where no event is"
        );
        if events < self.events {
            *self = Prefix::default();
        }
        for event in &log[self.events..events] {
            let cart = self.carts.entry(event.stream).or_default();
            history::evolve::<CartModel>(cart, event).expect("an event that was read before");
        }
        self.events = events;
        Ok(())
    }

    pub fn rows(&self) -> Vec<(Uuid, u64, String)> {
        let rows = self.carts.iter().map(|(id, cart)| {
            let document = CartDocument::of(*id, cart).expect("an opened cart");
            let json = String::from_utf8(document.to_json()).expect("text");
            (*id, document.version, json)
        });
        rows.collect()
    }
}

/// Follows the log with views at `path`, until the story is over and they have all of it.
pub async fn follow(world: Rc<World>, path: std::path::PathBuf) -> Checked {
    let link = world.link();
    let mut prefix = Prefix::default();
    loop {
        // A read of the log may fail.
        let Some(mut updater) = start(link.clone(), &path, world.cache).await else {
            continue;
        };
        let progress = updater.progress();
        let tables = tables_at(&path);
        let position = progress.borrow().position;
        world.count(match position {
            Position(0) => "views were rebuilt",
            _ => "views were opened again",
        });
        loop {
            let position = progress.borrow().position;
            holds!(
                position <= world.oracle.borrow().end(),
                "the views are ahead of the log"
            );
            prefix.go_to(position, &world.oracle.borrow())?;
            let rows = rows(&tables);
            holds!(
                rows == prefix.rows(),
                "the view at {position} has {rows:?}, the fold is {:?}",
                prefix.rows()
            );
            let patience = world.patience(12, 6);
            let applied = until(updater.catch_up_once(), patience, || false).await;
            world.tell(|| format!("views at {position}: {applied:?}"));
            match applied {
                Some(Ok(0)) if world.is_over() && position == world.oracle.borrow().end() => {
                    return is_what_is_made_at_once(&world, &path);
                }
                Some(Ok(_)) => turn().await,
                Some(Err(_)) => {
                    world.count("an updater failed");
                    break;
                }
                None => {
                    world.count("an updater was killed");
                    break;
                }
            }
        }
    }
}

/// An updater of views at `path`; `None` if a read of the log fails.
pub async fn start(log: Arc<dyn EventLog>, path: &Path, cache: u64) -> Option<Updater> {
    let store = ViewStore::open(path, views::all(), &*log).await.ok()?;
    Some(Updater::new(log, store, cache))
}

fn tables_at(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the file of the views")
}

/// The carts in the views at `path`, as [`Prefix::rows`] has them.
pub fn rows_at(path: &Path) -> Vec<(Uuid, u64, String)> {
    rows(&tables_at(path))
}

fn rows(tables: &Connection) -> Vec<(Uuid, u64, String)> {
    let mut rows = tables
        .prepare_cached("SELECT id, version, document FROM carts ORDER BY id")
        .expect("the carts");
    let rows = rows.query_map([], |row| {
        Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?, row.get(2)?))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// Every table, however it came about, holds what it holds when it is made of the whole log in one
/// piece. Looked at in one story of eight, since it costs as much as the rest of them.
fn is_what_is_made_at_once(world: &World, path: &Path) -> Checked {
    if !world.seed.is_multiple_of(8) {
        return Ok(());
    }
    let rebuilt = path.with_extension("rebuilt");
    let log: Arc<MemoryLog> = world.log.clone();
    let mut updater = now(start(log, &rebuilt, 1 << 20)).expect("views");
    while now(updater.catch_up_once()).map_err(|error| Violation(error.to_string()))? > 0 {}
    world.count("views were compared whole");
    for ((table, one), (_, other)) in dump(path).into_iter().zip(dump(&rebuilt)) {
        holds!(
            one == other,
            "{table} has {one:?}, and made at once it has {other:?}"
        );
    }
    Ok(())
}

type Table = (String, Vec<Vec<Value>>);

fn dump(path: &Path) -> Vec<Table> {
    let tables = tables_at(path);
    let mut names = tables
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .expect("the tables");
    let names = names
        .query_map([], |row| row.get::<_, String>(0))
        .expect("names");
    names
        .map(|name| {
            let name = name.expect("a name");
            let mut rows = tables
                .prepare(&format!("SELECT * FROM {name}"))
                .expect("a table");
            let columns = rows.column_count();
            let rows = rows
                .query_map([], |row| {
                    (0..columns).map(|column| row.get(column)).collect()
                })
                .expect("rows");
            let mut rows: Vec<Vec<Value>> = rows.map(|row| row.expect("a row")).collect();
            rows.sort_by_key(|row| format!("{row:?}"));
            (name, rows)
        })
        .collect()
}
