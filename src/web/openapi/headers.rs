//! The documented request and response headers.

use super::examples;
use crate::web::http::event_id;
use crate::web::http::problem::Kind;
use serde_json::{Map, Value, json};

macro_rules! headers {
    ($($header:ident { $name:literal, $schema:tt, $description:literal })+) => {
        /// A request or response header.
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
    AccelBuffering { "X-Accel-Buffering", { "const": "no" },
        "A live stream: reverse proxies must pass each event on at once." }
    Allow { "Allow", { "type": "string", "examples": ["GET, HEAD, OPTIONS"] },
        "The supported methods." }
    BackupLacks { "Backup-Lacks", { "const": "secret, signing-key" },
        "What a service on this backup needs beside it, and this response does not have." }
    CacheControl { "Cache-Control", { "type": "string", "examples": ["no-store"] },
        "Whether and how long the response may be cached (RFC 9111)." }
    ContentTypeOptions { "X-Content-Type-Options", { "const": "nosniff" },
        "Browsers must not guess the media type." }
    ContentSecurityPolicy { "Content-Security-Policy", { "type": "string" },
        "What the page may load: only from this service, no inline scripts." }
    CorrelationId { "X-Correlation-Id", { "type": "string", "format": "uuid" },
        "Correlates related requests. It is stored in the metadata of the resulting events." }
    Etag { "ETag", { "type": "string", "pattern": "^\"[^\"]+\"$", "examples": ["\"7\""] },
        "Strong entity tag (RFC 9110). A cart's is its version." }
    IdempotencyKey { "Idempotency-Key", {
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-\\[\\]-~]+$",
            "examples": ["b1e6a7c0-5d5c-4b39-9a0e-7f2d6a3c1f10"]
        },
        "Makes retries safe: the same request under the same key takes effect once and gets the \
         same response, also after a restart. Visible ASCII, bare or as a quoted string." }
    IdempotentReplayed { "Idempotent-Replayed", { "const": "true" },
        "This repeats the response of an earlier request under the same key; \
         nothing happened again." }
    IfMatch { "If-Match", {
            "type": "string",
            "pattern": "^(\\*|(W/)?\"[!#-~]*\"(, (W/)?\"[!#-~]*\")*)$",
            "examples": ["\"7\""]
        },
        "The cart's `ETag` that the client has seen. At another version the request gets 412. \
         What a compressing proxy makes of it, such as `W/\"7\"` or `\"7-gzip\"`, means the same \
         version." }
    IfNoneMatch { "If-None-Match", {
            "type": "string",
            "pattern": "^(\\*|(W/)?\"[!#-~]*\"(, (W/)?\"[!#-~]*\")*)$",
            "examples": ["\"7\""]
        },
        "The `ETag` that the client has cached. If it is current, the response is 304." }
    LastEventId { "Last-Event-ID", {
            "type": "string",
            "pattern": event_id::PATTERN,
            "examples": ["42-9f86d081884c7d65", "42"]
        },
        "For live streams: the id of the last event received. The stream resumes after it. It \
         takes precedence over `after`. The part before the hyphen alone is accepted, but does \
         not show that the log was restored from a backup and has continued differently." }
    Link { "Link", { "type": "string" },
        "The next page, as `rel=\"next\"` (RFC 8288), absent on the last page; or the proof that \
         an event is in the log, as `rel=\"https://c2sp.org/tlog-proof\"`." }
    Location { "Location", { "type": "string", "format": "uri-reference" },
        "Address of the resource." }
    LogPosition { "Log-Position", { "type": "integer", "minimum": 0, "examples": [1042] },
        "For a command: log position of its last event; absent if it changed nothing. For a read: \
         log position of the view." }
    OpenerPolicy { "Cross-Origin-Opener-Policy", { "type": "string" },
        "Isolates the page from other windows." }
    Prefer { "Prefer", { "type": "string", "examples": ["wait=5"] },
        "`wait=n`: seconds that a read with `min_version` waits for the view; default 1, and more \
         than 5 are 5. What cannot be read is ignored. `return=minimal`: a command may respond 204 \
         without a body (RFC 7240)." }
    OpeningKey { "Idempotency-Key", {
            "type": "string",
            "pattern": "^([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[47][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-\
                        [0-9A-Fa-f]{12}|[0-9A-Fa-f]{32,255})$",
            "examples": ["b1e6a7c0-5d5c-4b39-9a0e-7f2d6a3c1f10"]
        },
        "Makes the opening safe to retry: the same request under the same key gets the same cart \
         and token. A client that guesses it gets them too, so it must be a random UUID (version 4 \
         or 7) or at least 32 random hexadecimal digits, bare or as a quoted string. A key of few \
         different digits is refused as well." }
    PreferenceApplied { "Preference-Applied", { "const": "return=minimal" },
        "The preference that was applied." }
    RateLimit { "RateLimit", { "type": "string", "examples": ["\"commands\";r=5999;t=1"] },
        "Requests left, and seconds until the limit resets (IETF draft ratelimit-headers). Absent \
         if the client is not limited." }
    RateLimitPolicy { "RateLimit-Policy", {
            "type": "string", "examples": ["\"commands\";q=6000;w=60"]
        },
        "The limit, and its window in seconds." }
    ReferrerPolicy { "Referrer-Policy", { "type": "string" },
        "Keeps the addresses of carts on this site." }
    RetryAfter { "Retry-After", { "type": "integer", "minimum": 1, "examples": [1] },
        "Seconds to wait before retrying." }
    ServerTiming { "Server-Timing", {
            "type": "string", "examples": ["decide;dur=0.041, append;dur=0.873"]
        },
        "Durations in milliseconds: `decide` and `append` for a command, `view` for a read." }
    SetCookie { "Set-Cookie", { "type": "string" },
        "`HttpOnly` cookie: a cart's token, limited to that cart's paths, or the operator's \
         session." }
    Traceparent { "traceparent", {
            "type": "string",
            "examples": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
        },
        "The request's trace (W3C Trace Context). It is stored in the events' metadata and \
         returned in problems. An invalid value is ignored." }
    Vary { "Vary", { "type": "string" },
        "The request header that selects the response's form." }
    WwwAuthenticate { "WWW-Authenticate", {
            "type": "string", "examples": ["Bearer realm=\"operator\""]
        },
        "The required authentication (RFC 6750)." }
}

