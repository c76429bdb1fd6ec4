//! `/api/carts/{id}/what-if`: the cart as it would be without some of its events.

use crate::cart::document::CartDocument;
use crate::cart::explain::{self, Difference};
use crate::log::Version;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/what-if").post(Rate::WhatIf, what_if, describe_what_if)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhatIfRequest {
    /// Versions of the events to leave out, from 2.
    without: BTreeSet<u64>,
}

#[derive(Serialize, JsonSchema)]
struct WhatIf<'a> {
    without: &'a BTreeSet<u64>,
    /// The cart as it would be.
    cart: CartDocument<'a>,
    difference: Difference,
}

/// Writes nothing, so it takes no idempotency key.
async fn what_if(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (WhatIfRequest { without }, _) = read_json(&request, payload).await?;
    let token = CartTokenDigest::of(&request);
    let turn = state.folds.turn().await?;
    let actual = state.newest_cart_in(&turn, id.0, token).await?;
    let actual = actual.contents().ok_or_else(Problem::not_found)?;
    let last = actual.version;
    let out_of_range = |version: &&u64| !(2..=last).contains(*version);
    if let Some(version) = without.iter().find(out_of_range) {
        return Err(Problem::new(
            Kind::CannotSetAside,
            format!(
                "Event {version} cannot be left out; versions 2 to {last} can. Event 1 creates \
                 the cart."
            ),
        )
        .with("max", last));
    }
    // Up to the same version: a later event would show as a difference.
    let cart = state
        .cart_without(&turn, id.0, Version(last), &without)
        .await?;
    drop(turn);
    let hypothetical = cart.contents().ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(WhatIf {
            without: &without,
            cart: CartDocument::of(id.0, &cart).ok_or_else(Problem::not_found)?,
            difference: explain::difference(actual, hypothetical),
        }))
}

fn describe_what_if(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Histories,
            "supposeWithout",
            "Get a cart without some events",
        )
        .description(
            "The cart as it would be without these events, and the difference. Nothing is \
             written, so `Idempotency-Key` and `If-Match` are ignored.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::Traceparent])
        .body::<WhatIfRequest>(true)
        .responds(StatusCode::OK, "The hypothetical cart and the difference.")
        .json::<WhatIf<'static>>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::CannotSetAside, Kind::Overloaded])
}
