//! `/api/carts/{id}/events`: a cart's events as JSON, as CloudEvents, or as a live stream.

use crate::cloud_event::CloudEvent;
use crate::log::{LogReader, RecordedEvent};
use crate::web::api::event::{EventDocument, EventFormatter, read_stream};
use crate::web::api::live_cart;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::event_id::EventId;
use crate::web::http::negotiate::{self, CLOUD_EVENTS};
use crate::web::http::page::{Cursors, Order, Page, limit, next_link};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/events").get(Rate::Fold, list, describe_list)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// Items per page; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
    /// Oldest first or newest first.
    #[serde(default)]
    order: Order,
    /// Live stream only: start after the event with this id, or of this version.
    after: Option<EventId>,
}

/// The media types of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    CloudEvents,
    Live,
}

pub(super) const FORMATS: &[(&str, Format)] = &[
    ("application/json", Format::Json),
    (CLOUD_EVENTS, Format::CloudEvents),
    ("text/event-stream", Format::Live),
];

async fn list(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = id.0;
    let format = negotiate::best(&request, FORMATS)?;
    let query: EventsQuery = query(&request)?;
    let cart = state.newest_cart(id, CartTokenDigest::of(&request)).await?;
    let head = cart.contents().ok_or_else(Problem::not_found)?.version;
    respond(&request, &state, id, head, &query, format).await
}

/// The events of the cart or order `id`, which is at version `head`.
pub(super) async fn respond(
    request: &HttpRequest,
    state: &Data<AppState>,
    id: Uuid,
    head: u64,
    query: &EventsQuery,
    format: Format,
) -> Result<HttpResponse, Problem> {
    match (format, query.after) {
        (Format::Live, after) => live_cart::follow(request, state, id, head, after).await,
        (_, Some(_)) => Err(Problem::new(
            Kind::InvalidQuery,
            "after requires Accept: text/event-stream; pages use cursor.",
        )),
        (Format::Json, None) => {
            let window = Window::of(&state.cursors, id, query, head)?;
            json(&*state.log, window).await
        }
        (Format::CloudEvents, None) => {
            let window = Window::of(&state.cursors, id, query, head)?;
            cloud_events(&*state.log, window, request).await
        }
    }
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    let operation = operation
        .named(Tag::Histories, "listCartEvents", "List a cart's events")
        .description(
            "A page of events as JSON; with `Accept: application/cloudevents-batch+json`, as \
             CloudEvents 1.0. With `Accept: text/event-stream`, a live stream: first the events \
             missed since `Last-Event-ID` or `after`, then new ones, each exactly once. An \
             event's id in the stream is its version and the start of its hash.",
        )
        .requires_cart_token()
        .query::<EventsQuery>()
        .optional_headers(&[Header::LastEventId, Header::Traceparent]);
    describe_formats(operation).problems(&[Kind::Overloaded])
}

/// Describes the response that has events in one of [`FORMATS`].
pub(super) fn describe_formats(operation: Operation<'_>) -> Operation<'_> {
    operation
        .responds(
            StatusCode::OK,
            "Events in the format requested by `Accept`.",
        )
        .json::<Page<EventDocument<'static>>>()
        .content::<Vec<CloudEvent<'static>>>(CLOUD_EVENTS)
        .text_content("text/event-stream")
        .with_headers(&[Header::CacheControl, Header::Vary])
        .may_have_headers(&[Header::AccelBuffering, Header::Link])
        .problems(&[
            Kind::UnknownEventId,
            Kind::NotAcceptable,
            Kind::TooManyStreams,
        ])
}

/// A page of a cart's events.
struct Window {
    cart: Uuid,
    /// Versions of the oldest and the newest event of the page.
    first: u64,
    last: u64,
    order: Order,
    next: Option<String>,
}

impl Window {
    fn of(
        cursors: &Cursors,
        cart: Uuid,
        query: &EventsQuery,
        head: u64,
    ) -> Result<Window, Problem> {
        let limit = limit(query.limit)? as u64;
        let list = format!("events of {cart} {:?}", query.order);
        let from = query
            .cursor
            .as_deref()
            .map(|cursor| cursors.place(&list, cursor))
            .transpose()?;
        let (first, last, next) = match query.order {
            Order::Asc => {
                let first = from.unwrap_or(1).max(1);
                let last = (first + limit - 1).min(head);
                (first, last, (last < head).then_some(last + 1))
            }
            Order::Desc => {
                let last = from.unwrap_or(head).min(head);
                let first = last.saturating_sub(limit - 1).max(1);
                (first, last, (first > 1).then_some(first - 1))
            }
        };
        Ok(Window {
            cart,
            first,
            last,
            order: query.order,
            next: next.map(|version| cursors.cursor(&list, version)),
        })
    }

    /// The events of the page, oldest first.
    async fn read(&self, log: &dyn LogReader) -> Result<Vec<RecordedEvent>, Problem> {
        Ok(read_stream(log, self.cart, self.first, self.last).await?)
    }

    /// `items`, which are oldest first, in the requested order.
    fn ordered<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if self.order == Order::Desc {
            items.reverse();
        }
        items
    }
}

async fn json(log: &dyn LogReader, window: Window) -> Result<HttpResponse, Problem> {
    let mut formatter = EventFormatter::default();
    let mut items = Vec::new();
    for recorded in &window.read(log).await? {
        items.push(formatter.json(log, recorded).await?);
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .json(Page {
            items: window.ordered(items),
            next: window.next,
        }))
}

/// A batch is a plain array, so the next page is in a `Link` header (RFC 8288).
async fn cloud_events(
    log: &dyn LogReader,
    window: Window,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut formatter = EventFormatter::default();
    let mut batch = Vec::new();
    for recorded in &window.read(log).await? {
        batch.push(formatter.cloud_event(log, recorded).await?);
    }
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .content_type(CLOUD_EVENTS);
    if let Some(next) = &window.next {
        response.insert_header((header::LINK, next_link(request, next)));
    }
    Ok(response.json(window.ordered(batch)))
}
