//! Tiles: how a tree is stored and served (C2SP, tlog-tiles).

use super::node_hash;
use crate::log::Hash;
use std::fmt;

/// Hashes in a full tile. A tile at level `l` has every hash of the tree's level `8 * l` that a
/// full tile below it gives.
pub const WIDTH: u64 = 256;

/// The root of the subtree over `hashes`, of which there are a power of two.
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks_exact(2)
            .map(|pair| node_hash(pair[0], pair[1]))
            .collect();
    }
    level[0]
}

/// What a tile has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileKind {
    /// Hashes of the tree, at that level of tiles.
    Tree(u8),
    /// The entries that the leaves are hashes of.
    Entries,
}

/// The name of a tile as in its address: `0/x001/x234/067` or `entries/000.p/12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TilePath {
    pub kind: TileKind,
    /// From 0, within the level.
    pub index: u64,
    /// From 1 to [`WIDTH`].
    pub width: u64,
}

impl TilePath {
    /// The tile that `path` names, if that is the one way to write it.
    pub fn parse(path: &str) -> Option<TilePath> {
        let (path, width) = match path.rsplit_once(".p/") {
            Some((path, width)) => (path, number(width).filter(|it| (1..WIDTH).contains(it))?),
            None => (path, WIDTH),
        };
        let (kind, index) = path.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Tree(u8::try_from(number(level)?).ok().filter(|it| *it < 64)?),
        };
        let index = index_of(index)?;
        Some(TilePath { kind, index, width })
    }

    /// How many entries a tree must have for this tile; `None` if no tree has as many.
    pub fn entries(&self) -> Option<u64> {
        let level = match self.kind {
            TileKind::Tree(level) => level.into(),
            TileKind::Entries => 0,
        };
        let below = WIDTH.checked_pow(level)?;
        let hashes = self.index.checked_mul(WIDTH)?.checked_add(self.width)?;
        hashes.checked_mul(below)
    }
}

/// A decimal number without leading zeros or a sign.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && (text == "0" || !text.starts_with('0')))
        .then(|| text.parse().ok())
        .flatten()
}

/// The index that [`index_path`] writes as `path`. Allocates nothing, since each tile is asked for
/// by its path.
fn index_of(path: &str) -> Option<u64> {
    let mut groups = path.split('/').peekable();
    let mut index: u64 = 0;
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = if is_last {
            group
        } else {
            group.strip_prefix('x')?
        };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        index = index
            .checked_mul(1_000)?
            .checked_add(digits.parse().ok()?)?;
        // Without leading groups of zeros.
        if index == 0 && !is_last {
            return None;
        }
    }
    Some(index)
}

/// `index` in groups of three digits, all but the last of which begin with `x`.
fn index_path(index: u64) -> String {
    let mut groups = vec![format!("{:03}", index % 1_000)];
    let mut rest = index / 1_000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1_000));
        rest /= 1_000;
    }
    groups.reverse();
    groups.join("/")
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Tree(level) => write!(f, "{level}/")?,
            TileKind::Entries => f.write_str("entries/")?,
        }
        f.write_str(&index_path(self.index))?;
        if self.width < WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}
