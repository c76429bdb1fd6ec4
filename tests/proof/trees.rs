//! Trees, proofs and notes against the oracles, without a service.

use cartlog::log::Hash;
use cartlog::merkle::{
    Frontier, Subtrees, TilePath, consistency_proof, inclusion_proof, leaf_hash, node_hash, root,
    verify_consistency, verify_inclusion,
};
use cartlog::proof::{SignedTreeHead, SigningKey, TreeHead, VerifierKey};
use cartlog_testkit::tree_oracle::{
    OracleTree, accepts_consistency, accepts_inclusion, open_checkpoint, ours,
};
use proptest::prelude::*;

/// A tree that keeps its leaves alone.
struct Leaves(Vec<Hash>);

impl Subtrees for Leaves {
    type Error = std::convert::Infallible;

    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        if level == 0 {
            return Ok(leaf_hash(self.0[usize::try_from(index).unwrap()]));
        }
        let left = self.subtree(level - 1, 2 * index)?;
        Ok(node_hash(left, self.subtree(level - 1, 2 * index + 1)?))
    }
}

fn entries(size: usize, seed: u8) -> Vec<Hash> {
    let entry = |index: usize| {
        let mut bytes = [seed; 32];
        bytes[..8].copy_from_slice(&(index as u64).to_be_bytes());
        Hash(bytes)
    };
    (0..size).map(entry).collect()
}

fn flipped(hash: Hash, bit: usize) -> Hash {
    let mut bytes = hash.0;
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Promise (proof): Every inclusion proof holds for its event, position and log alone.
    /// Fault: A flipped bit in the path, the event or the root, and another position or size
    /// Control: The unchanged proof is accepted by Cloudflare's tlog_tiles, a port of Go's.
    #[test]
    fn inclusion_proofs_hold_for_their_event_alone(
        size in 1_usize..700, place in any::<prop::sample::Index>(), seed: u8,
        bit in 0_usize..256, part in any::<prop::sample::Index>(), other in 0_u64..700,
    ) {
        let entries = entries(size, seed);
        let (index, oracle) = (place.index(size), OracleTree::of(&entries));
        let (entry, size, index) = (entries[index], size as u64, index as u64);
        let mut tree = Leaves(entries);
        let top = root(&mut tree, size).unwrap();
        prop_assert_eq!(top, oracle.root_at(size));
        let path = inclusion_proof(&mut tree, index, size).unwrap();
        let theirs = tlog_tiles::prove_record(size, index, &oracle).unwrap();
        prop_assert_eq!(&path, &theirs.into_iter().map(ours).collect::<Vec<_>>());
        let both = |path: &[Hash], (size, top): (u64, Hash), index: u64, entry: Hash| {
            let accepted = verify_inclusion(index, size, leaf_hash(entry), path, top);
            assert_eq!(accepted, accepts_inclusion(path, (size, top), index, entry));
            accepted
        };
        prop_assert!(both(&path, (size, top), index, entry));
        prop_assert!(!both(&path, (size, flipped(top, bit)), index, entry));
        prop_assert!(!both(&path, (size, top), index, flipped(entry, bit)));
        if !path.is_empty() {
            let mut altered = path.clone();
            let part = part.index(path.len());
            altered[part] = flipped(altered[part], bit);
            prop_assert!(!both(&altered, (size, top), index, entry));
            prop_assert!(!both(&path[1..], (size, top), index, entry));
        }
        if other != index {
            prop_assert!(!both(&path, (size, top), other, entry));
        }
        // A path of another shape does not fit; of the same shape the size is not in it.
        let fits = verify_inclusion(index, other, leaf_hash(entry), &path, top);
        prop_assert_eq!(fits, accepts_inclusion(&path, (other, top), index, entry));
    }

    /// Promise (proof): Every consistency proof holds for its two logs alone.
    /// Fault: A flipped bit in the proof or a root, and another size
    /// Control: The unchanged proof is accepted by Cloudflare's tlog_tiles, a port of Go's.
    #[test]
    fn consistency_proofs_hold_for_their_logs_alone(
        to in 1_usize..700, place in any::<prop::sample::Index>(), seed: u8,
        bit in 0_usize..256, part in any::<prop::sample::Index>(), other in 1_u64..700,
    ) {
        let entries = entries(to, seed);
        let oracle = OracleTree::of(&entries);
        let (from, to) = (place.index(to) as u64 + 1, to as u64);
        let mut tree = Leaves(entries);
        let old = (from, root(&mut tree, from).unwrap());
        let new = (to, root(&mut tree, to).unwrap());
        let proof = consistency_proof(&mut tree, from, to).unwrap();
        let both = |proof: &[Hash], old: (u64, Hash), new: (u64, Hash)| {
            let accepted = verify_consistency(old, new, proof);
            assert_eq!(accepted, accepts_consistency(proof, old, new), "{old:?} {new:?}");
            accepted
        };
        prop_assert_eq!(old.1, oracle.root_at(from));
        prop_assert!(both(&proof, old, new));
        prop_assert!(!both(&proof, (from, flipped(old.1, bit)), new));
        prop_assert!(!both(&proof, old, (to, flipped(new.1, bit))));
        if !proof.is_empty() {
            let mut altered = proof.clone();
            let part = part.index(proof.len());
            altered[part] = flipped(altered[part], bit);
            prop_assert!(!both(&altered, old, new));
            prop_assert!(!both(&proof[1..], old, new));
        }
        if other != from {
            prop_assert!(!both(&proof, (other, old.1), new));
        }
    }
}

