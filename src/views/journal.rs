//! The journal: an inverted index of the log, so that events are found without a scan.
//!
//! Positions are divided into blocks of `BLOCK`. For each term (a type, a command, a product) and
//! block there is one row with the places of the term's events in that block, one byte each, and
//! for each block one row with its first and last time. An event costs about four bytes, and a
//! batch one write for each term and block. A row depends on the events of its block alone, so it
//! is the same for any division into batches.
//!
//! Products and promotion codes are found by a part of their names: those that events had are in a
//! table of their own, which grows with the catalogue and not with the log.

use super::{Batch, View};
use crate::cart::{CartEvent, Sku};
use crate::log::Position;
use crate::models::ModelEvent;
use crate::timestamp::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How many positions a block has: as many as one byte can number.
const BLOCK: u64 = PLACES as u64;
const PLACES: usize = 256;

/// The view's name.
pub const NAME: &str = "journal";

/// The view `journal`.
pub struct Journal;

/// What the events must have in common. The empty question matches every event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// The event's name, such as `ItemAdded`.
    pub name: Option<String>,
    /// The product that the event is about.
    pub sku: Option<Sku>,
    /// The promotion code that the event, or its order, is about.
    pub promotion: Option<String>,
    /// The name of the command that caused the event.
    pub command: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// The order in which the journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// A product or a promotion that events are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Product { sku: Sku, name: String },
    Promotion { code: String, name: String },
}

/// The positions of events that may match a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// In the requested direction. Their terms match. Their times may not, since times are known
    /// for blocks only, and without a term the log may have no event at a position.
    pub positions: Vec<Position>,
    /// Whether there may be more after them.
    pub more: bool,
}

