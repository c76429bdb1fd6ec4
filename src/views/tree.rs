//! The Merkle tree over the log, in tiles (C2SP, tlog-tiles). Its leaves are the hashes of all
//! events in the order of the log, so the tree shows whether an event was altered, removed, added
//! or moved.

use super::{Batch, View};
use crate::log::Hash;
use crate::merkle::{self, Subtrees, WIDTH, leaf_hash, tile_root};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// The view's name.
pub const NAME: &str = "tree";

/// Bytes in a hash, and in a full tile.
const HASH: usize = 32;
const FULL: usize = HASH * WIDTH as usize;

/// The view `tree`.
pub struct Tree;

impl View for Tree {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE tree_tiles (
                level  INTEGER NOT NULL,
                tile   INTEGER NOT NULL,
                -- Up to 256, of 32 bytes each; fewer in the last tile of a level only.
                hashes BLOB    NOT NULL,
                PRIMARY KEY (level, tile)
            ) STRICT, WITHOUT ROWID;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        append(tables, batch.events().map(|event| event.hash))
    }
}

/// Appends events, by their hashes, to the tree in `tables`.
pub fn append(tables: &Connection, events: impl Iterator<Item = Hash>) -> rusqlite::Result<()> {
    let mut upsert = tables.prepare_cached(
        "INSERT INTO tree_tiles VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET hashes = excluded.hashes",
    )?;
    let mut added: Vec<Hash> = events.map(leaf_hash).collect();
    let mut level = 0_u32;
    while !added.is_empty() {
        let (mut tile, mut hashes) = match last_tile(tables, level)? {
            Some((tile, hashes)) if hashes.len() == FULL => (tile + 1, Vec::new()),
            Some(last) => last,
            None => (0, Vec::new()),
        };
        let mut above = Vec::new();
        for hash in added {
            hashes.extend_from_slice(&hash.0);
            if hashes.len() == FULL {
                upsert.execute((level, tile, &hashes))?;
                above.push(tile_root(&split(&hashes)));
                tile += 1;
                hashes.clear();
            }
        }
        if !hashes.is_empty() {
            upsert.execute((level, tile, &hashes))?;
        }
        added = above;
        level += 1;
    }
    Ok(())
}

/// The last tile of `level`, if it has any.
fn last_tile(tables: &Connection, level: u32) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
    tables
        .prepare_cached(
            "SELECT tile, hashes FROM tree_tiles WHERE level = ?1 ORDER BY tile DESC LIMIT 1",
        )?
        .query_row([level], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

fn stored(tables: &Connection, level: u32, tile: u64) -> rusqlite::Result<Option<Vec<u8>>> {
    tables
        .prepare_cached("SELECT hashes FROM tree_tiles WHERE level = ?1 AND tile = ?2")?
        .query_row((level, tile), |row| row.get(0))
        .optional()
}

fn split(hashes: &[u8]) -> Vec<Hash> {
    let (hashes, _) = hashes.as_chunks::<HASH>();
    hashes.iter().copied().map(Hash).collect()
}

/// The stored tree. Each tile is read once.
pub struct StoredTree<'a> {
    tables: &'a Connection,
    tiles: HashMap<(u32, u64), Vec<Hash>>,
}

impl<'a> StoredTree<'a> {
    /// The tree in `tables`.
    pub fn of(tables: &'a Connection) -> StoredTree<'a> {
        StoredTree {
            tables,
            tiles: HashMap::new(),
        }
    }

    /// The number of leaves.
    pub fn size(&self) -> rusqlite::Result<u64> {
        let last = last_tile(self.tables, 0)?;
        Ok(last.map_or(0, |(tile, hashes)| {
            tile * WIDTH + (hashes.len() / HASH) as u64
        }))
    }

    /// The root over the first `size` leaves, which the tree must have.
    pub fn root(&mut self, size: u64) -> rusqlite::Result<Hash> {
        merkle::root(self, size)
    }

    /// The first `width` hashes of a tile; `None` if it has fewer.
    pub fn tile(&self, level: u32, tile: u64, width: u64) -> rusqlite::Result<Option<Vec<u8>>> {
        let bytes = HASH * width as usize;
        Ok(stored(self.tables, level, tile)?.and_then(|mut hashes| {
            let has_all = hashes.len() >= bytes;
            hashes.truncate(bytes);
            has_all.then_some(hashes)
        }))
    }

    /// The leaf at `index`, if the tree has it.
    pub fn leaf(&mut self, index: u64) -> rusqlite::Result<Option<Hash>> {
        let hashes = self.cached(0, index / WIDTH)?;
        Ok(hashes.get((index % WIDTH) as usize).copied())
    }

    /// The hashes that a tile has; none if there is no such tile.
    fn cached(&mut self, level: u32, tile: u64) -> rusqlite::Result<&[Hash]> {
        if !self.tiles.contains_key(&(level, tile)) {
            let found = stored(self.tables, level, tile)?;
            let hashes = found.map_or_else(Vec::new, |hashes| split(&hashes));
            self.tiles.insert((level, tile), hashes);
        }
        Ok(&self.tiles[&(level, tile)])
    }
}

impl Subtrees for StoredTree<'_> {
    type Error = rusqlite::Error;

    fn subtree(&mut self, level: u32, index: u64) -> rusqlite::Result<Hash> {
        // Eight levels of the tree are one of tiles.
        let (tiles, height) = (level / 8, level % 8);
        let first = index << height;
        let start = (first % WIDTH) as usize;
        let hashes = self.cached(tiles, first / WIDTH)?;
        hashes
            .get(start..start + (1 << height))
            .map(tile_root)
            .ok_or(rusqlite::Error::QueryReturnedNoRows)
    }
}
