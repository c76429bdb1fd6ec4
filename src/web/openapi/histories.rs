//! What has happened in a cart, and why it is as it is.

use crate::cart::explain::Why;
use crate::cloud_event::CloudEvent;
use crate::web::api::event::EventDocument;
use crate::web::api::why::{SetAside, WhatIf};
use crate::web::api::{events, timeline, why};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;
use serde_json::json;

pub fn events(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "listCartEvents", "The events of a cart")
        .description("A page of events as JSON. With `Accept: application/cloudevents-batch+json` the same page as CloudEvents 1.0. With `Accept: text/event-stream` the events as they come, resumable: after `Last-Event-ID` or `after`, first what was missed, then what happens, no event twice and none left out. An event's id in the stream is its version.")
        .requires_cart_token()
        .query::<events::Which>()
        .optional_headers(&[Header::LastEventId, Header::Traceparent])
        .responds(StatusCode::OK, "The events, in the form that `Accept` asks for.")
        .json::<Page<EventDocument<'static>>>(include_str!("../api/examples/events.json"))
        .content::<Vec<CloudEvent<'static>>>(
            "application/cloudevents-batch+json",
            include_str!("../api/examples/cloud_events.json"),
        )
        .text_content("text/event-stream", Some(STREAM))
        .with_headers(&[Header::CacheControl, Header::Vary])
        .may_have_headers(&[Header::Link])
        .problems(&[Kind::NotAcceptable, Kind::TooManyStreams, Kind::Overloaded])
}

/// How a live stream looks.
pub const STREAM: &str = ": following\n\nid: 3\ndata: {\"position\":1042,\"cart_id\":\"01a20c19-324e-76c9-b286-e42798811daa\",\"version\":3,\"type\":\"ItemAdded\",…}\n\n";

pub fn timeline(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Histories,
            "getTimeline",
            "Each event beside the cart that it made",
        )
        .requires_cart_token()
        .query::<timeline::Which>()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "The moments of the cart, oldest first.")
        .json::<Page<timeline::Moment>>(include_str!("../api/examples/timeline.json"))
        .with_headers(&[Header::CacheControl])
}

pub fn why(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "getWhy", "Why its numbers are what they are")
        .description("Every number of the cart as a sum over the events that made it: `quantity × unit_price` of each, what was taken out being negative. The sums add up exactly.")
        .requires_cart_token()
        .query::<why::Which>()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "The cart's numbers, explained.")
        .json::<Why>(include_str!("../api/examples/why.json"))
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NoSuchVersion])
}

pub fn what_if(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "supposeWithout", "What it would be without some events")
        .description("The cart as it would be had these events not happened, and the difference. Nothing is written, so it takes no `Idempotency-Key`.")
        .requires_cart_token()
        .optional_headers(&[Header::Traceparent])
        .body::<SetAside>(true, &json!({ "without": [3] }))
        .responds(StatusCode::OK, "The supposed cart, and what differs.")
        .json::<WhatIf<'static>>(include_str!("../api/examples/what_if.json"))
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::CannotSetAside])
}