impl View for Journal {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        2
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE journal_terms (
                term   TEXT    NOT NULL,
                block  INTEGER NOT NULL,
                places BLOB    NOT NULL,
                PRIMARY KEY (term, block)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE journal_blocks (
                block    INTEGER PRIMARY KEY,
                first_at INTEGER NOT NULL,
                last_at  INTEGER NOT NULL
            ) STRICT;
            CREATE TABLE journal_names (
                term TEXT NOT NULL,
                name TEXT NOT NULL,
                PRIMARY KEY (term, name)
            ) STRICT, WITHOUT ROWID;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut terms: BTreeMap<(Term<'_>, u64), Vec<u8>> = BTreeMap::new();
        let mut times: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
        let mut names: BTreeSet<(Term<'_>, &str)> = BTreeSet::new();
        for event in batch.events() {
            let (block, place) = place_of(event.position);
            let mut put = |term| terms.entry((term, block)).or_default().push(place);
            put(Term::Name(event.name()));
            put(Term::Command(&event.decoded.command));
            if let Some(sku) = event.of_cart().and_then(CartEvent::sku) {
                put(Term::Sku(sku.as_str()));
            }
            if let Some(code) = event.decoded.event.promotion_code() {
                put(Term::Promotion(code));
            }
            names.extend(name_of(&event.decoded.event));
            let at = event.decoded.at.millis();
            let (first, last) = times.entry(block).or_insert((at, at));
            *first = at.min(*first);
            *last = at.max(*last);
        }
        let mut upsert = tables.prepare_cached(
            "INSERT INTO journal_terms VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET places = CAST(places || excluded.places AS BLOB)",
        )?;
        for ((term, block), places) in terms {
            upsert.execute((term.text(), block, places))?;
        }
        let mut upsert = tables.prepare_cached(
            "INSERT INTO journal_blocks VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET first_at = min(first_at, excluded.first_at),
                 last_at = max(last_at, excluded.last_at)",
        )?;
        for (block, (first, last)) in times {
            upsert.execute((block, first, last))?;
        }
        let mut insert = tables
            .prepare_cached("INSERT INTO journal_names VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
        for (term, name) in names {
            insert.execute((term.text(), name))?;
        }
        Ok(())
    }
}

/// What an event is indexed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Term<'a> {
    Name(&'a str),
    Command(&'a str),
    Sku(&'a str),
    Promotion(&'a str),
}

impl Term<'_> {
    fn text(self) -> String {
        match self {
            Term::Name(name) => format!("type {name}"),
            Term::Command(command) => format!("command {command}"),
            Term::Sku(sku) => format!("{SKU}{sku}"),
            Term::Promotion(code) => format!("{PROMOTION}{code}"),
        }
    }
}

const SKU: &str = "sku ";
const PROMOTION: &str = "promotion ";

/// What a shopper calls the product or the promotion that `event` is about, and its term.
fn name_of(event: &ModelEvent) -> Option<(Term<'_>, &str)> {
    match event {
        ModelEvent::Cart(CartEvent::ItemAdded(units) | CartEvent::ItemRemoved(units)) => {
            Some((Term::Sku(units.sku.as_str()), &*units.name))
        }
        ModelEvent::Cart(CartEvent::PromotionApplied(promotion)) => Some((
            Term::Promotion(&promotion.code),
            promotion.description.as_str(),
        )),
        ModelEvent::Cart(_) | ModelEvent::Order(_) => None,
    }
}

fn place_of(position: Position) -> (u64, u8) {
    let place = u8::try_from(position.0 % BLOCK).expect("a block has 256 places");
    (position.0 / BLOCK, place)
}

impl Question {
    /// The terms of the question, all of which must match, the one that is likely the rarest first.
    fn terms(&self) -> Vec<Term<'_>> {
        let sku = self.sku.as_ref().map(|sku| Term::Sku(sku.as_str()));
        let promotion = self.promotion.as_deref().map(Term::Promotion);
        let command = self.command.as_deref().map(Term::Command);
        let name = self.name.as_deref().map(Term::Name);
        [sku, promotion, command, name]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// At least `wanted` positions of events that may match `question`, if there are so many, from
/// `begin` on in `direction`.
pub fn candidates(
    tables: &Connection,
    question: &Question,
    begin: Position,
    direction: Direction,
    wanted: usize,
) -> rusqlite::Result<Candidates> {
    let terms = question.terms();
    let (sql, values) = select(question, &terms, begin, direction);
    let mut statement = tables.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut positions = Vec::with_capacity(wanted);
    while let Some(row) = rows.next()? {
        let block: u64 = row.get(0)?;
        let mut places = Places::all();
        for column in 1..=terms.len() {
            places.keep(row.get_ref(column)?.as_blob()?);
        }
        let found = positions.len();
        positions.extend(places.positions(block).filter(|position| match direction {
            Direction::Forward => *position >= begin,
            Direction::Backward => *position <= begin && position.0 > 0,
        }));
        if direction == Direction::Backward {
            positions[found..].reverse();
        }
        if positions.len() >= wanted {
            return Ok(Candidates {
                positions,
                more: true,
            });
        }
    }
    Ok(Candidates {
        positions,
        more: false,
    })
}

/// The query for blocks that have all of `terms` and match by time, with the terms' places. `CROSS
/// JOIN` makes SQLite keep this order of tables: the rarest term leads.
fn select(
    question: &Question,
    terms: &[Term<'_>],
    begin: Position,
    direction: Direction,
) -> (String, Vec<Value>) {
    let columns: Vec<String> = (0..terms.len())
        .map(|number| format!(", t{number}.places"))
        .collect();
    let tables: Vec<String> = (0..terms.len())
        .map(|number| format!("journal_terms t{number} CROSS JOIN "))
        .collect();
    let (columns, tables) = (columns.concat(), tables.concat());
    let mut values = Vec::new();
    let mut conditions = Vec::new();
    for (number, term) in terms.iter().enumerate() {
        conditions.push(format!("t{number}.term = ?"));
        values.push(Value::Text(term.text()));
        if number > 0 {
            conditions.push(format!("t{number}.block = t0.block"));
        }
    }
    let leading = if terms.is_empty() { "b" } else { "t0" };
    if !terms.is_empty() {
        conditions.push("b.block = t0.block".to_owned());
    }
    let mut compare = |column: &str, value: i64| {
        conditions.push(format!("{column} ?"));
        values.push(Value::Integer(value));
    };
    let block = i64::try_from(begin.0 / BLOCK).unwrap_or(i64::MAX);
    let order = match direction {
        Direction::Forward => {
            compare(&format!("{leading}.block >="), block);
            "ASC"
        }
        Direction::Backward => {
            compare(&format!("{leading}.block <="), block);
            "DESC"
        }
    };
    if let Some(from) = question.from {
        compare("b.last_at >=", from.millis());
    }
    if let Some(to) = question.to {
        compare("b.first_at <=", to.millis());
    }
    let sql = format!(
        "SELECT {leading}.block{columns} FROM {tables}journal_blocks b
         WHERE {} ORDER BY {leading}.block {order}",
        conditions.join(" AND ")
    );
    (sql, values)
}

/// Up to `limit` products and promotions whose id and name `matches`, and whether these are all: no
/// more than `reads` names are read.
pub fn named(
    tables: &Connection,
    matches: impl Fn(&str) -> bool,
    limit: usize,
    reads: usize,
) -> rusqlite::Result<(Vec<Named>, bool)> {
    let mut names = tables.prepare_cached("SELECT term, name FROM journal_names")?;
    let mut rows = names.query([])?;
    let (mut found, mut read, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        if found.len() == limit || read == reads {
            return Ok((found, false));
        }
        read += 1;
        let (term, name): (String, String) = row.try_into()?;
        let named = if let Some(sku) = term.strip_prefix(SKU) {
            let Ok(sku) = Sku::parse(sku) else { continue };
            Named::Product { sku, name }
        } else if let Some(code) = term.strip_prefix(PROMOTION) {
            let code = code.to_owned();
            Named::Promotion { code, name }
        } else {
            continue;
        };
        // A product that was renamed has several names.
        let is_found = last.as_ref() == Some(&term);
        if !is_found && matches(&named.to_string()) {
            found.push(named);
            last = Some(term);
        }
    }
    Ok((found, true))
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Product { sku, name } => write!(f, "{sku} {name}"),
            Named::Promotion { code, name } => write!(f, "{code} {name}"),
        }
    }
}

/// A set of places in a block.
struct Places([bool; PLACES]);

impl Places {
    fn all() -> Places {
        Places([true; PLACES])
    }

    fn keep(&mut self, kept: &[u8]) {
        let mut both = [false; PLACES];
        for place in kept {
            both[usize::from(*place)] = self.0[usize::from(*place)];
        }
        self.0 = both;
    }

    fn positions(&self, block: u64) -> impl Iterator<Item = Position> {
        (block * BLOCK..)
            .zip(self.0)
            .filter_map(|(position, kept)| kept.then_some(Position(position)))
    }
}
