//! The trace of a request (W3C Trace Context): that of its header `traceparent`, or of its own
//! span.

use crate::id::new_id;
use crate::traces::SpanContext;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span of `request`; `None` if it is not sampled.
pub fn span_of(request: &HttpRequest) -> Option<SpanContext> {
    request.extensions().get::<SpanContext>().copied()
}

/// The trace id of `traceparent`: 32 hexadecimal digits, not all zero. An invalid header is
/// ignored, as W3C Trace Context requires.
pub fn id(request: &HttpRequest) -> Option<&str> {
    parts(request).map(|(trace, _, _)| trace)
}

/// The sender's span in `traceparent`.
pub fn parent(request: &HttpRequest) -> Option<SpanContext> {
    let (trace, span, flags) = parts(request)?;
    let (mut trace_id, mut span_id, mut bits) = ([0; 16], [0; 8], [0; 1]);
    hex::decode_to_slice(trace, &mut trace_id).ok()?;
    hex::decode_to_slice(span, &mut span_id).ok()?;
    hex::decode_to_slice(flags, &mut bits).ok()?;
    Some(SpanContext {
        trace_id,
        span_id,
        is_sampled: bits[0] & 1 == 1,
    })
}

/// The trace, the span and the flags of `traceparent`, each in hexadecimal digits.
fn parts(request: &HttpRequest) -> Option<(&str, &str, &str)> {
    let text = request.headers().get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |part: &str, digits: usize| {
        part.len() == digits
            && part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let fits = hexadecimal(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && hexadecimal(trace, 32)
        && hexadecimal(parent, 16)
        && hexadecimal(flags, 2);
    let named = |part: &str| part.bytes().any(|byte| byte != b'0');
    (fits && named(trace) && named(parent)).then_some((trace, parent, flags))
}

/// The trace id of `traceparent` or of the request's own span, if it is sampled.
pub fn own_id(request: &HttpRequest) -> Option<String> {
    let sent = id(request).map(str::to_owned);
    sent.or_else(|| span_of(request).map(SpanContext::trace_id_hex))
}

/// The trace id of the request, or a new one.
pub fn id_or_new(request: &HttpRequest) -> String {
    own_id(request).unwrap_or_else(|| new_id().simple().to_string())
}
