//! The engine's settings.

use std::path::PathBuf;

/// The settings of the embedded engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteLogSettings {
    pub path: PathBuf,
    /// How many commits may wait for the writer before further ones are refused.
    pub queue: usize,
    /// How many commits share one sync at most (group commit).
    pub group: usize,
    /// At how many pages the write-ahead log is checkpointed. A high number saves writes: a page
    /// that changed several times in between is copied once.
    pub checkpoint_pages: u32,
    pub durability: Durability,
}

impl SqliteLogSettings {
    /// The log at `path` with the default settings.
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

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Power loss: `synchronous=FULL`.
    Power,
    /// A crash of the process, but not power loss: `synchronous=NORMAL`.
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
