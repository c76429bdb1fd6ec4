//! `/api/carts/{id}/why` and `/api/carts/{id}/what-if`.

use crate::cart::document::CartDocument;
use crate::cart::explain::{self, Difference};
use crate::cart::{Cart, CartEvent};
use crate::decider::DecodedEvent;
use crate::history;
use crate::log::{Freshness, Version};
use crate::web::api::access::CartTokenDigest;
use crate::web::api::carts::no_such_version;
use crate::web::http::body::read_json;
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::state::AppState;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The version to explain; the newest if nothing is said.
    #[schemars(range(min = 1))]
    version: Option<u64>,
}

pub async fn why(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let which: Which = query(&request)?;
    state.cart(id.0, CartTokenDigest::of(&request)).await?;
    let history = history_of(&state, id.0, which.version).await?;
    let reached = history.last().map_or(0, |happened| happened.version);
    if which.version.is_some_and(|version| version != reached) {
        return Err(no_such_version());
    }
    let why = explain::why(id.0, &history).ok_or_else(no_such_version)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(why))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAside {
    /// The versions of the events to set aside, from 2.
    without: BTreeSet<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WhatIf")]
pub struct WhatIf<'a> {
    without: &'a BTreeSet<u64>,
    /// As it would be.
    cart: CartDocument<'a>,
    difference: Difference,
}

/// Answers what would have been; writes nothing, so it takes no idempotency key.
pub async fn what_if(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (set_aside, _) = read_json::<SetAside>(&request, payload).await?;
    let actual: &Cart = &*state.cart(id.0, CartTokenDigest::of(&request)).await?;
    let history = history_of(&state, id.0, None).await?;
    let last = history.last().map_or(0, |happened| happened.version);
    if let Some(stray) = set_aside
        .without
        .iter()
        .find(|version| !(2..=last).contains(*version))
    {
        return Err(Problem::new(
            Kind::CannotSetAside,
            format!(
                "Event {stray} cannot be set aside: versions 2 to {last} can. Without the first, there is no cart."
            ),
        )
        .with("max", last));
    }
    let cart = explain::what_if(&history, &set_aside.without);
    let (Some(is), Some(would_be)) = (actual.contents(), cart.contents()) else {
        return Err(Problem::not_found());
    };
    let answer = WhatIf {
        without: &set_aside.without,
        cart: CartDocument::of(id.0, &cart).ok_or_else(Problem::not_found)?,
        difference: explain::difference(is, would_be),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(answer))
}

async fn history_of(
    state: &AppState,
    id: Uuid,
    until: Option<u64>,
) -> Result<Vec<DecodedEvent<CartEvent>>, Problem> {
    let mut history = Vec::new();
    let (until, current) = (until.map(Version), Freshness::Linearizable);
    history::for_each(&*state.log, id, Version(0), until, current, |recorded| {
        history.push(history::happened(&recorded)?);
        Ok(())
    })
    .await?;
    Ok(history)
}
