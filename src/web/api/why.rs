//! `/api/carts/{id}/why`: every number in the cart with the events that produced it.

use crate::cart::CartEvent;
use crate::cart::explain::{self, Why};
use crate::decider::DecodedEvent;
use crate::history;
use crate::log::{Freshness, Version};
use crate::web::api::cart::no_such_version;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/why").get(get, describe_get)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// The version to explain; the newest by default.
    #[schemars(range(min = 1))]
    version: Option<u64>,
}

async fn get(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let WhyQuery { version } = query(&request)?;
    let newest = state.cart(id.0, CartTokenDigest::of(&request)).await?;
    let newest = newest.contents().ok_or_else(Problem::not_found)?.version;
    let history = history_of(&state, id.0, version.unwrap_or(newest)).await?;
    let reached = history.last().map_or(0, |event| event.version);
    if version.is_some_and(|version| version != reached) {
        return Err(no_such_version());
    }
    let why = explain::why(id.0, &history).ok_or_else(no_such_version)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(why))
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "getWhy", "Explain a cart's numbers")
        .description(
            "Every number in the cart as a sum over the events that produced it: `quantity × \
             unit_price` each, negative for removals. The sums are exact.",
        )
        .requires_cart_token()
        .query::<WhyQuery>()
        .optional_headers(&[Header::Traceparent])
        .responds(
            StatusCode::OK,
            "The cart's numbers and the events behind them.",
        )
        .json::<Why>(include_str!("examples/why.json"))
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NoSuchVersion])
}

/// The events of the cart `id`, up to version `until`.
pub async fn history_of(
    state: &AppState,
    id: Uuid,
    until: u64,
) -> Result<Vec<DecodedEvent<CartEvent>>, Problem> {
    let mut history = Vec::new();
    let (until, fresh) = (Some(Version(until)), Freshness::Linearizable);
    history::for_each(&*state.log, id, Version(0), until, fresh, |recorded| {
        history.push(history::decode(&recorded)?);
        Ok(())
    })
    .await?;
    Ok(history)
}
