//! A witness by itself: what `cartlog witness` cosigns, and whose cosignatures are accepted.

use crate::witness::witness;
use crate::witness_oracle::is_cosigned;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlog::log::Hash;
use cartlog::merkle::{self, Subtrees};
use cartlog::proof::{
    Refusal, SignedTreeHead, SigningKey, TreeHead, VerifierKey, Witness, WitnessKey,
};
use cartlog_testkit::load::http_client;
use cartlog_testkit::tree_oracle::{OracleTree, accepts_consistency};
use std::fs;

/// A tree in memory.
struct Leaves(Vec<Hash>);

impl Subtrees for Leaves {
    type Error = std::convert::Infallible;

    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let first = usize::try_from(index << level).unwrap();
        let leaves = &self.0[first..first + (1 << level)];
        let leaves: Vec<Hash> = leaves
            .iter()
            .map(|entry| merkle::leaf_hash(*entry))
            .collect();
        Ok(merkle::tile_root(&leaves))
    }
}

fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let hashes: String = proof
        .iter()
        .map(|it| STANDARD.encode(it.0) + "\n")
        .collect();
    format!("old {old}\n{hashes}\n{note}")
}

/// Contract (tools): `cartlog witness` responds as C2SP tlog-witness demands, and an independent
/// implementation verifies its cosignatures.
#[tokio::test]
async fn witness_keeps_the_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let log = SigningKey::new("shop.example/log", [7; 32]);
    let other_key = SigningKey::new("shop.example/log", [8; 32]);
    let other_log = SigningKey::new("other.example/log", [7; 32]);
    let running = witness(folder.path(), &log.verifier().to_string());
    let vkey = running.startup_lines[0].clone();
    let entries: Vec<Hash> = (0..40).map(|place| Hash([place; 32])).collect();
    let oracle = OracleTree::of(&entries);
    let head = |size: u64| TreeHead {
        size,
        root: oracle.root_at(size),
    };
    let note = |size: u64, key: &SigningKey| SignedTreeHead::sign(head(size), &[key]).note;
    let forged = TreeHead {
        size: 20,
        root: Hash([1; 32]),
    };
    let forged = SignedTreeHead::sign(forged, &[&log]).note;
    let path =
        |from, to| merkle::consistency_proof(&mut Leaves(entries.clone()), from, to).unwrap();
    let client = http_client();
    let url = format!("http://{}/add-checkpoint", running.address);
    let steps = [
        (request(0, &[], &note(13, &log)), 200),
        (request(13, &[], &note(13, &log)), 200),
        (request(0, &[], &note(13, &log)), 409),
        (request(13, &path(13, 20), &note(20, &other_log)), 404),
        (request(13, &path(13, 20), &note(20, &other_key)), 403),
        (request(13, &path(12, 20), &note(20, &log)), 422),
        (request(13, &path(13, 20)[1..], &note(20, &log)), 422),
        (request(13, &path(13, 20), &forged), 422),
        (request(13, &[], &note(12, &log)), 400),
        (request(13, &[Hash([0; 32]); 64], &note(20, &log)), 400),
        (note(20, &log), 400),
        (request(13, &path(13, 20), &note(20, &log)), 200),
        (request(20, &[], &forged), 409),
        (request(13, &path(13, 21), &note(21, &log)), 409),
        (request(20, &path(20, 40), &note(40, &log)), 200),
    ];
    let mut last = 0;
    for (body, expected) in steps {
        let answer = client.post(&url).body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{body}");
        let content_type = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let answer = answer.text().await.unwrap();
        if expected == 200 {
            let (_, note) = body.split_once("\n\n").unwrap();
            assert!(is_cosigned(&format!("{note}{answer}"), &vkey), "{answer}");
            last = SignedTreeHead::read(note).unwrap().head.size;
        } else if expected == 409 {
            assert_eq!(
                (answer, &*content_type),
                (format!("{last}\n"), "text/x.tlog.size")
            );
        }
    }
    assert_eq!(running.exit_on_signal("TERM").code(), Some(0));
}

