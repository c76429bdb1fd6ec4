//! `/api/orders/{id}/events` and `/api/orders/{id}/why`: an order's history, and why it is what
//! it is.

use crate::cart::Money;
use crate::history::CommitMetadata;
use crate::log::RecordedEvent;
use crate::orders::Order;
use crate::orders::document::Status;
use crate::web::api::event::{EventDocument, EventFormatter, read_stream};
use crate::web::api::events::{self, EventsQuery, FORMATS};
use crate::web::api::orders::authorized;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::negotiate;
use crate::web::http::path::{CartId, no_query, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/orders/{id}/events").get(Rate::Fold, list, describe_list),
        at("/api/orders/{id}/why").get(Rate::Fold, why, describe_why),
    ]
}

async fn list(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let format = negotiate::best(&request, FORMATS)?;
    let query: EventsQuery = query(&request)?;
    let order = authorized(&request, &state, id.0).await?;
    events::respond(&request, &state, id.0, order.version(), &query, format).await
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    let operation = operation
        .named(Tag::Orders, "listOrderEvents", "List an order's events")
        .description(
            "As the events of a cart: a page as JSON or as CloudEvents 1.0, or a live stream, by \
             `Accept`. An order is a stream of its own: its versions begin at 1, and \
             `meta.caused_by` names the event of the cart or of the order that each reacts to.",
        )
        .requires_cart_token()
        .query::<EventsQuery>()
        .optional_headers(&[Header::LastEventId, Header::Prefer, Header::Traceparent]);
    events::describe_formats(operation).problems(&[Kind::ViewBehind, Kind::ViewUnavailable])
}

/// Why an order is what it is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrderWhy")]
struct OrderWhy {
    id: Uuid,
    version: u64,
    status: WhyStatus,
    amounts: WhyAmounts,
    /// The checkout of the cart, and then the events of the order, each with the event that it
    /// reacts to in `meta.caused_by`.
    #[schemars(with = "Vec<EventDocument<'static>>")]
    events: Vec<Box<RawValue>>,
}

/// The status, and the event that decided it.
#[derive(Serialize, JsonSchema)]
struct WhyStatus {
    value: Status,
    /// The version of the order's event.
    version: u64,
}

/// The amounts, which the order took over from its cart.
#[derive(Serialize, JsonSchema)]
struct WhyAmounts {
    items_total: Money,
    discount: Money,
    total: Money,
    /// Where each is explained, as a sum over the events of the cart.
    explained_by: String,
}

async fn why(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let order = authorized(&request, &state, id.0).await?;
    let Order::Placed(placed) = &*order else {
        return Err(Problem::not_found());
    };
    let log = &*state.log;
    let of_order = read_stream(log, id.0, 1, placed.version).await?;
    let checkout = match of_order.first() {
        Some(placing) => cause_of(&state, placing).await?,
        None => None,
    };
    let mut formatter = EventFormatter::default();
    let mut events = Vec::new();
    for recorded in checkout.iter().chain(&of_order) {
        events.push(formatter.json(log, recorded).await?);
    }
    let details = &placed.details;
    let (cart, version) = match &checkout {
        Some(checkout) => (checkout.stream, checkout.version.0),
        None => (details.cart_id, 1),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(OrderWhy {
            id: id.0,
            version: placed.version,
            status: WhyStatus {
                value: Status::of(&placed.status),
                // Every event of an order decides its status, so the last one did.
                version: placed.version,
            },
            amounts: WhyAmounts {
                items_total: details.items_total,
                discount: details.discount,
                total: details.total,
                explained_by: format!("/api/carts/{cart}/why?version={version}"),
            },
            events,
        }))
}

/// The event that `recorded` reacts to.
async fn cause_of(
    state: &AppState,
    recorded: &RecordedEvent,
) -> Result<Option<RecordedEvent>, Problem> {
    let Some(cause) = CommitMetadata::of(recorded)?.cause else {
        return Ok(None);
    };
    let found = read_stream(&*state.log, cause.stream, cause.version, cause.version);
    Ok(found.await?.pop())
}

fn describe_why(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Orders, "getOrderWhy", "Explain an order")
        .description(
            "The event that decided the order's status, where its amounts are explained, and the \
             chain of events that led to it: the checkout of the cart, then the order's own.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::Prefer, Header::Traceparent])
        .responds(
            StatusCode::OK,
            "The order's status and amounts, and the events behind them.",
        )
        .json::<OrderWhy>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::ViewBehind, Kind::ViewUnavailable])
}