#[test]
fn tree_that_grows_has_the_root_of_the_oracle() {
    let entries = entries(600, 7);
    let oracle = OracleTree::of(&entries);
    let mut tree = Frontier::default();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(tree.root(), oracle.root_at(index as u64), "{index}");
        tree.push(leaf_hash(*entry));
    }
    assert_eq!((tree.size(), tree.root()), (600, oracle.root_at(600)));
}

#[test]
fn tile_paths_have_one_spelling() {
    for (path, entries) in [
        ("0/000", Some(256)),
        ("0/000.p/1", Some(1)),
        ("1/001.p/2", Some(258 * 256)),
        ("0/x001/x234/067", Some(1_234_068 * 256)),
        ("entries/x001/000.p/255", Some(256_255)),
        ("63/000", None),
    ] {
        let parsed = TilePath::parse(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(parsed.to_string(), path);
        assert_eq!(parsed.entries(), entries, "{path}");
    }
    for path in [
        "",
        "0",
        "0/",
        "/000",
        "0/0",
        "0/00",
        "0/0000",
        "00/000",
        "64/000",
        "0/x000/000",
        "0/001/000",
        "0/x1/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "-1/000",
        "0/+00",
        "data/000",
        "0/000.p/1/",
        "0/x001/x000",
        "0/99999999999999999999",
    ] {
        assert_eq!(TilePath::parse(path), None, "{path}");
    }
}

/// Another implementation reads the notes that are signed here, and the other way round.
#[test]
fn notes_and_keys_are_those_of_the_format() {
    let head = TreeHead {
        size: 5,
        root: Hash([3; 32]),
    };
    let key = SigningKey::new("shop.example/log", [9; 32]);
    let other = SigningKey::new("shop.example/log", [8; 32]);
    let signed = SignedTreeHead::sign(head, &[&key, &other]);
    for verifier in [key.verifier(), other.verifier()] {
        let name = "shop.example/log".to_owned();
        let opened = open_checkpoint(&signed.note, &verifier.to_string());
        assert_eq!(opened, Ok((name, 5, head.root)));
        assert_eq!(
            SignedTreeHead::open(&signed.note, verifier).unwrap(),
            signed
        );
        assert_eq!(
            verifier.to_string().parse::<VerifierKey>().as_ref(),
            Ok(verifier)
        );
    }
    let stranger = SigningKey::new("shop.example/log", [7; 32]);
    SignedTreeHead::open(&signed.note, stranger.verifier()).unwrap_err();
    for (place, _) in signed.note.char_indices() {
        let mut altered = signed.note.clone().into_bytes();
        altered[place] ^= 1;
        let Ok(altered) = String::from_utf8(altered) else {
            continue;
        };
        let opened = SignedTreeHead::open(&altered, key.verifier());
        let is_other_signature = altered.rfind("log ").is_some_and(|start| start < place);
        let is_other_line = altered.lines().last() != signed.note.lines().last();
        assert!(
            opened.is_err() || is_other_signature || is_other_line,
            "{altered}"
        );
        if let Ok(opened) = opened {
            assert_eq!(opened.head, head, "{altered}");
        }
    }
    // The example of the specification.
    let text = "This is an example message.\n";
    let note = format!(
        "{text}\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E\
         RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    );
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let key: VerifierKey = key.parse().unwrap();
    assert_eq!(key.open(&note), Ok(text));
}
