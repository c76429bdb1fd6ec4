//! A tree as another implementation has it, and what a published note is checked with.

use cartlog::log::Hash;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Error, HashReader, record_hash, stored_hashes};

/// All hashes of a tree, in the order in which the oracle stores them.
#[derive(Default)]
pub struct OracleTree {
    pub size: u64,
    stored: Vec<tlog_tiles::Hash>,
}

impl HashReader for OracleTree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, Error> {
        Ok(indexes
            .iter()
            .map(|index| self.stored[usize::try_from(*index).unwrap()])
            .collect())
    }
}

impl OracleTree {
    /// The tree over `entries`.
    pub fn of(entries: &[Hash]) -> OracleTree {
        let mut tree = OracleTree::default();
        for entry in entries {
            let hashes = stored_hashes(tree.size, &entry.0, &tree).unwrap();
            tree.stored.extend(hashes);
            tree.size += 1;
        }
        tree
    }

    pub fn root_at(&self, size: u64) -> Hash {
        ours(tlog_tiles::tree_hash(size, self).unwrap())
    }
}

/// Whether the oracle accepts `path` for `entry`.
pub fn accepts_inclusion(
    path: &[Hash],
    (size, root): (u64, Hash),
    index: u64,
    entry: Hash,
) -> bool {
    let path = path.iter().copied().map(theirs).collect();
    let leaf = record_hash(&entry.0);
    index < size && tlog_tiles::check_record(&path, size, theirs(root), index, leaf).is_ok()
}

/// Whether the oracle accepts `proof` from one tree to another.
pub fn accepts_consistency(
    proof: &[Hash],
    (from, from_root): (u64, Hash),
    (to, to_root): (u64, Hash),
) -> bool {
    let proof = proof.iter().copied().map(theirs).collect();
    let (old, new) = (theirs(from_root), theirs(to_root));
    from >= 1 && from <= to && tlog_tiles::check_tree(&proof, to, new, from, old).is_ok()
}

pub fn theirs(hash: Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}

pub fn ours(hash: tlog_tiles::Hash) -> Hash {
    Hash(hash.0)
}

/// The name, size and root of a checkpoint that `key` has signed.
pub fn open_checkpoint(note: &str, key: &str) -> Result<(String, u64, Hash), String> {
    let note = Note::from_bytes(note.as_bytes()).map_err(|error| error.to_string())?;
    let verifier = StandardVerifier::new(key).map_err(|error| error.to_string())?;
    let known = VerifierList::new(vec![Box::new(verifier)]);
    note.verify(&known).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())?;
    let (origin, root) = (checkpoint.origin().to_owned(), ours(*checkpoint.hash()));
    Ok((origin, checkpoint.size(), root))
}
