//! `/api/carts/{id}/timeline`: each event with the cart it produced.

use crate::cart::document::CartDocument;
use crate::log::Version;
use crate::views::{Until, past};
use crate::web::api::event::{EventDocument, EventFormatter, read_stream};
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::page::{Page, PageQuery};
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
use serde::Serialize;
use serde_json::value::RawValue;

/// A page ends with the event that reaches this size: each has the whole cart, and many clients
/// that do not read their responses must not fill the memory.
const PAGE_BYTES: usize = 256 * 1024;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/timeline").get(Rate::Fold, list, describe_list)]
}

#[derive(Serialize, JsonSchema)]
struct Moment {
    #[schemars(with = "EventDocument<'static>")]
    event: Box<RawValue>,
    #[schemars(with = "CartDocument<'static>")]
    cart: Box<RawValue>,
}

async fn list(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = id.0;
    let page: PageQuery = query(&request)?;
    let limit = page.limit()? as u64;
    let list = format!("timeline of {id}");
    let first = page.place(&state.cursors, &list)?.unwrap_or(1).max(1);
    let before = Until::Version(Version(first - 1));
    let before = state.past_cart(id, CartTokenDigest::of(&request), before);
    let mut cart = before.await?.cart;
    let log = &*state.log;
    let mut formatter = EventFormatter::default();
    let mut items = Vec::new();
    let mut bytes = 0;
    let mut next = None;
    // One event more than the page shows where the next page starts.
    for recorded in &read_stream(log, id, first, first.saturating_add(limit)).await? {
        if items.len() as u64 == limit || bytes >= PAGE_BYTES {
            next = Some(state.cursors.cursor(&list, recorded.version.0));
            break;
        }
        past::evolve(&mut cart, recorded)?;
        let document = CartDocument::of(id, &cart).ok_or_else(Problem::not_found)?;
        let moment = Moment {
            event: formatter.json(log, recorded).await?,
            cart: serde_json::value::to_raw_value(&document).map_err(Problem::internal)?,
        };
        bytes += moment.event.get().len() + moment.cart.get().len();
        items.push(moment);
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Page { items, next }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "getTimeline", "Get a cart's timeline")
        .description(
            "Each event with the cart it produced, oldest first. A page of large carts may have \
             fewer items than `limit`: `next` says whether there are more.",
        )
        .requires_cart_token()
        .query::<PageQuery>()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "Events and carts.")
        .json::<Page<Moment>>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::Overloaded])
}
