//! The journal of all carts.

use super::histories::STREAM;
use crate::web::api::event::EventDocument;
use crate::web::api::{journal, live_log};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;

pub fn list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listEvents", "The events of all carts")
        .description("A page of the events that fit. With `Accept: text/event-stream` the whole log as it grows, resumable: after `Last-Event-ID` or `after`, first what was missed, then what happens, no event twice and none left out. An event's id in the stream is its position; the stream takes `after` alone, the page everything else.")
        .requires_operator()
        .query::<journal::Which>()
        .query::<live_log::Which>()
        .optional_headers(&[Header::LastEventId, Header::Traceparent])
        .responds(StatusCode::OK, "The events, in the form that `Accept` asks for.")
        .json::<Page<EventDocument<'static>>>(include_str!("../api/examples/journal.json"))
        .text_content("text/event-stream", Some(STREAM))
        .with_headers(&[Header::CacheControl, Header::Vary])
        .may_have_headers(&[Header::LogPosition])
        .problems(&[
            Kind::NotAcceptable,
            Kind::TooManyStreams,
            Kind::Overloaded,
            Kind::LogUnavailable,
            Kind::ViewUnavailable,
        ])
}
