//! `/api/carts/{id}/events`: a cart's history, as a page of JSON, as CloudEvents, or live.

use crate::cart::Currency;
use crate::cloud_event::CloudEvent;
use crate::history::{self, HistoryError};
use crate::log::{Freshness, Hash, LogReader, RecordedEvent, Version};
use crate::web::api::access::CartTokenDigest;
use crate::web::api::event::event_document;
use crate::web::api::live_cart;
use crate::web::http::negotiate;
use crate::web::http::page::{Order, Page, cursor, limit, place};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::state::AppState;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// How many items a page has at the most; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    order: Order,
    /// Of the live stream: the version after which it begins.
    after: Option<u64>,
}

/// What the client accepts first, of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    CloudEvents,
    Live,
}

pub async fn list(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = id.0;
    let form = negotiate::best(&request, FORMS)?;
    let which: Which = query(&request)?;
    let cart = state.cart(id, CartTokenDigest::of(&request)).await?;
    let contents = cart.contents().ok_or_else(Problem::not_found)?;
    if form == Form::Live {
        return live_cart::follow(&request, &state, id, contents.version, which.after);
    }
    if which.after.is_some() {
        return Err(Problem::new(
            Kind::InvalidQuery,
            "after belongs to the live stream (Accept: text/event-stream); pages have a cursor.",
        ));
    }
    let page = Window::of(id, &which, contents.version)?
        .read(&*state.log)
        .await?;
    match form {
        Form::Json | Form::Live => json(&page, contents.currency),
        Form::CloudEvents => cloud_events(&page, &which, id),
    }
}

const FORMS: &[(&str, Form)] = &[
    ("application/json", Form::Json),
    ("application/cloudevents-batch+json", Form::CloudEvents),
    ("text/event-stream", Form::Live),
];

/// A stretch of a cart's versions, to be read in one go.
struct Window {
    cart: Uuid,
    /// The versions from the first to the last of the page.
    first: u64,
    last: u64,
    order: Order,
    next: Option<String>,
}

impl Window {
    fn of(cart: Uuid, which: &Which, head: u64) -> Result<Window, Problem> {
        let limit = limit(which.limit)? as u64;
        let list = format!("events of {cart} {:?}", which.order);
        let from = which
            .cursor
            .as_deref()
            .map(|cursor| place(&list, cursor))
            .transpose()?;
        let (first, last, more) = match which.order {
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
            order: which.order,
            next: more.map(|version| cursor(&list, version)),
        })
    }

    async fn read(self, log: &dyn LogReader) -> Result<Page<Chained>, HistoryError> {
        let mut items = chained(log, self.cart, self.first, self.last).await?;
        if self.order == Order::Desc {
            items.reverse();
        }
        Ok(Page {
            items,
            next: self.next,
        })
    }
}

/// An event and the hash of the one before it in its stream.
pub struct Chained {
    pub recorded: RecordedEvent,
    pub previous: Hash,
}

/// The events of `cart` from version `first` to `last`.
pub async fn chained(
    log: &dyn LogReader,
    cart: Uuid,
    first: u64,
    last: u64,
) -> Result<Vec<Chained>, HistoryError> {
    let mut previous = match first.saturating_sub(2) {
        _ if first <= 1 => Hash::ZERO,
        before => log
            .read_stream(cart, Version(before), 1, Freshness::Any)
            .await?
            .first()
            .map_or(Hash::ZERO, |recorded| recorded.hash),
    };
    let mut events = Vec::new();
    if first > last {
        return Ok(events);
    }
    let after = Version(first.saturating_sub(1));
    let (last, current) = (Some(Version(last)), Freshness::Linearizable);
    history::for_each(log, cart, after, last, current, |recorded| {
        let hash = recorded.hash;
        events.push(Chained { recorded, previous });
        previous = hash;
        Ok(())
    })
    .await?;
    Ok(events)
}

fn json(page: &Page<Chained>, currency: Currency) -> Result<HttpResponse, Problem> {
    let items = page
        .items
        .iter()
        .map(|event| event_document(&event.recorded, event.previous, currency))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .json(Page {
            items,
            next: page.next.clone(),
        }))
}

/// A batch is a plain array, so the next page stands in a `Link` (RFC 8288).
fn cloud_events(page: &Page<Chained>, which: &Which, id: Uuid) -> Result<HttpResponse, Problem> {
    let batch = page
        .items
        .iter()
        .map(|event| CloudEvent::of(&event.recorded, event.previous))
        .collect::<Result<Vec<_>, _>>()?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .content_type("application/cloudevents-batch+json");
    if let Some(next) = &page.next {
        let order = match which.order {
            Order::Asc => "asc",
            Order::Desc => "desc",
        };
        let limit = limit(which.limit)?;
        response.insert_header((
            header::LINK,
            format!(
                "</api/carts/{id}/events?limit={limit}&order={order}&cursor={next}>; rel=\"next\""
            ),
        ));
    }
    Ok(response.body(serde_json::to_string(&batch).map_err(Problem::internal)?))
}
