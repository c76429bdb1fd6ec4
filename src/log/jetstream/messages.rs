//! The messages of the stream. One with a cart's stream as its subject is a commit; the others are
//! records of the log itself, which replicas skip.

use crate::log::shared::{HistoryHash, Sequence, SequencedCommit, decode_events, encode_events};
use crate::log::{Commit, Hash, RecordedEvent, Version, chained_hash};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// The last part of the subject of the first message, which has the identity of the log.
const LOG: &str = "log";
/// Of the digest of the secret that the nodes share.
const SECRET: &str = "secret";
/// Of a message that only serves as a barrier.
const TICK: &str = "tick";

/// The subjects of one log.
#[derive(Debug, Clone)]
pub(super) struct Subjects(String);

impl Subjects {
    pub fn of(prefix: &str) -> Subjects {
        Subjects(prefix.to_owned())
    }

    /// All subjects of the stream.
    pub fn all(&self) -> String {
        self.part("*")
    }

    pub fn commits_of(&self, stream: Uuid) -> String {
        self.part(&stream.hyphenated().to_string())
    }

    pub fn log(&self) -> String {
        self.part(LOG)
    }

    pub fn secret(&self) -> String {
        self.part(SECRET)
    }

    pub fn tick(&self) -> String {
        self.part(TICK)
    }

    /// Where nodes announce what the log has reached: outside of the stream, which keeps nothing
    /// of it.
    pub fn reached(&self) -> String {
        self.part("hint.reached")
    }

    pub(super) fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.0)
    }
}

/// The first message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogRecord {
    pub format: u32,
    pub log_id: Uuid,
}

/// The digest of the secret. The last message counts.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SecretRecord {
    pub secret_digest: Hash,
    /// Makes the message differ from every other one.
    pub id: Uuid,
}

/// A commit as a message has it, readable with `nats stream get`.
#[derive(Serialize, Deserialize)]
struct StoredCommit<'a> {
    first_version: u64,
    /// The hash of the stream's event before, so that a message can be checked by itself.
    previous_hash: Hash,
    #[serde(borrow)]
    metadata: &'a RawValue,
    #[serde(borrow)]
    events: &'a RawValue,
}

/// A message that the stream has.
#[derive(Debug, Clone)]
pub(super) struct StoredMessage {
    pub sequence: u64,
    pub subject: String,
    pub payload: bytes::Bytes,
}

/// The payload of `commit`; the error says why it cannot be stored.
pub(super) fn encode(commit: &Commit) -> Result<Vec<u8>, String> {
    let events = commit.events();
    let first = &events[0];
    let encoded = encode_events(events)?;
    let not_json = |error| format!("the metadata is not JSON: {error}");
    let stored = StoredCommit {
        first_version: first.version.0,
        previous_hash: *commit.previous_hash(),
        metadata: serde_json::from_str(&first.metadata).map_err(not_json)?,
        events: serde_json::from_str(&encoded).map_err(not_json)?,
    };
    serde_json::to_vec(&stored).map_err(not_json)
}

impl StoredMessage {
    /// The commit in the message, whose events continue each other; none in a record. The error
    /// says why it is neither.
    pub fn decode(&self) -> Result<SequencedCommit, String> {
        let last = self.subject.rsplit('.').next().unwrap_or_default();
        let sequence = Sequence(self.sequence);
        if [LOG, SECRET, TICK].contains(&last) {
            return Ok(SequencedCommit {
                sequence,
                history: HistoryHash::Entry(self.hash()),
                events: Vec::new(),
            });
        }
        let stream: Uuid = last
            .parse()
            .map_err(|_| format!("its subject {} is not one of the log", self.subject))?;
        let stored: StoredCommit<'_> =
            serde_json::from_slice(&self.payload).map_err(|error| error.to_string())?;
        let metadata: Arc<str> = stored.metadata.get().into();
        let first = Version(stored.first_version);
        let events = decode_events(stream, first, &metadata, stored.events.get())?;
        let id = verify(stored.previous_hash, &events)?;
        Ok(SequencedCommit {
            sequence,
            history: HistoryHash::Entry(id),
            events,
        })
    }

    /// A hash that no other message has.
    fn hash(&self) -> Hash {
        let mut sum = Sha256::new();
        sum.update(self.subject.as_bytes());
        sum.update("\n");
        sum.update(&self.payload);
        Hash(sum.finalize().into())
    }
}

/// The hash of the last of `events`, of which each is chained to the one before.
fn verify(previous: Hash, events: &[RecordedEvent]) -> Result<Hash, String> {
    let mut previous = previous;
    for event in events {
        let texts = [&*event.data, &*event.metadata, &*event.name];
        if texts.iter().any(|text| text.contains('\n')) {
            return Err("it has a text of several lines".to_owned());
        }
        if chained_hash(previous, event) != event.hash {
            let version = event.version;
            return Err(format!(
                "the hash of version {version} does not match its content"
            ));
        }
        previous = event.hash;
    }
    Ok(previous)
}
