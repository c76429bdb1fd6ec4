//! Error responses, as `application/problem+json` (RFC 9457).
//!
//! A handler returns a [`Problem`]; `web::http::gate`, which knows the request's trace,
//! writes the response. The problem type is a [`Kind`], so every type is documented.

#[macro_use]
mod kinds;
mod kind;
mod member;

pub use kind::Kind;
pub use member::{BodyError, Member, Presence};

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt;

/// An error response.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    /// What happened and how to fix it, for people.
    detail: String,
    /// Additional fields, for programs.
    members: Vec<(String, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the service's log only.
    cause: Option<String>,
    /// Closes the connection instead of reading the rest of the request's body.
    closes_connection: bool,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            members: Vec::new(),
            headers: Vec::new(),
            cause: None,
            closes_connection: false,
        }
    }

    /// For what does not exist, and for a cart whose token is missing or wrong.
    pub fn not_found() -> Problem {
        Problem::new(
            Kind::NotFound,
            "Not found, or not visible to you. Check the address and the cart's token.",
        )
    }

    /// For failures of the service.
    pub fn internal(cause: impl fmt::Display) -> Problem {
        Problem::new(
            Kind::Internal,
            "The service failed. Report the trace_id to the operator.",
        )
        .because(cause)
    }

    /// Adds the cause, which is logged and not sent to the client.
    pub fn because(mut self, cause: impl fmt::Display) -> Problem {
        self.cause = Some(cause.to_string());
        self
    }

    /// The cause, if it is known.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Adds a field, which must be one of the problem type's members.
    pub fn with(mut self, member: &str, value: impl Serialize) -> Problem {
        debug_assert!(
            self.kind
                .members()
                .iter()
                .any(|(described, _)| described.name() == member),
            "{member} must be a member of {:?}",
            self.kind
        );
        self.members.push((member.to_owned(), json!(value)));
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

    /// What happened and how to fix it, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The JSON document. `trace_id` identifies the request in the service's log.
    pub fn document(&self, trace_id: &str) -> Value {
        let mut body = Map::new();
        body.insert("type".into(), json!(self.kind.address()));
        body.insert("title".into(), json!(self.kind.title()));
        body.insert("status".into(), json!(self.kind.status().as_u16()));
        body.insert("detail".into(), json!(self.detail));
        body.extend(self.members.clone());
        body.insert("trace_id".into(), json!(trace_id));
        Value::Object(body)
    }

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
