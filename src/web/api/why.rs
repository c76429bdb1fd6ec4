//! `/api/carts/{id}/why`: every number in the cart with the events that produced it.

use crate::cart::explain::{self, Why};
use crate::history;
use crate::log::Version;
use crate::views::Until;
use crate::web::api::cart::{expect_version, no_such_version};
use crate::web::api::event::read_stream;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::page::Cursors;
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

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/why").get(Rate::Fold, get, describe_get)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// The version to explain; the newest by default.
    #[schemars(range(min = 1))]
    version: Option<u64>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Events per page: as many as a read of the past folds.
const PAGE: u64 = 256;

async fn get(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let WhyQuery { version, cursor } = query(&request)?;
    let list = format!("why of {} {version:?}", id.0);
    let place = cursor
        .map(|cursor| Place::of(&state.cursors, &list, &cursor))
        .transpose()?;
    // Every page explains the version of the first one, also once the cart has newer events.
    let version = place.map(|place| place.version).or(version);
    let until = version.map_or(Until::NEWEST, |version| Until::Version(Version(version)));
    let token = CartTokenDigest::of(&request);
    let cart = state.past_cart(id.0, token, until).await?.cart;
    let reached = cart.contents().ok_or_else(no_such_version)?.version;
    expect_version(&cart, version.unwrap_or(reached))?;
    let first = place.map_or(1, |place| place.first);
    let last = first.saturating_add(PAGE - 1).min(reached);
    let mut events = Vec::new();
    for recorded in &read_stream(&*state.log, id.0, first, last).await? {
        events.push(history::decode(recorded)?);
    }
    let mut why = explain::why(id.0, &cart, &events).ok_or_else(no_such_version)?;
    let next = Place {
        version: reached,
        first: last + 1,
    };
    why.next = (last < reached).then(|| next.cursor(&state.cursors, &list));
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(why))
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The version explained.
    version: u64,
    /// The version of the page's first event.
    first: u64,
}

impl Place {
    fn of(cursors: &Cursors, list: &str, cursor: &str) -> Result<Place, Problem> {
        let place: [u8; 16] = cursors.place_of(list, cursor)?;
        let (version, first) = place.split_at(8);
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        Ok(Place {
            version: number(version),
            first: number(first),
        })
    }

    fn cursor(self, cursors: &Cursors, list: &str) -> String {
        let place = [self.version.to_be_bytes(), self.first.to_be_bytes()].concat();
        cursors.cursor_of(list, &place)
    }
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "getWhy", "Explain a cart's numbers")
        .description(
            "Every number in the cart as a sum over the events that produced it: `quantity × \
             unit_price` each, negative for removals. The sums are exact. A discount is one term, \
             at the version of its promotion, and negative within the total. Of a cart with more \
             than 256 events, a page has the terms of 256 of them, and `next` leads to the later \
             ones: the pages' sums together give the `value`, which each page repeats.",
        )
        .requires_cart_token()
        .query::<WhyQuery>()
        .optional_headers(&[Header::Traceparent])
        .responds(
            StatusCode::OK,
            "The cart's numbers and the events behind them.",
        )
        .json::<Why>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NoSuchVersion, Kind::Overloaded])
}
