//! `/api/search`: carts, orders and events by a part of their id or by a text.

mod text;

use crate::log::Position;
use crate::models::Model;
use crate::views::search::DIGITS;
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
use text::{Found, LastMatch, MatchedStream, TextMatch};
use uuid::Uuid;

/// Fewer digits of an id fit too many.
const LEAST_DIGITS: usize = 4;
/// Fewer letters fit too many names.
const LEAST_LETTERS: usize = 2;
const MOST_LETTERS: usize = 100;
/// Carts, and orders, that are listed.
const LISTED: usize = 20;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/search").get(Rate::Unlimited, find, describe_find)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchQuery {
    /// The position of an event; at least 4 digits at the beginning or the end of the id of a cart
    /// or order, in which spaces, hyphens and "…" are ignored, so that an order's number is found;
    /// or words, each in the id or name of a product, the code or description of a promotion, the
    /// type of an event or a message of the warehouse, in any case. 2 to 100 characters, unless it
    /// is a position.
    #[schemars(length(min = 1, max = 100))]
    q: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SearchResults")]
struct SearchResults {
    /// By id: the event first, then carts and orders. Then by text: carts and orders, the one with
    /// the newest match first.
    items: Vec<SearchResult>,
    /// The products, promotions and types that the text names.
    matches: Vec<TextMatch>,
    /// False if the search stopped at a limit: more may match than is listed, and the events of
    /// `matches` have all of it.
    complete: bool,
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
        /// The order of a cart that was checked out and found by text.
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<Uuid>,
        /// Of a cart found by text: its newest event that matches.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_match: Option<LastMatch>,
    },
    Order {
        id: Uuid,
        /// Of an order found by text: its newest event that matches.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_match: Option<LastMatch>,
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
    let position = digits.parse::<u64>().ok();
    let is_id = (LEAST_DIGITS..=DIGITS).contains(&digits.len())
        && digits.chars().all(|it| it.is_ascii_hexdigit());
    let letters = q.trim().chars().count();
    let is_text = (LEAST_LETTERS..=MOST_LETTERS).contains(&letters);
    if letters > MOST_LETTERS || !(is_text || position.is_some()) {
        return Err(Problem::new(
            Kind::InvalidQuery,
            "q must be the position of an event, 4 to 32 hexadecimal digits of an id, or a text of \
             2 to 100 characters.",
        ));
    }
    let mut results = SearchResults {
        items: Vec::new(),
        matches: Vec::new(),
        complete: true,
    };
    let items = &mut results.items;
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
    if is_id {
        let found = state
            .views
            .query(&[carts::NAME, orders::NAME], move |tables| {
                search::streams(tables, &digits, LISTED)
            });
        let QueryResult { answer, .. } = found.await?;
        let (streams, are_all) = answer;
        results.complete &= are_all;
        items.extend(streams.into_iter().map(|(model, id)| match model {
            Model::Cart => SearchResult::Cart {
                id,
                order_id: None,
                last_match: None,
            },
            Model::Order => SearchResult::Order {
                id,
                last_match: None,
            },
        }));
    }
    if is_text {
        let Found {
            matches,
            streams,
            is_complete,
        } = text::find(&state, &q, LISTED).await?;
        items.extend(streams.into_iter().map(SearchResult::of));
        results.matches = matches;
        results.complete &= is_complete;
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(results))
}

impl SearchResult {
    fn of(found: MatchedStream) -> SearchResult {
        let MatchedStream {
            id,
            order_id,
            last_match,
        } = found;
        match last_match.model() {
            Model::Cart => SearchResult::Cart {
                id,
                order_id,
                last_match: Some(last_match),
            },
            Model::Order => SearchResult::Order {
                id,
                last_match: Some(last_match),
            },
        }
    }
}

fn describe_find(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "searchLog", "Find a cart, an order or an event")
        .description(
            "By the number that a shopper reads out: the end of an order's id is its number. Or by \
             a text, such as `teapot` or `TEA10`: carts and orders with an event of it, the newest \
             first. A search reads a bounded number of names, ids and events, and says in \
             `complete` if that was not all.",
        )
        .requires_operator()
        .query::<SearchQuery>()
        .responds(StatusCode::OK, "What was found.")
        .json::<SearchResults>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogUnavailable, Kind::ViewUnavailable])
}
