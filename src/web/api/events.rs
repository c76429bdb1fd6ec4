//! `/api/carts/{id}/events`: a cart's events as JSON, as CloudEvents, or as a live stream.

use crate::cloud_event::CloudEvent;
use crate::log::{LogReader, RecordedEvent};
use crate::web::api::event::{EventDocument, EventFormatter, read_cart};
use crate::web::api::live_cart;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::negotiate;
use crate::web::http::page::{Order, Page, cursor, limit, place};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::{Kind, Problem};
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
    vec![at("/events").get(list, describe_list)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// Items per page; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
    /// Oldest first or newest first.
    #[serde(default)]
    order: Order,
    /// Live stream only: start after this version.
    after: Option<u64>,
}

/// The media types of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    CloudEvents,
    Live,
}

const FORMATS: &[(&str, Format)] = &[
    ("application/json", Format::Json),
    ("application/cloudevents-batch+json", Format::CloudEvents),
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
    let cart = state.cart(id, CartTokenDigest::of(&request)).await?;
    let head = cart.contents().ok_or_else(Problem::not_found)?.version;
    match (format, query.after) {
        (Format::Live, after) => live_cart::follow(&request, &state, id, head, after),
        (_, Some(_)) => Err(Problem::new(
            Kind::InvalidQuery,
            "after requires Accept: text/event-stream; pages use cursor.",
        )),
        (Format::Json, None) => json(&*state.log, Window::of(id, &query, head)?).await,
        (Format::CloudEvents, None) => {
            cloud_events(&*state.log, Window::of(id, &query, head)?).await
        }
    }
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "listCartEvents", "List a cart's events")
        .description(
            "A page of events as JSON; with `Accept: application/cloudevents-batch+json`, as \
             CloudEvents 1.0. With `Accept: text/event-stream`, a live stream: first the events \
             missed since `Last-Event-ID` or `after`, then new ones, each exactly once. An \
             event's id in the stream is its version.",
        )
        .requires_cart_token()
        .query::<EventsQuery>()
        .optional_headers(&[Header::LastEventId, Header::Traceparent])
        .responds(
            StatusCode::OK,
            "Events in the format requested by `Accept`.",
        )
        .json::<Page<EventDocument<'static>>>(include_str!("examples/events.json"))
        .content::<Vec<CloudEvent<'static>>>(
            "application/cloudevents-batch+json",
            include_str!("examples/cloud_events.json"),
        )
        .text_content(
            "text/event-stream",
            Some(include_str!("examples/stream.txt")),
        )
        .with_headers(&[Header::CacheControl, Header::Vary])
        .may_have_headers(&[Header::AccelBuffering, Header::Link])
        .problems(&[Kind::NotAcceptable, Kind::TooManyStreams, Kind::Overloaded])
}

/// A page of a cart's events.
struct Window {
    cart: Uuid,
    /// Versions of the oldest and the newest event of the page.
    first: u64,
    last: u64,
    order: Order,
    limit: u64,
    next: Option<String>,
}

impl Window {
    fn of(cart: Uuid, query: &EventsQuery, head: u64) -> Result<Window, Problem> {
        let limit = limit(query.limit)? as u64;
        let list = format!("events of {cart} {:?}", query.order);
        let from = query
            .cursor
            .as_deref()
            .map(|cursor| place(&list, cursor))
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
            limit,
            next: next.map(|version| cursor(&list, version)),
        })
    }

    /// The events of the page, oldest first.
    async fn read(&self, log: &dyn LogReader) -> Result<Vec<RecordedEvent>, Problem> {
        Ok(read_cart(log, self.cart, self.first, self.last).await?)
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
async fn cloud_events(log: &dyn LogReader, window: Window) -> Result<HttpResponse, Problem> {
    let mut formatter = EventFormatter::default();
    let events = window.read(log).await?;
    let mut batch = Vec::with_capacity(events.len());
    for recorded in &events {
        let previous = formatter.advance(log, recorded).await?;
        batch.push(CloudEvent::of(recorded, previous.hash)?);
    }
    let batch = window.ordered(batch);
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .content_type("application/cloudevents-batch+json");
    if let Some(next) = &window.next {
        let order = match window.order {
            Order::Asc => "asc",
            Order::Desc => "desc",
        };
        let Window { cart, limit, .. } = window;
        response.insert_header((
            header::LINK,
            format!(
                "</api/carts/{cart}/events?limit={limit}&order={order}&cursor={next}>; rel=\"next\""
            ),
        ));
    }
    Ok(response.body(serde_json::to_string(&batch).map_err(Problem::internal)?))
}
