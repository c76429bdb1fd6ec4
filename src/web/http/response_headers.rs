//! The response headers that the contract gives a meaning.

use actix_web::http::header::{HeaderName, HeaderValue};
use std::time::Duration;

/// How far into the log this response reaches.
pub const LOG_POSITION: HeaderName = HeaderName::from_static("log-position");
/// The response repeats that of the first request under the same idempotency key.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What a service on this backup needs beside it.
pub const BACKUP_LACKS: HeaderName = HeaderName::from_static("backup-lacks");
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Whether a page shares its browsing context with the page that opened it.
pub const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The strong entity tag of a cart at `version`.
pub fn etag(version: u64) -> HeaderValue {
    let tag = ["\"", itoa::Buffer::new().format(version), "\""].concat();
    HeaderValue::try_from(tag).expect("digits and quotes make a header value")
}

/// `Server-Timing` with the duration of each named phase, in milliseconds to three decimals.
///
/// Every command has this header. It is formatted by hand because `format!` took longer than
/// deciding the command.
pub fn server_timing(phases: &[(&str, Duration)]) -> (HeaderName, HeaderValue) {
    let mut text = String::with_capacity(64);
    for (place, (name, duration)) in phases.iter().enumerate() {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        text.push_str(if place == 0 { "" } else { ", " });
        text.push_str(name);
        text.push_str(";dur=");
        text.push_str(itoa::Buffer::new().format(micros / 1_000));
        text.push('.');
        for digit in [micros / 100 % 10, micros / 10 % 10, micros % 10] {
            text.push(char::from(b'0' + digit as u8));
        }
    }
    let value = HeaderValue::try_from(text).expect("numbers and names make a header value");
    (SERVER_TIMING, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_timing_has_milliseconds_with_three_decimals() {
        let times = [0, 7, 45, 1_000, 1_234_056].map(Duration::from_micros);
        let phases: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().zip(times).collect();
        let (_, value) = server_timing(&phases);
        assert_eq!(
            value,
            "a;dur=0.000, b;dur=0.007, c;dur=0.045, d;dur=1.000, e;dur=1234.056"
        );
    }
}
