//! The id of an event in a live stream.

use crate::log::{Hash, RecordedEvent};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Bytes of the hash in an id: enough that another history has the same id by chance once in 2^64.
const PREFIX: usize = 8;

/// What an id looks like, as a regular expression.
pub const PATTERN: &str = "^[0-9]{1,18}(-[0-9a-f]{16})?$";

/// The id of an event in a live stream: `<place>-<start of its hash>`. The hash names the history:
/// a log that was restored from a backup and has continued differently has another event there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// The event's version in the stream of a cart, its position in that of the log; 0 before the
    /// first event.
    pub place: u64,
    /// Absent if the client knows only the place.
    prefix: Option<[u8; PREFIX]>,
}

impl EventId {
    /// Before the first event.
    pub const START: EventId = EventId {
        place: 0,
        prefix: None,
    };

    /// The id of the event at `place` with this hash.
    pub fn of(place: u64, hash: &Hash) -> EventId {
        let mut prefix = [0; PREFIX];
        prefix.copy_from_slice(&hash.0[..PREFIX]);
        EventId {
            place,
            prefix: Some(prefix),
        }
    }

    /// Whether this can be the id of `found`, the event at its place, if there is one. An id
    /// without a hash fits any history.
    pub fn fits(&self, found: Option<&RecordedEvent>) -> bool {
        let actual = found.map(|event| EventId::of(self.place, &event.hash));
        self.prefix.is_none() || actual == Some(*self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        match self.prefix {
            Some(prefix) => write!(f, "-{}", hex::encode(prefix)),
            None => Ok(()),
        }
    }
}

/// What is wrong with a text that is no id.
#[derive(Debug, thiserror::Error)]
#[error("it must be the id of an event: an integer, or an integer, `-` and 16 hexadecimal digits")]
pub struct InvalidEventId;

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<EventId, InvalidEventId> {
        let (place, prefix) = match text.split_once('-') {
            Some((place, prefix)) => (place, Some(parse_prefix(prefix).ok_or(InvalidEventId)?)),
            None => (text, None),
        };
        // `str::parse` accepts a plus sign as well.
        let is_decimal = place.bytes().all(|byte| byte.is_ascii_digit());
        let place = is_decimal.then(|| place.parse().ok()).flatten();
        let place = place.ok_or(InvalidEventId)?;
        Ok(EventId { place, prefix })
    }
}

fn parse_prefix(text: &str) -> Option<[u8; PREFIX]> {
    let mut prefix = [0; PREFIX];
    hex::decode_to_slice(text, &mut prefix).ok()?;
    // An id has one spelling.
    (hex::encode(prefix) == text).then_some(prefix)
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for EventId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}
