//! Every error that this service answers, as `application/problem+json` (RFC 9457).
//!
//! A handler returns a [`Problem`]; [`super::gate`] turns it into the answer, where the request's
//! trace is known. A problem's type is one of [`Kind`], so an unlisted one cannot be answered.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt;

macro_rules! kinds {
    ($($kind:ident, $slug:literal, $status:ident, $title:literal;)+) => {
        /// The types of problems.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($kind),+ }

        impl Kind {
            /// All types, in the order of their statuses.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),+];

            /// The last part of the type's address, `/problems/<slug>`.
            pub fn slug(self) -> &'static str {
                match self { $(Kind::$kind => $slug),+ }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Kind::$kind => StatusCode::$status),+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(Kind::$kind => $title),+ }
            }
        }
    };
}

kinds! {
    InvalidBody, "invalid-body", BAD_REQUEST, "The body cannot be used";
    InvalidQuery, "invalid-query", BAD_REQUEST, "The query cannot be used";
    InvalidHeader, "invalid-header", BAD_REQUEST, "A header cannot be used";
    KeyRequired, "idempotency-key-required", BAD_REQUEST, "An Idempotency-Key is needed";
    OperatorOnly, "operator-only", UNAUTHORIZED, "The operator's token is needed";
    CrossSite, "cross-site", FORBIDDEN, "The request comes from another site";
    NotFound, "not-found", NOT_FOUND, "There is nothing here";
    NoSuchLine, "no-such-line", NOT_FOUND, "The cart has no such line";
    NoPromotion, "no-promotion", NOT_FOUND, "The cart has no promotion";
    NoSuchVersion, "no-such-version", NOT_FOUND, "The cart has no such version";
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here";
    NotAcceptable, "not-acceptable", NOT_ACCEPTABLE, "No answer of an accepted type";
    BodyTimeout, "body-timeout", REQUEST_TIMEOUT, "The body did not arrive in time";
    CartClosed, "cart-closed", CONFLICT, "The cart is closed";
    EmptyCart, "empty-cart", CONFLICT, "The cart is empty";
    TotalChanged, "total-changed", CONFLICT, "The total has changed";
    NothingToUndo, "nothing-to-undo", CONFLICT, "There is nothing to undo";
    AlreadyOpen, "already-open", CONFLICT, "The cart is open already";
    NotIdle, "not-idle", CONFLICT, "The cart is not idle";
    RebuildRunning, "rebuild-running", CONFLICT, "The views are being rebuilt already";
    VerifyRunning, "verify-running", CONFLICT, "Log and views are being verified already";
    CartExpired, "cart-expired", GONE, "The cart has expired";
    VersionMismatch, "version-mismatch", PRECONDITION_FAILED, "The cart is at another version";
    BodyTooLarge, "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    AddressTooLong, "address-too-long", URI_TOO_LONG, "The address is too long";
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body's type is not supported";
    WrongHost, "wrong-host", MISDIRECTED_REQUEST, "The request is for another host";
    UnknownSku, "unknown-sku", UNPROCESSABLE_ENTITY, "The shop has no such product";
    UnknownPromotion, "unknown-promotion", UNPROCESSABLE_ENTITY, "The shop has no such promotion";
    QuantityLimit, "quantity-limit", UNPROCESSABLE_ENTITY, "Too many units of one product";
    LineLimit, "line-limit", UNPROCESSABLE_ENTITY, "Too many different products";
    TotalLimit, "total-limit", UNPROCESSABLE_ENTITY, "The total would be too large";
    HistoryLimit, "history-limit", UNPROCESSABLE_ENTITY, "The cart's history is full";
    KeyReused, "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request";
    CannotSetAside, "cannot-set-aside", UNPROCESSABLE_ENTITY, "These events cannot be set aside";
    PreconditionRequired, "precondition-required", PRECONDITION_REQUIRED, "An If-Match is needed";
    TooManyStreams, "too-many-streams", TOO_MANY_REQUESTS, "Too many live streams are open";
    TooManyRequests, "too-many-requests", TOO_MANY_REQUESTS, "Too many requests in a short time";
    HeadersTooLarge, "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large";
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something is wrong inside the service";
    LogUnavailable, "log-unavailable", SERVICE_UNAVAILABLE, "The log takes no events now";
    OutcomeUnknown, "outcome-unknown", SERVICE_UNAVAILABLE, "It is not known whether the command was carried out";
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "Too much to do";
    ViewBehind, "view-behind", SERVICE_UNAVAILABLE, "The view is not there yet";
    ViewUnavailable, "view-unavailable", SERVICE_UNAVAILABLE, "The view cannot be read now";
}

/// Why a request was not answered the way it hoped for.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    /// For the person who reads it: what happened, and what can be done.
    detail: String,
    /// What a program needs in order to act.
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether what is left of the request's body should not be waited for.
    closes_connection: bool,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
            closes_connection: false,
        }
    }

    /// The answer for whatever does not exist, and for a cart that somebody may not see.
    pub fn not_found() -> Problem {
        Problem::new(
            Kind::NotFound,
            "There is nothing here, or nothing that you may see: check the address and the cart's token.",
        )
    }

    /// For what is wrong with the service, not with the request. The reason goes to the log, not to
    /// the client.
    pub fn internal(reason: impl fmt::Display) -> Problem {
        tracing::error!(%reason, "a request failed");
        Problem::new(
            Kind::Internal,
            "This is the service's fault. Tell the operator the trace_id.",
        )
    }

    pub fn with(mut self, member: &str, value: impl Serialize) -> Problem {
        self.members.insert(member.to_owned(), json!(value));
        self
    }

    pub fn retry_after(self, seconds: u64) -> Problem {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    pub fn closing_connection(mut self) -> Problem {
        self.closes_connection = true;
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the answer says, with the trace under which the request can be found again.
    pub fn document(&self, trace_id: &str) -> Value {
        let mut body = Map::new();
        body.insert(
            "type".into(),
            json!(format!("/problems/{}", self.kind.slug())),
        );
        body.insert("title".into(), json!(self.kind.title()));
        body.insert("status".into(), json!(self.kind.status().as_u16()));
        body.insert("detail".into(), json!(self.detail));
        body.extend(self.members.clone());
        body.insert("trace_id".into(), json!(trace_id));
        Value::Object(body)
    }

    /// The answer.
    pub fn to_response(&self, trace_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.kind.status());
        response
            .content_type("application/problem+json")
            .insert_header((header::CACHE_CONTROL, "no-store"));
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        if self.closes_connection {
            response.force_close();
        }
        response.body(self.document(trace_id).to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.slug(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.kind.status())
    }
}
