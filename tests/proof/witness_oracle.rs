//! A witness and a verifier of cosignatures, made of other implementations: `signed_note` signs,
//! verifies and parses, `tlog_tiles` checks consistency.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlog::log::Hash;
use cartlog::proof::SigningKey;
use cartlog_testkit::receiver::Reply;
use cartlog_testkit::tree_oracle::{accepts_consistency, open_checkpoint};
use signed_note::{
    Note, Signature, Signer as _, StandardSigner, StandardVerifier, Verifier, VerifierList, key_id,
};

/// The type of cosignatures, and that of the signatures that the library knows.
const COSIGNATURE: u8 = 4;
const NOTE: u8 = 1;

fn message(time: u64, text: &[u8]) -> Vec<u8> {
    let head = format!("cosignature/v1\ntime {time}\n");
    [head.as_bytes(), text].concat()
}

/// Verifies cosignatures of one key.
struct CosignatureVerifier {
    name: String,
    id: u32,
    inner: StandardVerifier,
}

impl CosignatureVerifier {
    fn new(vkey: &str) -> CosignatureVerifier {
        let [name, id, key] = vkey.splitn(3, '+').collect::<Vec<_>>().try_into().unwrap();
        let key = STANDARD.decode(key).unwrap();
        assert_eq!(key[0], COSIGNATURE);
        let id = u32::from_str_radix(id, 16).unwrap();
        assert_eq!(id, key_id(name, &key));
        let key = [&[NOTE], &key[1..]].concat();
        let (plain_id, key) = (key_id(name, &key), STANDARD.encode(&key));
        CosignatureVerifier {
            name: name.to_owned(),
            id,
            inner: StandardVerifier::new(&format!("{name}+{plain_id:08x}+{key}")).unwrap(),
        }
    }
}

impl Verifier for CosignatureVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk() else {
            return false;
        };
        let time = u64::from_be_bytes(*time);
        self.inner.verify(&message(time, text), signature)
    }
}

/// Whether the witness with this key has cosigned `note`, by the oracle.
pub fn is_cosigned(note: &str, vkey: &str) -> bool {
    let note = Note::from_bytes(note.as_bytes()).unwrap();
    let known = VerifierList::new(vec![Box::new(CosignatureVerifier::new(vkey))]);
    note.verify(&known).is_ok()
}

/// A witness of one log, which keeps the rules of tlog-witness.
pub struct OracleWitness {
    signer: StandardSigner,
    id: u32,
    pub vkey: String,
    /// The key of the log, once that is known.
    pub log: String,
    pub last: (u64, Option<Hash>),
}

impl OracleWitness {
    pub fn new(name: &str, seed: u8) -> OracleWitness {
        let key = SigningKey::new(name, [seed; 32]);
        let public = key.verifier().to_string();
        let public = public.rsplit_once('+').unwrap().1;
        let public = STANDARD.decode(public).unwrap();
        let public = [&[COSIGNATURE], &public[1..]].concat();
        let id = key_id(name, &public);
        OracleWitness {
            signer: StandardSigner::new(key.to_text().trim()).unwrap(),
            id,
            vkey: format!("{name}+{id:08x}+{}", STANDARD.encode(&public)),
            log: String::new(),
            last: (0, None),
        }
    }

    /// The line by which it cosigns `text`, whatever that is.
    pub fn cosign(&self, text: &[u8], time: u64) -> String {
        let signature = self.signer.sign(&message(time, text)).unwrap();
        let timed = [&time.to_be_bytes()[..], &signature].concat();
        let line = Signature::new(self.signer.name().to_owned(), self.id, timed).unwrap();
        String::from_utf8(line.to_bytes()).unwrap()
    }

    /// Its reply to the body of an `add-checkpoint`.
    pub fn reply(&mut self, body: &str) -> Reply {
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old: u64 = old.unwrap().parse().unwrap();
        let proof: Vec<Hash> = lines
            .map(|line| Hash(STANDARD.decode(line).unwrap().try_into().unwrap()))
            .collect();
        let Ok((_, size, root)) = open_checkpoint(note, &self.log) else {
            return Reply::Text(403, String::new());
        };
        let (last, last_root) = self.last;
        if old > size {
            return Reply::Text(400, String::new());
        }
        if old != last || (old == size && last_root.is_some_and(|last| last != root)) {
            return Reply::Text(409, format!("{last}\n"));
        }
        let extends = match last_root {
            None => proof.is_empty(),
            Some(last_root) => accepts_consistency(&proof, (last, last_root), (size, root)),
        };
        if !extends {
            return Reply::Text(422, String::new());
        }
        self.last = (size, Some(root));
        let note = Note::from_bytes(note.as_bytes()).unwrap();
        Reply::Text(200, self.cosign(note.text(), 1_700_000_000))
    }
}
