//! The headers that have a meaning here, as the description names them.

use crate::web::http::problem::Kind;
use serde_json::{Map, Value, json};

macro_rules! headers {
    ($($header:ident { $name:literal, $schema:tt, $description:literal })+) => {
        /// A header of a request or an answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Header { $($header),+ }

        impl Header {
            const ALL: &'static [Header] = &[$(Header::$header),+];

            pub fn name(self) -> &'static str {
                match self { $(Header::$header => $name),+ }
            }

            fn schema(self) -> Value {
                match self { $(Header::$header => json!($schema)),+ }
            }

            fn description(self) -> &'static str {
                match self { $(Header::$header => $description),+ }
            }
        }
    };
}

headers! {
    Allow { "Allow", { "type": "string", "examples": ["GET, HEAD, OPTIONS"] },
        "The methods that there are." }
    CacheControl { "Cache-Control", { "type": "string", "examples": ["no-store"] },
        "Whether the answer may be kept, and for how long (RFC 9111)." }
    ContentTypeOptions { "X-Content-Type-Options", { "const": "nosniff" },
        "Nothing is to be guessed from an answer's bytes." }
    ContentSecurityPolicy { "Content-Security-Policy", { "type": "string" },
        "What the page may load: from this service alone, and no code in the markup." }
    CorrelationId { "X-Correlation-Id", { "type": "string", "format": "uuid" },
        "The conversation that the sender counts this request to. It stands in the metadata of the events that come of it." }
    Etag { "ETag", { "type": "string", "pattern": "^\"[^\"]+\"$", "examples": ["\"7\""] },
        "What this is the state of, a strong tag (RFC 9110). Of a cart it is the version." }
    IdempotencyKey { "Idempotency-Key", {
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-\\[\\]-~]+$",
            "examples": ["b1e6a7c0-5d5c-4b39-9a0e-7f2d6a3c1f10"]
        },
        "Makes repeating safe: the same request under the same key takes effect once and gets the same answer, also after a restart. Of visible ASCII, bare or as a quoted string." }
    IdempotentReplayed { "Idempotent-Replayed", { "const": "true" },
        "The key came with this request before: this is its answer, and nothing has happened again." }
    IfMatch { "If-Match", {
            "type": "string", "pattern": "^(\\*|(W/)?\"[!#-~]*\"(, (W/)?\"[!#-~]*\")*)$", "examples": ["\"7\""]
        },
        "The `ETag` of the cart that the sender has seen. At any other version nothing happens." }
    IfNoneMatch { "If-None-Match", {
            "type": "string", "pattern": "^(\\*|(W/)?\"[!#-~]*\"(, (W/)?\"[!#-~]*\")*)$", "examples": ["\"7\""]
        },
        "The `ETag` of what the client has already: if that is still so, the answer is 304." }
    LastEventId { "Last-Event-ID", { "type": "string", "pattern": "^[0-9]{1,18}$", "examples": ["42"] },
        "Of a live stream: the id of the last event that was received. The stream goes on right after it." }
    Link { "Link", { "type": "string" },
        "The next page, as `rel=\"next\"` (RFC 8288); absent at the end." }
    Location { "Location", { "type": "string", "format": "uri-reference" },
        "Where it is." }
    LogPosition { "Log-Position", { "type": "integer", "minimum": 0, "examples": [1042] },
        "Of a command's answer: the position of the last event that it wrote. Of a read: how far in the log the view is." }
    OpenerPolicy { "Cross-Origin-Opener-Policy", { "type": "string" },
        "Other windows cannot reach into the page." }
    Prefer { "Prefer", { "type": "string", "examples": ["wait=5"] },
        "`wait=n`: how many seconds a read with `min_version` waits for the view, at most 5, 1 if nothing is said. `return=minimal`: a command may answer 204 without a body (RFC 7240)." }
    PreferenceApplied { "Preference-Applied", { "const": "return=minimal" },
        "The preference that was followed." }
    RateLimit { "RateLimit", { "type": "string", "examples": ["\"commands\";r=5999;t=1"] },
        "What is left of the limit, and in how many seconds it is whole again (IETF draft ratelimit-headers). Only where the sender is limited." }
    RateLimitPolicy { "RateLimit-Policy", { "type": "string", "examples": ["\"commands\";q=6000;w=60"] },
        "The limit and its window in seconds." }
    ReferrerPolicy { "Referrer-Policy", { "type": "string" },
        "Addresses of carts stay on this site." }
    RetryAfter { "Retry-After", { "type": "integer", "minimum": 1, "examples": [1] },
        "After how many seconds to try again." }
    ServerTiming { "Server-Timing", { "type": "string", "examples": ["decide;dur=0.041, append;dur=0.873"] },
        "How long it took, in milliseconds: `decide` and `append` of a command, `view` of a read." }
    SetCookie { "Set-Cookie", { "type": "string" },
        "What lets this browser in, out of reach for scripts: a cart's token, for that cart's paths alone; or the operator's session." }
    Traceparent { "traceparent", {
            "type": "string", "examples": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
        },
        "The trace that this request belongs to (W3C Trace Context). It stands in the events' metadata and in every problem. An invalid one is passed over." }
    Vary { "Vary", { "type": "string" },
        "The request's header that the form of the answer depends on." }
    WwwAuthenticate { "WWW-Authenticate", { "type": "string", "examples": ["Bearer realm=\"operator\""] },
        "What is asked for (RFC 6750)." }
}

impl Header {
    /// The headers that problems of some types have beside those that every answer has.
    pub const OF_PROBLEMS: &'static [(Header, &'static [Kind])] = &[
        (Header::Allow, &[Kind::MethodNotAllowed]),
        (Header::Etag, &[Kind::VersionMismatch]),
        (Header::RateLimit, &[Kind::TooManyRequests]),
        (Header::RateLimitPolicy, &[Kind::TooManyRequests]),
        (
            Header::RetryAfter,
            &[
                Kind::TooManyRequests,
                Kind::TooManyStreams,
                Kind::LogUnavailable,
                Kind::OutcomeUnknown,
                Kind::Overloaded,
                Kind::ViewBehind,
                Kind::ViewUnavailable,
            ],
        ),
        (Header::WwwAuthenticate, &[Kind::OperatorOnly]),
    ];

    /// References to the components of `headers`, as an answer has them: `always`, or where they
    /// apply.
    pub fn components(headers: &[Header], always: bool) -> Map<String, Value> {
        let suffix = if always { "" } else { ".optional" };
        headers
            .iter()
            .map(|header| {
                let name = header.name();
                let reference = format!("#/components/headers/{name}{suffix}");
                (name.to_owned(), json!({ "$ref": reference }))
            })
            .collect()
    }

    /// The header as a parameter of a request.
    pub fn parameter(self, required: bool) -> Value {
        json!({
            "name": self.name(),
            "in": "header",
            "description": self.description(),
            "required": required,
            "schema": self.schema(),
        })
    }

    /// All headers of answers, for the components.
    pub fn all() -> Map<String, Value> {
        let described = |header: &Header, required: bool| {
            json!({
                "description": header.description(),
                "required": required,
                "schema": header.schema(),
            })
        };
        Header::ALL
            .iter()
            .flat_map(|header| {
                let name = header.name();
                [
                    (name.to_owned(), described(header, true)),
                    (format!("{name}.optional"), described(header, false)),
                ]
            })
            .collect()
    }
}
