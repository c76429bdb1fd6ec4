//! The settings of the engine.

use std::path::PathBuf;

/// How the engine works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteLogSettings {
    pub path: PathBuf,
    /// How many commits may wait for the writer before further ones are refused.
    pub queue: usize,
    /// How many commits share one sync at the most.
    pub group: usize,
    /// After how many pages the write-ahead log is moved into the database. Many, since a page that
    /// is written again before it is moved is moved once.
    pub checkpoint_pages: u32,
    pub durability: Durability,
}

impl SqliteLogSettings {
    /// The log at `path` with what suits most.
    pub fn at(path: impl Into<PathBuf>) -> SqliteLogSettings {
        SqliteLogSettings {
            path: path.into(),
            queue: 8_192,
            group: 512,
            checkpoint_pages: 8_000,
            durability: Durability::Power,
        }
    }
}

/// What an acknowledgement outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The loss of power: `synchronous=FULL`.
    Power,
    /// The death of the process, not the loss of power: `synchronous=NORMAL`.
    Process,
}

impl Durability {
    /// The value of SQLite's `synchronous` for it.
    pub(super) fn pragma(self) -> &'static str {
        match self {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        }
    }
}
