//! Cross-origin resource sharing (Fetch standard, 3.2): which other origins may use this service
//! from a browser. None may unless it is configured.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use url::Url;

/// Request headers that a page of another origin may send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, \
     Traceparent, X-Correlation-Id",
);
/// Response headers that it may read beyond those that browsers always show.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotent-Replayed, Link, Location, Log-Position, RateLimit, RateLimit-Policy, \
     Retry-After, Server-Timing",
);
/// How long a browser may remember the answer to a preflight, in seconds. Chromium caps it there.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins that may use this service. Cookies are not shared with them: their pages send the
/// token of a cart as a bearer token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

/// The origin of a request, if it is an allowed one, and whether the request is a preflight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossOrigin {
    origin: HeaderValue,
    is_preflight: bool,
}

impl AllowedOrigins {
    /// The origins in `origins`, each of which [`is_origin`].
    pub fn new(origins: Vec<String>) -> AllowedOrigins {
        AllowedOrigins(origins)
    }

    /// Whether a browser says that the request with `headers` is of a page of an allowed origin.
    pub fn allow(&self, method: &Method, headers: &HeaderMap) -> Option<CrossOrigin> {
        let origin = headers.get(header::ORIGIN)?;
        let is_allowed = self.0.iter().any(|own| own.as_bytes() == origin.as_bytes());
        is_allowed.then(|| CrossOrigin {
            origin: origin.clone(),
            is_preflight: *method == Method::OPTIONS
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
        })
    }

    /// Adds to the headers of a response what its reader must know. `request` is what
    /// [`AllowedOrigins::allow`] said of its request.
    pub fn insert_into(&self, headers: &mut HeaderMap, request: Option<&CrossOrigin>) {
        if self.0.is_empty() {
            return;
        }
        // Also on responses to all others: a cache must not give them to an allowed origin.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(CrossOrigin {
            origin,
            is_preflight,
        }) = request
        else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        if *is_preflight && let Some(methods) = headers.get(header::ALLOW).cloned() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
    }
}

/// Whether `text` is an origin as browsers send it: scheme, host and a port that is not the
/// scheme's, without a path.
pub fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_what_browsers_send() {
        for (text, expected) in [
            ("https://shop.example", true),
            ("https://shop.example:8443", true),
            ("http://localhost:5173", true),
            ("http://[::1]:5173", true),
            ("https://shop.example/", false),
            ("https://shop.example:443", false),
            ("https://Shop.example", false),
            ("https://shop.example/cart", false),
            ("https://user@shop.example", false),
            ("shop.example", false),
            ("file:///index.html", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(is_origin(text), expected, "{text}");
        }
    }
}
