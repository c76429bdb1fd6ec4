//! UTC timestamps with millisecond precision.

use chrono::{DateTime, Datelike, Timelike};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A UTC time with millisecond precision, written as RFC 3339 in a fixed width
/// (`2026-11-23T09:30:00.000Z`), so that sorting the texts sorts the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// From 0000-01-01 to the last millisecond of 9999: the years that four digits can hold.
    const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

    /// The earliest time that can be represented.
    pub const MIN: Timestamp = Timestamp(*Self::RANGE.start());

    /// The current time of the system clock, which may be before 1970: chrono's own panics then.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(match since_epoch {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        })
    }

    /// `millis` since the Unix epoch, clamped to the years 0 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Timestamp(millis.clamp(*Self::RANGE.start(), *Self::RANGE.end()))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The time `duration` later.
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis().saturating_add(millis))
    }

    /// The duration until `later`; zero if that is earlier.
    pub fn until(self, later: Timestamp) -> Duration {
        let millis = later.millis().saturating_sub(self.millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Parses any RFC 3339 time and truncates it to milliseconds.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self::from_millis(time.timestamp_millis()))
            .map_err(|_| InvalidTimestamp)
    }

    /// Formats the time without an allocation, since formatting shows in the cost of a command.
    pub fn to_text(self) -> TimestampText {
        let time = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, digits: usize, mut value: u32| {
            for place in (at..at + digits).rev() {
                text[place] = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, 4, time.year().unsigned_abs());
        put(5, 2, time.month());
        put(8, 2, time.day());
        put(11, 2, time.hour());
        put(14, 2, time.minute());
        put(17, 2, time.second());
        put(20, 3, time.timestamp_subsec_millis());
        TimestampText(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_str())
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        Timestamp::parse(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to_text().as_str())
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A [`Timestamp`] as 24 characters of text.
#[derive(Debug, Clone, Copy)]
pub struct TimestampText([u8; 24]);

impl TimestampText {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a timestamp is ASCII")
    }
}

/// A text is not an RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time must be in RFC 3339 format, such as 2026-11-23T09:30:00.000Z")]
pub struct InvalidTimestamp;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc_3339_of_fixed_width_and_parses_back() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (1_795_426_200_123, "2026-11-23T09:30:00.123Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
        ] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::parse(text), Ok(time));
        }
    }

    #[test]
    fn parse_accepts_other_zones_and_precisions() {
        let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        assert_eq!(
            Timestamp::parse("2026-11-23T13:00:00.0000001+01:00"),
            Ok(noon)
        );
        for bad in ["", "2026-11-23", "yesterday", "2026-13-01T00:00:00Z"] {
            assert_eq!(Timestamp::parse(bad), Err(InvalidTimestamp));
        }
    }
}