/// A checkpoint of the public log Arche (staging, 2025h1) with the cosignatures of two public
/// witnesses, as they were published.
const PUBLISHED: &str = concat!(
    "arche2025h1.staging.ct.transparency.dev\n1432088532\n",
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n",
    "\u{2014} arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefw",
    "hUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n",
    "\u{2014} witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH",
    "+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n",
    "\u{2014} remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI",
    "+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n",
);

/// Contract (tools): Cosignatures of public witnesses are accepted, and none that was altered.
#[test]
fn cosignature_of_a_public_witness_is_verified() {
    let key = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let key: WitnessKey = key.parse().unwrap();
    let checkpoint = SignedTreeHead::read(PUBLISHED).unwrap();
    let cosignature = checkpoint.cosignature(&key).unwrap();
    assert_eq!(
        cosignature.at.to_text().as_str(),
        "2026-05-23T21:50:24.000Z"
    );
    assert!(PUBLISHED.ends_with(&cosignature.line));
    for (part, altered) in [
        ("1432088532", "1432088533"),
        ("U7WM79", "U7WM78"),
        ("AAAABqEiEgPlfF", "AAAABqEiEhPlfF"),
        ("DrAWfBw==", "DrAWfBg=="),
    ] {
        let note = PUBLISHED.replace(part, altered);
        let altered = SignedTreeHead::read(&note).unwrap();
        assert!(altered.cosignature(&key).is_err(), "{note}");
    }
    let plain: Result<VerifierKey, _> = key.to_string().parse();
    assert!(plain.is_err(), "a witness's key is none of a log");
}

/// Promise (proof): A witness cosigns exactly the checkpoints that extend its last one, also after
/// a restart, and never without its last checkpoint.
/// Fault: The file of its last checkpoint, or of its key, is removed; it is opened for another log.
/// Control: The oracle says which proofs extend.
#[test]
fn witness_cosigns_exactly_what_extends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.key");
    let log = SigningKey::new("shop.example/log", [7; 32]);
    let open = |log: &VerifierKey| Witness::open(&path, Some("witness.example/w1"), log.clone(), 1);
    let mut dice = cartlog_testkit::seed::Dice(23);
    let trees = [0_u8, 1].map(|tree| {
        let entry = |place| {
            Hash(
                [if place < 25 {
                    place
                } else {
                    place + 100 * tree
                }; 32],
            )
        };
        (0..60).map(entry).collect::<Vec<Hash>>()
    });
    let oracles = trees.each_ref().map(|entries| OracleTree::of(entries));
    let mut last = (0_u64, None);
    let (mut cosigned, mut refused) = (0, 0);
    for turn in 0..100 {
        let mut witness = open(log.verifier()).unwrap();
        for _ in 0..4 {
            let tree = dice.below(2);
            let size = (last.0 + dice.below(4) as u64).min(60);
            let (old, root) = (last.0, oracles[tree].root_at(size));
            let mut leaves = Leaves(trees[tree].clone());
            let path = merkle::consistency_proof(&mut leaves, old, size).unwrap();
            let extends = match last.1 {
                None => true,
                Some(old_root) => accepts_consistency(&path, (old, old_root), (size, root)),
            };
            let note = SignedTreeHead::sign(TreeHead { size, root }, &[&log]).note;
            let outcome = witness.add_checkpoint(&request(old, &path, &note), turn);
            assert_eq!(
                outcome.is_ok(),
                extends,
                "{old} to {size} of {tree}: {outcome:?}"
            );
            match outcome {
                Ok(_) if size > 0 => last = (size, Some(root)),
                Ok(_) => {}
                Err(Refusal::Inconsistent | Refusal::Conflict(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            cosigned += u32::from(extends);
        }
    }
    assert!(
        last.0 == 60 && cosigned > 50 && refused > 50,
        "{cosigned} {refused}"
    );
    let stranger = SigningKey::new("other.example/log", [7; 32]);
    let error = open(stranger.verifier()).unwrap_err().to_string();
    assert!(error.contains("is of the log shop.example/log"), "{error}");
    for file in ["witness.key", "witness.key.checkpoint"] {
        let file = folder.path().join(file);
        let kept = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let error = open(log.verifier()).unwrap_err().to_string();
        assert!(error.contains("one is missing"), "{error}");
        fs::write(&file, kept).unwrap();
    }
    assert!(open(log.verifier()).is_ok());
}
