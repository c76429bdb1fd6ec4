//! The rows of carts that have moved or were read of late, in memory: what most shoppers ask for.
//!
//! A row is shown as soon as its cart is folded, while the tables are still being written; it stays
//! for a while after that, since a cart that has moved is looked at next. A row that was read from the
//! tables stays too. None from here is older than the one in the tables.

use super::carts::CartRow;
use crate::cache;
use crate::log::Position;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, GuardResult};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use uuid::Uuid;

/// The newest rows, for whoever reads the views in this process.
#[derive(Debug)]
pub struct RowCache {
    shown: RwLock<Shown>,
    /// Those that the tables have too, bounded in bytes.
    written: Cache<Uuid, CartRow, RowWeight>,
}

#[derive(Debug)]
struct Shown {
    /// Every row has seen everything up to here.
    position: Position,
    /// Those that the tables may not have yet.
    unwritten: HashMap<Uuid, CartRow>,
}

impl RowCache {
    /// Keeps rows of about `bytes` in memory, beside tables that have seen everything up to `position`.
    pub(super) fn new(position: Position, bytes: u64) -> RowCache {
        RowCache {
            shown: RwLock::new(Shown {
                position,
                unwritten: HashMap::new(),
            }),
            written: Cache::with_weighter(cache::slots(bytes), bytes, RowWeight),
        }
    }

    /// The newest row of the cart `id`, and the position that it has seen everything up to. Where it
    /// is not here it is `read` from the tables, where it has seen as much.
    pub(super) fn find<E>(
        &self,
        id: Uuid,
        read: impl FnOnce() -> Result<Option<CartRow>, E>,
    ) -> Result<(Option<CartRow>, Position), E> {
        // In this order: a row is in the second place before it leaves the first.
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let position = shown.position;
        if let Some(row) = shown.unwritten.get(&id) {
            return Ok((Some(row.clone()), position));
        }
        drop(shown);
        match self.written.get_value_or_guard(&id, Some(Duration::ZERO)) {
            GuardResult::Value(row) => Ok((Some(row), position)),
            // Taken before the tables are read, and lost once the updater has put a row there.
            GuardResult::Guard(place) => {
                let row = read()?;
                if let Some(row) = &row {
                    // Where the place is lost, what was read may be older than what is there.
                    let _ = place.insert(row.clone());
                }
                Ok((row, position))
            }
            // Somebody else reads it just now.
            GuardResult::Timeout => Ok((read()?, position)),
        }
    }

    /// How far the rows are that were shown.
    pub(super) fn position(&self) -> Position {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.position
    }

    /// Shows `rows`, which are about to be written, as of `position`.
    pub(super) fn show(&self, rows: impl IntoIterator<Item = (Uuid, CartRow)>, position: Position) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.unwritten.extend(rows);
        shown.position = position;
    }

    /// `rows`, which were shown, are in the tables now. Called by the one that shows.
    pub(super) fn written(&self, rows: &HashMap<Uuid, CartRow>) {
        for (id, row) in rows {
            self.written.insert(*id, row.clone());
        }
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        for (id, row) in rows {
            // A cart may have moved on meanwhile: its newer row is still to be written.
            if let Entry::Occupied(place) = shown.unwritten.entry(*id)
                && place.get().version == row.version
            {
                place.remove();
            }
        }
    }

    /// Forgets every row, since there are other tables now, which have all that was shown. To be called
    /// when they are read: until then a row from here may be the only one of its version.
    pub(super) fn forget(&self) {
        // In this order: what is found in the second place is never older than what was in the first.
        self.written.clear();
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.unwritten.clear();
    }
}

#[derive(Debug, Clone, Copy)]
struct RowWeight;

impl Weighter<Uuid, CartRow> for RowWeight {
    fn weight(&self, _id: &Uuid, row: &CartRow) -> u64 {
        const OVERHEAD: usize = 128;
        (row.document.len() + OVERHEAD) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const ID: Uuid = Uuid::from_u128(7);

    fn row(version: u64) -> CartRow {
        CartRow {
            version,
            token_hash: [0; 32],
            idle_since: None,
            document: "{}".into(),
        }
    }

    fn rows() -> RowCache {
        RowCache::new(Position(0), 1 << 20)
    }

    fn write(rows: &RowCache, version: u64) {
        let shown = HashMap::from([(ID, row(version))]);
        rows.show(shown.clone(), Position(version));
        rows.written(&shown);
    }

    /// The version that is found, where the tables have `in_tables` if they are asked.
    fn found(rows: &RowCache, in_tables: Option<u64>) -> Option<u64> {
        let read = || Ok::<_, Infallible>(in_tables.map(row));
        let (row, _) = rows.find(ID, read).unwrap_or_else(|never| match never {});
        row.map(|row| row.version)
    }

    #[test]
    fn a_row_that_was_read_stays_until_there_are_other_tables() {
        let rows = rows();
        assert_eq!(
            found(&rows, None),
            None,
            "what is not there is asked for again"
        );
        assert_eq!(found(&rows, Some(1)), Some(1));
        assert_eq!(found(&rows, None), Some(1));
        rows.forget();
        assert_eq!(found(&rows, Some(2)), Some(2));
    }

    #[test]
    fn a_row_that_was_read_while_a_newer_one_came_does_not_stay() {
        let rows = rows();
        let read = || {
            write(&rows, 2);
            Ok::<_, Infallible>(Some(row(1)))
        };
        let found_first = rows.find(ID, read).unwrap_or_else(|never| match never {});
        assert_eq!(found_first, (Some(row(1)), Position(0)), "as of then");
        assert_eq!(found(&rows, None), Some(2));
    }

    #[test]
    fn a_row_stays_in_sight_while_an_older_one_of_its_cart_is_written() {
        let rows = rows();
        let older = HashMap::from([(ID, row(1))]);
        rows.show(older.clone(), Position(1));
        rows.show([(ID, row(2))], Position(2));
        rows.written(&older);
        assert_eq!(found(&rows, Some(1)), Some(2));
    }

    #[test]
    fn a_row_of_tables_that_do_not_serve_any_more_does_not_stay() {
        let rows = rows();
        let read = || {
            rows.forget();
            Ok::<_, Infallible>(Some(row(1)))
        };
        let _ = rows.find(ID, read).unwrap_or_else(|never| match never {});
        assert_eq!(found(&rows, Some(2)), Some(2));
    }
}
