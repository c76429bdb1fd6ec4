//! `/api/carts/{id}/timeline`: each event with the cart it produced.

use crate::cart::document::CartDocument;
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history;
use crate::web::api::event::{EventDocument, EventFormatter, read_cart};
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::page::{Page, PageQuery, cursor};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::Problem;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/timeline").get(list, describe_list)]
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
    let newest = state.cart(id, CartTokenDigest::of(&request)).await?;
    let head = newest.contents().ok_or_else(Problem::not_found)?.version;
    let first = page.place(&list)?.unwrap_or(1).max(1);
    let last = (first + limit - 1).min(head);
    let log = &*state.log;
    let mut cart: Cart = CartModel::initial();
    let mut formatter = EventFormatter::default();
    let mut items = Vec::new();
    for recorded in &read_cart(log, id, 1, last).await? {
        history::evolve::<CartModel>(&mut cart, recorded)?;
        if recorded.version.0 < first {
            continue;
        }
        let document = CartDocument::of(id, &cart).ok_or_else(Problem::not_found)?;
        items.push(Moment {
            event: formatter.json(log, recorded).await?,
            cart: serde_json::value::to_raw_value(&document).map_err(Problem::internal)?,
        });
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Page {
            items,
            next: (last < head).then(|| cursor(&list, last + 1)),
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "getTimeline", "Get a cart's timeline")
        .description("Each event with the cart it produced, oldest first.")
        .requires_cart_token()
        .query::<PageQuery>()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "Events and carts.")
        .json::<Page<Moment>>(include_str!("examples/timeline.json"))
        .with_headers(&[Header::CacheControl])
}
