//! Events and their place: in the log, in their stream, and in the stream's chain of hashes.

use super::hash::Hash;
use crate::decider::Event;
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// A place in the whole log, from 1; 0 is before the first event.
///
/// Positions are dense in every engine of this crate: the event after position `n` is at `n + 1`.
/// Progress and lag count events by their difference; everything else relies on the order alone.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema,
)]
#[serde(transparent)]
#[schemars(
    inline,
    description = "Position in the log, from 1; 0 is before the first event."
)]
pub struct Position(pub u64);

/// A place in one stream, from 1 and without gaps; 0 is before the first event.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Version(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as the log stores it. Cheap to clone: the texts are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    pub position: Position,
    pub stream: Uuid,
    pub version: Version,
    pub name: Cow<'static, str>,
    pub schema: u32,
    pub recorded_at: Timestamp,
    /// The event's data, one line of JSON.
    pub data: Arc<str>,
    /// The metadata of the event's commit, one line of JSON, shared by the events of the commit.
    pub metadata: Arc<str>,
    /// See [`chained_hash`].
    pub hash: Hash,
}

/// An event that is not in the log yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub name: Cow<'static, str>,
    pub schema: u32,
    pub data: String,
}

impl NewEvent {
    /// Encodes `event` for storage.
    pub fn of(event: &impl Event) -> NewEvent {
        NewEvent {
            name: event.name().into(),
            schema: event.schema(),
            data: event.data(),
        }
    }
}

/// The end of a stream as a reader has seen it: the next commit is chained to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub version: Version,
    /// The last event's hash; [`Hash::ZERO`] before the first.
    pub hash: Hash,
    /// The last event's time. The next event is recorded no earlier, whatever the clock shows.
    pub recorded_at: Timestamp,
}

impl Head {
    /// The end of a stream without events.
    pub const START: Head = Head {
        version: Version(0),
        hash: Hash::ZERO,
        recorded_at: Timestamp::MIN,
    };

    /// The end of the stream once `event` is its last.
    pub fn at(event: &RecordedEvent) -> Head {
        Head {
            version: event.version,
            hash: event.hash,
            recorded_at: event.recorded_at,
        }
    }
}

/// The hash of `event`, chained to the event before it in its stream, whose hash is `previous`:
/// SHA-256 over [`hashed_text`]. A changed, removed or moved event breaks every later hash of its
/// stream.
pub fn chained_hash(previous: Hash, event: &RecordedEvent) -> Hash {
    let mut sum = Sha256::new();
    each_part(previous, event, |part| sum.update(part));
    Hash(sum.finalize().into())
}

/// What the hash of `event` is computed from.
///
/// Eight lines of text, joined by line feeds without a trailing one: the previous hash in
/// hexadecimal, the stream, the version, the name, the schema, the time, the data and the metadata.
/// The position is left out because a shared log assigns it after the append. No field contains a
/// line feed, so no two events give the same text.
pub fn hashed_text(previous: Hash, event: &RecordedEvent) -> String {
    let mut text = Vec::new();
    each_part(previous, event, |part| text.extend_from_slice(part));
    String::from_utf8(text).expect("all parts are texts")
}

/// Gives each part of the text in turn, so that hashing copies none of it.
fn each_part(previous: Hash, event: &RecordedEvent, mut part: impl FnMut(&[u8])) {
    assert!(
        !(event.data.contains('\n') || event.metadata.contains('\n') || event.name.contains('\n')),
        "an event's texts are single lines"
    );
    part(&previous.hex());
    part(b"\n");
    let mut stream = [0; uuid::fmt::Hyphenated::LENGTH];
    let stream = event.stream.as_hyphenated().encode_lower(&mut stream);
    part(stream.as_bytes());
    part(b"\n");
    part(event.version.to_string().as_bytes());
    part(b"\n");
    part(event.name.as_bytes());
    part(b"\n");
    part(event.schema.to_string().as_bytes());
    part(b"\n");
    part(event.recorded_at.to_text().as_str().as_bytes());
    part(b"\n");
    part(event.data.as_bytes());
    part(b"\n");
    part(event.metadata.as_bytes());
}
