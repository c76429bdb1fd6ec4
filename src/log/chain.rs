//! The chain of hashes in each stream: no event can be changed, left out or put elsewhere without
//! every later hash of its stream telling.

use super::RecordedEvent;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// A SHA-256 sum. That function, since a browser can check it (`crypto.subtle.digest`) and so can a
/// shell (`sha256sum`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first event of a stream is chained to.
    pub const ZERO: Hash = Hash([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex::serde::deserialize(deserializer).map(Hash)
    }
}

impl JsonSchema for Hash {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Hash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256." })
    }
}

impl Hash {
    fn hex(&self) -> [u8; 64] {
        let mut hex = [0; 64];
        hex::encode_to_slice(self.0, &mut hex).expect("32 bytes are 64 hexadecimal digits");
        hex
    }
}

/// The hash of `event` behind an event whose hash is `previous`: SHA-256 over eight lines of text,
/// joined by line feeds without one at the end: the previous hash in hexadecimal, the stream, the
/// version, the name, the schema, the time, the data and the metadata. None of them can hold a
/// line feed, so no two events give the same text.
pub fn chained_hash(previous: Hash, event: &RecordedEvent) -> Hash {
    assert!(
        !(event.data.contains('\n') || event.metadata.contains('\n') || event.name.contains('\n')),
        "an event's texts are single lines"
    );
    let mut sum = Sha256::new();
    sum.update(previous.hex());
    sum.update("\n");
    sum.update(
        event
            .stream
            .as_hyphenated()
            .encode_lower(&mut [0; uuid::fmt::Hyphenated::LENGTH]),
    );
    sum.update("\n");
    sum.update(event.version.to_string());
    sum.update("\n");
    sum.update(event.name.as_bytes());
    sum.update("\n");
    sum.update(event.schema.to_string());
    sum.update("\n");
    sum.update(event.recorded_at.to_text().as_str());
    sum.update("\n");
    sum.update(event.data.as_bytes());
    sum.update("\n");
    sum.update(event.metadata.as_bytes());
    Hash(sum.finalize().into())
}
