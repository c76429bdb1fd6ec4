//! `/api/carts/{id}/timeline`: each event beside the cart that it made.

use crate::cart::document::CartDocument;
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history;
use crate::web::api::access::CartTokenDigest;
use crate::web::api::event::{EventDocument, event_document};
use crate::web::api::events::chained;
use crate::web::http::page::{Page, cursor, limit, place};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// How many items a page has at the most; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Moment {
    #[schemars(with = "EventDocument<'static>")]
    event: Box<RawValue>,
    #[schemars(with = "CartDocument<'static>")]
    cart: Box<RawValue>,
}

pub async fn list(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = id.0;
    let which: Which = query(&request)?;
    let limit = limit(which.limit)? as u64;
    let list = format!("timeline of {id}");
    let newest = state.cart(id, CartTokenDigest::of(&request)).await?;
    let contents = newest.contents().ok_or_else(Problem::not_found)?;
    let first = match &which.cursor {
        None => 1,
        Some(cursor) => place(&list, cursor)?.max(1),
    };
    let last = (first + limit - 1).min(contents.version);
    let mut cart: Cart = CartModel::initial();
    let mut items = Vec::new();
    for event in chained(&*state.log, id, 1, last).await? {
        history::evolve::<CartModel>(&mut cart, &event.recorded)?;
        if event.recorded.version.0 < first {
            continue;
        }
        let document = CartDocument::of(id, &cart).ok_or_else(Problem::not_found)?;
        items.push(Moment {
            event: raw(&event_document(
                &event.recorded,
                event.previous,
                contents.currency,
            )?)?,
            cart: raw(&document)?,
        });
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Page {
            items,
            next: (last < contents.version).then(|| cursor(&list, last + 1)),
        }))
}

fn raw(document: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(document).map_err(Problem::internal)
}