impl Header {
    /// The headers of certain problem types, beside those of every response.
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
                Kind::TooManyGuesses,
                Kind::LogUnavailable,
                Kind::OutcomeUnknown,
                Kind::Overloaded,
                Kind::ProofUnavailable,
                Kind::LogNotSigned,
                Kind::ViewBehind,
                Kind::ViewUnavailable,
            ],
        ),
        (Header::WwwAuthenticate, &[Kind::OperatorOnly]),
    ];

    /// References to the components of `headers`: required if `always`, otherwise optional.
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

    /// The header as a request parameter.
    pub fn parameter(self, required: bool) -> Value {
        json!({
            "name": self.name(),
            "in": "header",
            "description": self.description(),
            "required": required,
            "schema": without_examples(self.schema()),
        })
    }

    /// The components of all headers.
    pub fn all() -> Map<String, Value> {
        let described = |header: &Header, required: bool| {
            let mut described = json!({
                "description": header.description(),
                "required": required,
                "schema": header.schema(),
            });
            if let Some(recorded) = examples::response_header(header.name()) {
                described["schema"] = without_examples(header.schema());
                let number = recorded.parse::<u64>().ok();
                let number = number.filter(|_| described["schema"]["type"] == "integer");
                described["example"] = number.map_or_else(|| json!(recorded), |it| json!(it));
            }
            described
        };
        let request_only = |header: &Header| *header == Header::OpeningKey;
        Header::ALL
            .iter()
            .filter(|header| !request_only(header))
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

/// A schema whose examples come from the recorded exchanges instead.
fn without_examples(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.shift_remove("examples");
    }
    schema
}
