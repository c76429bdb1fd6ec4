//! Every error that this service answers, as `application/problem+json` (RFC 9457).
//!
//! A handler returns a [`Problem`]; [`crate::web::http::gate`] turns it into the answer, where the request's
//! trace is known. A problem's type is one of [`Kind`], so an unlisted one cannot be answered.

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

/// Why a request was not answered the way it hoped for.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    /// For the person who reads it: what happened, and what can be done.
    detail: String,
    /// What a program needs in order to act.
    members: Vec<(String, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the operator alone: what is behind it.
    cause: Option<String>,
    /// Whether what is left of the request's body should not be waited for.
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

    /// The answer for whatever does not exist, and for a cart that somebody may not see.
    pub fn not_found() -> Problem {
        Problem::new(
            Kind::NotFound,
            "There is nothing here, or nothing that you may see: check the address and the cart's token.",
        )
    }

    /// For what is wrong with the service, not with the request.
    pub fn internal(cause: impl fmt::Display) -> Problem {
        Problem::new(
            Kind::Internal,
            "This is the service's fault. Tell the operator the trace_id.",
        )
        .because(cause)
    }

    /// Says what is behind it. That goes to the log, not to the client.
    pub fn because(mut self, cause: impl fmt::Display) -> Problem {
        self.cause = Some(cause.to_string());
        self
    }

    /// What is behind it, if that is an error of the service.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Adds a member, which has to be one of those that the problem's type is described with.
    pub fn with(mut self, member: &str, value: impl Serialize) -> Problem {
        debug_assert!(
            self.kind
                .members()
                .iter()
                .any(|(described, _)| described.name() == member),
            "{member} is not described for {:?}",
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

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the answer says, with the trace under which the request can be found again.
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
