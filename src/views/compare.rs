//! Compares the views that serve with views projected from the log, row by row.
//!
//! Tables and keys are read from the schema, so a new view needs no code here.

use super::View;
use super::difference::{Comparison, Difference, Differs, excerpt, first_difference, whole};
use super::projector::Projector;
use super::schema::{self, Definition, Recorded};
use super::tree::StoredTree;
use crate::log::Checkpoint;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, Rows, Statement};
use std::cmp::Ordering;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// After how many rows progress is reported.
const STEP: u64 = 1_024;
/// Between the columns of a key.
const SEPARATOR: &str = " ";

/// The views that serve as of one moment. Their write-ahead log grows until this is dropped.
pub struct Snapshot {
    tables: Connection,
    definitions: Vec<Definition>,
    pub checkpoint: Checkpoint,
}

impl Snapshot {
    /// Takes a snapshot of the views at `path`, which any process may be writing.
    pub fn open(path: &Path) -> rusqlite::Result<Snapshot> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let tables = Connection::open_with_flags(path, flags)?;
        tables.busy_timeout(Duration::from_secs(5))?;
        tables.pragma_update(None, "query_only", true)?;
        tables.execute_batch("BEGIN")?;
        let recorded = Recorded::read(&tables)?;
        let checkpoint = recorded
            .checkpoint
            .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(Snapshot {
            tables,
            definitions: recorded.definitions,
            checkpoint,
        })
    }

    /// The tree over the log as these views have it.
    pub fn tree(&self) -> StoredTree<'_> {
        StoredTree::of(&self.tables)
    }

    /// Whether these are `views` in their current definition.
    pub fn is_current(&self, views: &[Box<dyn View>]) -> bool {
        self.definitions == schema::definitions(views)
    }

    /// Compares every row with those of `expected`. `step` is called from time to time with the
    /// number of rows so far, and can end the comparison. Views of another definition are not
    /// compared.
    ///
    /// An error is one of `expected`: what cannot be read here is a difference.
    pub fn compare(
        &self,
        expected: &Projector,
        step: impl FnMut(u64) -> ControlFlow<()>,
    ) -> rusqlite::Result<Comparison> {
        let mut views = super::all();
        if self.is_current(&views) {
            return compare(&self.tables, expected.tables(), step);
        }
        views.retain(|view| self.definitions.contains(&schema::definition(&**view)));
        let kept = Connection::open_in_memory()?;
        for view in &views {
            view.create(&kept)?;
        }
        let mut comparison = Comparison::default();
        compare_tables(
            &tables(&kept)?,
            &self.tables,
            expected.tables(),
            &mut comparison,
            step,
        )?;
        Ok(comparison)
    }
}

fn compare(
    serving: &Connection,
    expected: &Connection,
    step: impl FnMut(u64) -> ControlFlow<()>,
) -> rusqlite::Result<Comparison> {
    let mut comparison = Comparison::default();
    // Tables, indexes and triggers are compared as rows of SQLite's own table of them.
    let schema = Table::named("sqlite_schema", vec!["name".into()], vec!["sql".into()]);
    let _ = compare_table(&schema, serving, expected, &mut comparison, &mut |_| {
        ControlFlow::Continue(())
    })?;
    comparison.rows = 0;
    compare_tables(&tables(expected)?, serving, expected, &mut comparison, step)?;
    Ok(comparison)
}

