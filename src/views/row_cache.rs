//! The newest rows of carts in memory.
//!
//! A row is shown as soon as its cart is folded, while the tables are still being written. It stays
//! afterwards, since a cart that has just changed is usually read next; so do rows read from the
//! tables.

use super::carts::CartRow;
use crate::cache;
use crate::log::Position;
use quick_cache::sync::{Cache, GuardResult};
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// The newest rows, bounded in bytes. A row is evicted only after the tables have it: otherwise a
/// reader could see an older one.
#[derive(Debug)]
pub struct RowCache {
    rows: Cache<Uuid, CachedRow, RowWeight, DefaultHashBuilder, PinUnwritten>,
    /// Every row has seen the log up to this position.
    shown: AtomicU64,
    /// The tables have seen the log up to this position.
    written: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct CachedRow {
    row: CartRow,
    /// The row has seen the log up to here; 0 for a row that was read from the tables.
    position: Position,
}

impl RowCache {
    /// Keeps rows of about `bytes` in memory, beside tables that have seen the log up to
    /// `position`.
    pub(super) fn new(position: Position, bytes: u64) -> RowCache {
        let written = Arc::new(AtomicU64::new(position.0));
        let pinning = PinUnwritten(written.clone());
        let hasher = DefaultHashBuilder::default();
        RowCache {
            rows: Cache::with(cache::slots(bytes), bytes, RowWeight, hasher, pinning),
            shown: AtomicU64::new(position.0),
            written,
        }
    }

    /// The newest row of the cart `id`, and a position up to which it has seen the log. A row that
    /// is not cached is `read` from the tables.
    pub(super) fn find<E>(
        &self,
        id: Uuid,
        read: impl FnOnce() -> Result<Option<CartRow>, E>,
    ) -> Result<(Option<CartRow>, Position), E> {
        // Loaded before the row, so that the row is at least as new.
        let position = self.position();
        match self.rows.get_value_or_guard(&id, Some(Duration::ZERO)) {
            GuardResult::Value(cached) => Ok((Some(cached.row), position.max(cached.position))),
            // The placeholder is taken before the tables are read. It is lost in a race with the
            // updater, whose row is newer than what is read here.
            GuardResult::Guard(placeholder) => {
                let row = read()?;
                if let Some(row) = &row {
                    let _ = placeholder.insert(CachedRow {
                        row: row.clone(),
                        position: Position(0),
                    });
                }
                Ok((row, position))
            }
            // Another thread holds the placeholder.
            GuardResult::Timeout => Ok((read()?, position)),
        }
    }

    /// The position up to which every row has seen the log.
    pub(super) fn position(&self) -> Position {
        Position(self.shown.load(Ordering::Acquire))
    }

    /// Shows `rows`, which have seen the log up to `position`. They stay until they are written.
    pub(super) fn show(&self, rows: impl Iterator<Item = (Uuid, CartRow)>, position: Position) {
        for (id, row) in rows {
            self.rows.insert(id, CachedRow { row, position });
        }
        self.shown.store(position.0, Ordering::Release);
    }

    /// The tables have every row that was shown up to `position`.
    pub(super) fn written(&self, position: Position) {
        self.written.store(position.0, Ordering::Release);
    }

    /// Drops the row of the cart `id`, so that the next reader takes it from the tables, unless
    /// they do not have it yet.
    pub(super) fn forget_written(&self, id: Uuid) {
        let written = self.written.load(Ordering::Acquire);
        self.rows
            .remove_if(&id, |cached| cached.position.0 <= written);
    }

    /// Drops every row, since readers have gone over to other tables, which have all that was
    /// shown. Before that a row from here could be the only one of its version.
    pub(super) fn clear(&self) {
        self.rows.clear();
    }
}

/// Pins the rows that the tables do not have yet.
#[derive(Debug, Clone)]
struct PinUnwritten(Arc<AtomicU64>);

impl Lifecycle<Uuid, CachedRow> for PinUnwritten {
    type RequestState = ();

    fn is_pinned(&self, _id: &Uuid, cached: &CachedRow) -> bool {
        cached.position.0 > self.0.load(Ordering::Acquire)
    }
}

#[derive(Debug, Clone, Copy)]
struct RowWeight;

impl Weighter<Uuid, CachedRow> for RowWeight {
    fn weight(&self, _id: &Uuid, cached: &CachedRow) -> u64 {
        const OVERHEAD: usize = 136;
        (cached.row.document.len() + OVERHEAD) as u64
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

    fn show(rows: &RowCache, version: u64) {
        rows.show([(ID, row(version))].into_iter(), Position(version));
    }

    fn write(rows: &RowCache, version: u64) {
        show(rows, version);
        rows.written(Position(version));
    }

    /// The version that is found, where the tables have `in_tables`.
    fn found(rows: &RowCache, in_tables: Option<u64>) -> Option<u64> {
        let read = || Ok::<_, Infallible>(in_tables.map(row));
        let (row, _) = rows.find(ID, read).unwrap_or_else(|never| match never {});
        row.map(|row| row.version)
    }

    #[test]
    fn read_row_is_cached_until_cleared() {
        let rows = rows();
        assert_eq!(found(&rows, None), None, "a missing row is not cached");
        assert_eq!(found(&rows, Some(1)), Some(1));
        assert_eq!(found(&rows, None), Some(1));
        rows.clear();
        assert_eq!(found(&rows, Some(2)), Some(2));
    }

    #[test]
    fn row_read_in_a_race_with_a_newer_one_is_not_cached() {
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
    fn forgotten_row_is_read_again_once_it_is_written() {
        let rows = rows();
        write(&rows, 1);
        show(&rows, 2);
        rows.forget_written(ID);
        assert_eq!(found(&rows, Some(1)), Some(2), "the tables lack it");
        rows.written(Position(2));
        rows.forget_written(ID);
        assert_eq!(found(&rows, Some(3)), Some(3));
    }

    #[test]
    fn newer_row_stays_while_an_older_one_is_written() {
        let rows = rows();
        show(&rows, 1);
        show(&rows, 2);
        rows.written(Position(1));
        assert_eq!(found(&rows, Some(1)), Some(2));
    }

    #[test]
    fn rows_are_evicted_only_after_they_are_written() {
        const ROWS: u64 = 200;
        let rows = RowCache::new(Position(0), 20 * 138);
        let all = || (1..=ROWS).map(|number| (Uuid::from_u128(number.into()), row(number)));
        let cached = |rows: &RowCache| {
            let missing = || Ok::<_, Infallible>(None);
            let found = |id| {
                rows.find(id, missing)
                    .unwrap_or_else(|never| match never {})
            };
            all().filter(|(id, _)| found(*id).0.is_some()).count() as u64
        };
        for (id, row) in all() {
            let position = Position(row.version);
            rows.show(std::iter::once((id, row)), position);
        }
        assert_eq!(cached(&rows), ROWS);
        rows.written(Position(ROWS));
        rows.show(all().take(1), Position(ROWS + 1));
        assert!(cached(&rows) < ROWS / 2, "{}", cached(&rows));
    }

    #[test]
    fn row_of_tables_that_no_longer_serve_is_not_cached() {
        let rows = rows();
        let read = || {
            rows.clear();
            Ok::<_, Infallible>(Some(row(1)))
        };
        let _ = rows.find(ID, read).unwrap_or_else(|never| match never {});
        assert_eq!(found(&rows, Some(2)), Some(2));
    }
}
