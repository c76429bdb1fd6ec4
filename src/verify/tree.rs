//! Compares the log with signed checkpoints, and finds the first event that does not belong to what
//! was signed.

use super::{Finding, FindingKind, VerifyContext};
use crate::log::{Hash, LogAudit, Position};
use crate::merkle::{Frontier, leaf_hash};
use crate::proof::TreeHead;
use crate::views::Snapshot;
use std::path::Path;

/// How many rows are read at a time.
const BATCH: usize = 8_192;

/// The Merkle tree over the events as they are read, and what it must have been.
pub(super) struct TreeAudit {
    tree: Frontier,
    /// Each checkpoint, and the root at its size once that is reached.
    checkpoints: Vec<(TreeHead, Option<Hash>)>,
    /// Whether an event was missing, so that no later one has its place in the tree.
    has_gap: bool,
}

impl TreeAudit {
    pub(super) fn new(checkpoints: impl IntoIterator<Item = TreeHead>) -> TreeAudit {
        let mut audit = TreeAudit {
            tree: Frontier::default(),
            checkpoints: checkpoints.into_iter().map(|head| (head, None)).collect(),
            has_gap: false,
        };
        audit.note_root();
        audit
    }

    /// Adds the event at `position`, whose hash is `hash`; `None` if it cannot be read.
    pub(super) fn add(&mut self, position: Position, hash: Option<Hash>) {
        match hash {
            Some(hash) if !self.has_gap && position.0 == self.tree.size() + 1 => {
                self.tree.push(leaf_hash(hash));
                self.note_root();
            }
            Some(_) | None => self.has_gap = true,
        }
    }

    fn note_root(&mut self) {
        for (head, found) in &mut self.checkpoints {
            if head.size == self.tree.size() {
                *found = Some(self.tree.root());
            }
        }
    }

    /// Reports each checkpoint that the log does not extend. The tree in `views` may still be what
    /// was signed: then the first event that differs is known.
    pub(super) fn finish(&self, file: &dyn LogAudit, views: &Path, context: &VerifyContext<'_>) {
        for (head, found) in &self.checkpoints {
            if *found == Some(head.root) {
                continue;
            }
            let signed = format!("a checkpoint of {} events was signed", head.size);
            let (kind, position, detail) = if let Some(first) = locate(*head, file, views) {
                let detail = format!(
                    "{signed}, and this is the first position that does not belong to it: its \
                     event was altered, removed, added or moved, or chained again"
                );
                (FindingKind::HistoryDiffers, first, detail)
            } else if found.is_none() {
                let first = self.tree.size() + 1;
                let detail = format!("{signed}, and there is no event here that can be read");
                (FindingKind::LogCutOff, first, detail)
            } else {
                let detail = format!(
                    "{signed}, and the events up to here have another root: one of them was \
                     altered, removed, added or moved"
                );
                (FindingKind::HistoryDiffers, head.size, detail)
            };
            context.find(Finding {
                position: Some(Position(position)),
                ..Finding::general(kind, detail)
            });
        }
    }
}

/// The first position up to the size of `head` at which the log has another event than the tree in
/// `views`, if that is the tree of `head`.
fn locate(head: TreeHead, file: &dyn LogAudit, views: &Path) -> Option<u64> {
    let serving = Snapshot::open(views).ok()?;
    let mut tree = serving.tree();
    if tree.size().ok()? < head.size || tree.root(head.size).ok()? != head.root {
        return None;
    }
    let mut index = 0;
    while index < head.size {
        let rows = file.read(Position(index), BATCH).ok()?;
        if rows.is_empty() {
            return Some(index + 1);
        }
        for row in rows {
            let is_signed = match row {
                Ok(event) => {
                    let leaf = tree.leaf(index).ok()?;
                    event.position.0 == index + 1 && leaf == Some(leaf_hash(event.hash))
                }
                Err(_) => false,
            };
            if !is_signed {
                return (index < head.size).then_some(index + 1);
            }
            index += 1;
        }
    }
    None
}
