//! `/api/carts/{id}/notices`: how a cart differs from what the shop sells today. A resource of its
//! own, because the cart's document must not change without a new version.

use crate::cart::Cart;
use crate::cart::WithdrawnAtCheckout;
use crate::cart::notice::NoticeDocument;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::{CartId, no_query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/notices").get(Rate::Fold, get, describe_get)]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CartNotices")]
struct NoticesDocument {
    id: Uuid,
    /// The version of the cart that was compared.
    version: u64,
    /// Lines first, in the cart's order. Empty for a cart that is not open.
    notices: Vec<NoticeDocument>,
}

async fn get(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let cart = state
        .newest_cart(id.0, CartTokenDigest::of(&request))
        .await?;
    let contents = cart.contents().ok_or_else(Problem::not_found)?;
    let notices = match &cart {
        Cart::Open(_) => state.catalogue.get().offers().notices(contents),
        Cart::NotOpened | Cart::Closed(_) => Vec::new(),
    };
    let refuses = state.withdrawn_at_checkout == WithdrawnAtCheckout::Refuse;
    let notices = notices.iter();
    let notices = notices.map(|notice| notice.document(contents.currency, refuses));
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(NoticesDocument {
            id: id.0,
            version: contents.version,
            notices: notices.collect(),
        }))
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Carts, "getNotices", "Get notices")
        .description(
            "How the cart differs from what the shop sells today: products that are no longer \
             sold or have another price, and the same for its promotion. Units keep the price at \
             which they were added, so a changed price is only for information. The cart itself \
             is unaffected: its document depends on its version alone.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "The notices.")
        .json::<NoticesDocument>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogUnavailable, Kind::Overloaded])
}