fn compare_tables(
    tables: &[Table],
    serving: &Connection,
    expected: &Connection,
    comparison: &mut Comparison,
    mut step: impl FnMut(u64) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    for table in tables {
        if compare_table(table, serving, expected, comparison, &mut step)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// A table by its name, the columns of its key and its other columns.
struct Table {
    name: String,
    columns: Vec<String>,
    /// How many of the columns, from the first on, are the key.
    keys: usize,
}

impl Table {
    fn named(name: &str, mut keys: Vec<String>, others: Vec<String>) -> Table {
        let count = keys.len();
        keys.extend(others);
        Table {
            name: name.to_owned(),
            columns: keys,
            keys: count,
        }
    }

    fn select<'a>(&self, tables: &'a Connection) -> rusqlite::Result<Statement<'a>> {
        let quoted: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("\"{column}\""))
            .collect();
        let condition = if self.name == "sqlite_schema" {
            "WHERE name NOT LIKE 'sqlite_%'"
        } else {
            ""
        };
        tables.prepare(&format!(
            "SELECT {} FROM \"{}\" {condition} ORDER BY {}",
            quoted.join(", "),
            self.name,
            quoted[..self.keys].join(", ")
        ))
    }

    fn order(&self, left: &Row<'_>, right: &Row<'_>) -> rusqlite::Result<Ordering> {
        for column in 0..self.keys {
            let order = order(left.get_ref(column)?, right.get_ref(column)?);
            if order.is_ne() {
                return Ok(order);
            }
        }
        Ok(Ordering::Equal)
    }

    fn equal(&self, left: &Row<'_>, right: &Row<'_>) -> rusqlite::Result<bool> {
        for column in self.keys..self.columns.len() {
            if left.get_ref(column)? != right.get_ref(column)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The difference at `row`, which is the expected row if there is one.
    fn difference(&self, row: &Row<'_>, difference: Differs, detail: String) -> Difference {
        let value = |column: usize| row.get_ref(column).unwrap_or(ValueRef::Null);
        let key: Vec<String> = (0..self.keys).map(|key| whole(value(key))).collect();
        let named = |wanted: &[&str]| {
            let column = self
                .columns
                .iter()
                .position(|name| wanted.contains(&name.as_str()));
            column.map(value)
        };
        let cart = if self.name == "carts" { "id" } else { "cart" };
        let cart_id = named(&[cart]).and_then(|value| Uuid::from_slice(value.as_blob().ok()?).ok());
        let version =
            named(&["version"]).and_then(|value| u64::try_from(value.as_i64().ok()?).ok());
        Difference {
            table: self.name.clone(),
            key: key.join(SEPARATOR),
            difference,
            cart_id,
            version,
            detail,
        }
    }

    /// Which columns differ, and how.
    fn detail(&self, serving: &Row<'_>, expected: &Row<'_>) -> rusqlite::Result<String> {
        let mut detail = String::new();
        for (column, name) in self.columns.iter().enumerate() {
            let (is, should) = (serving.get_ref(column)?, expected.get_ref(column)?);
            if is == should {
                continue;
            }
            if !detail.is_empty() {
                detail.push_str("; ");
            }
            let begin = first_difference(is, should);
            let (is, should) = (excerpt(is, begin), excerpt(should, begin));
            // Writing to a String does not fail.
            let _ = write!(detail, "{name} is {is}, and should be {should}");
        }
        Ok(detail)
    }
}

/// The views' own tables, without the checkpoint and the definitions.
fn tables(views: &Connection) -> rusqlite::Result<Vec<Table>> {
    let mut names = views.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
            AND name NOT IN ('checkpoint', 'definitions') ORDER BY rowid",
    )?;
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut columns = views.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    names
        .into_iter()
        .map(|name| {
            let columns: Vec<(String, usize)> = columns
                .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let (mut keys, others): (Vec<_>, Vec<_>) =
                columns.into_iter().partition(|(_, key)| *key > 0);
            keys.sort_by_key(|(_, place)| *place);
            let names = |columns: Vec<(String, usize)>| columns.into_iter().map(|(name, _)| name);
            Ok(Table::named(
                &name,
                names(keys).collect(),
                names(others).collect(),
            ))
        })
        .collect()
}

fn compare_table(
    table: &Table,
    serving: &Connection,
    expected: &Connection,
    comparison: &mut Comparison,
    step: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> rusqlite::Result<ControlFlow<()>> {
    let mut right = table.select(expected)?;
    let mut right = right.query([])?;
    right.advance()?;
    let mut left = match table.select(serving) {
        Ok(statement) => statement,
        Err(error) => {
            comparison.add(unreadable(table, &error));
            return Ok(ControlFlow::Continue(()));
        }
    };
    let mut left = left.query([])?;
    if let Err(error) = left.advance() {
        comparison.add(unreadable(table, &error));
        return Ok(ControlFlow::Continue(()));
    }
    loop {
        let order = match (left.get(), right.get()) {
            (None, None) => return Ok(ControlFlow::Continue(())),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(is), Some(should)) => table.order(is, should)?,
        };
        note(table, order, &left, &right, comparison)?;
        comparison.rows += 1;
        if comparison.rows.is_multiple_of(STEP) && step(comparison.rows).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if order.is_le()
            && let Err(error) = left.advance()
        {
            comparison.add(unreadable(table, &error));
            return Ok(ControlFlow::Continue(()));
        }
        if order.is_ge() {
            right.advance()?;
        }
    }
}

/// Records the difference between the rows that both sides are at, if there is one.
fn note(
    table: &Table,
    order: Ordering,
    left: &Rows<'_>,
    right: &Rows<'_>,
    comparison: &mut Comparison,
) -> rusqlite::Result<()> {
    let difference = match (order, left.get(), right.get()) {
        (Ordering::Less, Some(is), _) => {
            let detail = "no event of the log gives this row".to_owned();
            table.difference(is, Differs::Extra, detail)
        }
        (Ordering::Greater, _, Some(should)) => {
            let detail = "the row is missing".to_owned();
            table.difference(should, Differs::Missing, detail)
        }
        (_, Some(is), Some(should)) if !table.equal(is, should)? => {
            table.difference(should, Differs::Different, table.detail(is, should)?)
        }
        _ => return Ok(()),
    };
    comparison.add(difference);
    Ok(())
}

fn unreadable(table: &Table, error: &rusqlite::Error) -> Difference {
    Difference {
        table: table.name.clone(),
        key: String::new(),
        difference: Differs::Missing,
        cart_id: None,
        version: None,
        detail: format!("the rows from here on cannot be read: {error}"),
    }
}

/// The order in which SQLite sorts (SQLite, "Datatypes In SQLite", 4.1), with the collation BINARY.
fn order(left: ValueRef<'_>, right: ValueRef<'_>) -> Ordering {
    let rank = |value: ValueRef<'_>| match value.data_type() {
        Type::Null => 0,
        Type::Integer | Type::Real => 1,
        Type::Text => 2,
        Type::Blob => 3,
    };
    match (left, right) {
        (ValueRef::Integer(left), ValueRef::Integer(right)) => left.cmp(&right),
        (ValueRef::Text(left), ValueRef::Text(right))
        | (ValueRef::Blob(left), ValueRef::Blob(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)),
    }
}
