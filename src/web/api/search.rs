//! `/api/search`: carts, orders and events by a part of their id.

use crate::log::Position;
use crate::models::Model;
use crate::views::{QueryResult, carts, orders, search};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Fewer digits of an id fit too many.
const LEAST_DIGITS: usize = 4;
/// The digits of a whole id.
const MOST_DIGITS: usize = 32;
/// Carts, and orders, that are listed.
const LISTED: usize = 20;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/search").get(Rate::Unlimited, find, describe_find)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchQuery {
    /// The position of an event, or at least 4 digits at the beginning or the end of the id of a
    /// cart or order. Spaces, hyphens and "…" are ignored, so that an order's number is found.
    q: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SearchResults")]
struct SearchResults {
    /// The event first, then carts and orders, the newest first.
    items: Vec<SearchResult>,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SearchResult {
    Event {
        position: u64,
        #[serde(rename = "type")]
        name: String,
        /// The cart or order that the event belongs to.
        stream: StreamRef,
        version: u64,
    },
    Cart {
        id: Uuid,
    },
    Order {
        id: Uuid,
    },
}

/// A cart or an order.
#[derive(Serialize, JsonSchema)]
struct StreamRef {
    /// `cart` or `order`.
    model: &'static str,
    id: Uuid,
}

async fn find(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let SearchQuery { q } = query(&request)?;
    let digits: String = q.chars().filter(|it| !" -…".contains(*it)).collect();
    let is_hexadecimal = digits.chars().all(|it| it.is_ascii_hexdigit());
    let position = digits.parse::<u64>().ok();
    let is_long_enough = digits.len() >= LEAST_DIGITS;
    if !is_hexadecimal || digits.len() > MOST_DIGITS || !(position.is_some() || is_long_enough) {
        return Err(Problem::new(
            Kind::InvalidQuery,
            "q must be the position of an event, or 4 to 32 hexadecimal digits of an id.",
        ));
    }
    let mut items = Vec::new();
    if let Some(position) = position {
        let event = state.log.event_at(Position(position)).await?;
        items.extend(event.map(|event| SearchResult::Event {
            position,
            stream: StreamRef {
                model: Model::of(&event.name).word(),
                id: event.stream,
            },
            version: event.version.0,
            name: event.name.to_string(),
        }));
    }
    if is_long_enough {
        let found = state
            .views
            .query(&[carts::NAME, orders::NAME], move |tables| {
                search::streams(tables, &digits, LISTED)
            });
        let QueryResult { answer, .. } = found.await?;
        items.extend(answer.into_iter().map(|(model, id)| match model {
            Model::Cart => SearchResult::Cart { id },
            Model::Order => SearchResult::Order { id },
        }));
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(SearchResults { items }))
}

fn describe_find(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "searchLog", "Find a cart, an order or an event")
        .description(
            "By the number that a shopper reads out: the end of an order's id is its number. Up to \
             20 carts and 20 orders are listed.",
        )
        .requires_operator()
        .query::<SearchQuery>()
        .responds(StatusCode::OK, "What was found.")
        .json::<SearchResults>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogUnavailable, Kind::ViewUnavailable])
}
