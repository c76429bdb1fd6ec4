//! The digest of a log: one hash over the hashes of all events up to a position.

use super::event::Position;
use super::hash::Hash;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// Identifies everything that a log recorded up to a position. An event that was changed, removed,
/// added or moved before it gives another hash, also if the chains of the streams were computed
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogHead {
    pub position: Position,
    /// SHA-256 over the hashes of all events up to there, in the order of their positions: each in
    /// lower-case hexadecimal and followed by a line feed.
    pub hash: Hash,
}

impl fmt::Display for LogHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, self.hash)
    }
}

/// A text is not a [`LogHead`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be POSITION:HASH, as verify, export and backup print it after \"head\"")]
pub struct InvalidLogHead;

impl FromStr for LogHead {
    type Err = InvalidLogHead;

    fn from_str(text: &str) -> Result<LogHead, InvalidLogHead> {
        let (position, hash) = text.split_once(':').ok_or(InvalidLogHead)?;
        let position = position.parse().map_err(|_| InvalidLogHead)?;
        let hash = hash.parse().map_err(|_| InvalidLogHead)?;
        Ok(LogHead {
            position: Position(position),
            hash,
        })
    }
}

/// Computes the [`LogHead`] of a log whose events are added in the order of their positions.
#[derive(Debug, Clone, Default)]
pub struct LogDigest {
    position: Position,
    hashes: Sha256,
}

impl LogDigest {
    /// Adds the event at `position` with its `hash`.
    pub fn add(&mut self, position: Position, hash: Hash) {
        self.position = position;
        self.hashes.update(hash.hex());
        self.hashes.update("\n");
    }

    /// The position of the last event that was added.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The digest of what was added so far.
    pub fn head(&self) -> LogHead {
        LogHead {
            position: self.position,
            hash: Hash(self.hashes.clone().finalize().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_sha256_over_lines_of_hashes() {
        let mut digest = LogDigest::default();
        // printf '' | sha256sum
        let empty = "0:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.head().to_string(), empty);
        digest.add(Position(1), Hash([0x11; 32]));
        digest.add(Position(2), Hash([0x22; 32]));
        let two = "2:f5404fd407075eb9ef6261cbfc12da4cbe2906c3a04dcffd2be12daa6a475c89";
        assert_eq!(digest.head().to_string(), two);
        assert_eq!(two.parse(), Ok(digest.head()));
    }

    #[test]
    fn malformed_heads_are_refused() {
        let head = LogDigest::default().head().to_string();
        for text in ["", "1", ":", "x:00", "-1:00", &head[..20], &head[1..]] {
            assert_eq!(text.parse::<LogHead>(), Err(InvalidLogHead), "{text}");
        }
    }
}
