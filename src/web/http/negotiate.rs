//! Content negotiation by `Accept` (RFC 9110, 12.5.1).

use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header;

/// The media type of several events in the JSON format of CloudEvents 1.0.
pub const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";

/// A quality value in thousandths: 800 for `q=0.8`.
type Quality = u16;
const WHOLE: Quality = 1_000;

/// The form of `offers`, each with its media type, that `request` prefers. Ties go to the most
/// precise range, then to the first range, then to the first offer.
pub fn best<T: Copy>(request: &HttpRequest, offers: &[(&str, T)]) -> Result<T, Problem> {
    let mut ranges = Vec::new();
    for value in request.headers().get_all(header::ACCEPT) {
        let text = value.to_str().unwrap_or_default();
        ranges.extend(text.split(',').filter_map(Range::parse));
    }
    if ranges.is_empty() {
        ranges.push(Range::ANYTHING);
    }
    offers
        .iter()
        .enumerate()
        .filter_map(|(place, (media_type, form))| {
            let (order, range) = ranges
                .iter()
                .enumerate()
                .filter(|(_, range)| range.precision(media_type).is_some())
                .max_by_key(|(_, range)| range.precision(media_type))?;
            let rank = (
                range.quality,
                range.precision(media_type),
                usize::MAX - order,
                usize::MAX - place,
            );
            (range.quality > 0).then_some((rank, *form))
        })
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, form)| form)
        .ok_or_else(|| {
            let types: Vec<&str> = offers.iter().map(|(media_type, _)| *media_type).collect();
            Problem::new(
                Kind::NotAcceptable,
                format!("Available media types: {}.", types.join(" or ")),
            )
            .with("available", types)
        })
}

/// One element of `Accept`.
#[derive(Debug, Clone, Copy)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: Quality,
}

impl<'a> Range<'a> {
    const ANYTHING: Range<'static> = Range {
        kind: "*",
        subtype: "*",
        quality: WHOLE,
    };

    /// `None` for what is not a media range. Parameters other than `q` are ignored: no offer has
    /// any.
    fn parse(text: &'a str) -> Option<Range<'a>> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = WHOLE;
        for parameter in parts {
            if let Some((name, value)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                quality = thousandths(value.trim())?;
            }
        }
        Some(Range {
            kind,
            subtype,
            quality,
        })
    }

    /// How precisely this range matches `media_type`, or `None` if it does not.
    fn precision(&self, media_type: &str) -> Option<u8> {
        let (kind, subtype) = media_type.split_once('/')?;
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => {
                Some(2)
            }
            _ => None,
        }
    }
}

/// Parses an RFC 9110 weight: 0 or 1, with up to three decimals.
fn thousandths(text: &str) -> Option<Quality> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: Quality = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(WHOLE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const OFFERS: &[(&str, &str)] = &[
        ("application/json", "json"),
        ("application/cloudevents-batch+json", "cloud"),
        ("text/event-stream", "live"),
    ];

    #[test]
    fn most_preferred_form_is_selected() {
        for (accept, expected) in [
            ("", Some("json")),
            ("*/*", Some("json")),
            ("text/*", Some("live")),
            ("text/event-stream", Some("live")),
            ("Text/Event-Stream", Some("live")),
            (
                "text/event-stream;q=0.5, application/json;q=0.9",
                Some("json"),
            ),
            ("text/event-stream, */*;q=0.1", Some("live")),
            ("*/*, text/event-stream", Some("live")),
            ("application/json;q=0, */*", Some("cloud")),
            (
                "application/cloudevents-batch+json, application/json",
                Some("cloud"),
            ),
            ("text/event-stream;q=0", None),
            ("text/html", None),
            ("text/html, application/json;q=0.001", Some("json")),
            (
                "text/event-stream;q=2, application/json;q=0.1",
                Some("json"),
            ),
        ] {
            let request = TestRequest::default()
                .insert_header((header::ACCEPT, accept))
                .to_http_request();
            assert_eq!(best(&request, OFFERS).ok(), expected, "{accept}");
        }
    }
}
