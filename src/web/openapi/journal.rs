//! The journal of all carts.

use super::headers::Header;
use super::histories::STREAM;
use super::operation::Operation;
use super::tag::Tag;
use crate::web::api::event::EventDocument;
use crate::web::api::{journal, live_log};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;

pub fn list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listEvents", "The events of all carts")
        .text("A page of the events that fit. With `Accept: text/event-stream` the whole log as it grows, resumable: after `Last-Event-ID` or `after`, first what was missed, then what happens, no event twice and none left out. An event's id in the stream is its position; the stream takes `after` alone, the page everything else.")
        .for_the_operator()
        .query::<journal::Which>()
        .query::<live_log::Which>()
        .takes(&[Header::LastEventId, Header::Traceparent])
        .answers(StatusCode::OK, "The events, in the form that `Accept` asks for.")
        .json::<Page<EventDocument<'static>>>(include_str!("examples/journal.json"))
        .words("text/event-stream", Some(STREAM))
        .with(&[Header::CacheControl, Header::Vary])
        .maybe_with(&[Header::LogPosition])
        .refuses(&[
            Kind::NotAcceptable,
            Kind::TooManyStreams,
            Kind::Overloaded,
            Kind::LogUnavailable,
            Kind::ViewUnavailable,
        ])
}
