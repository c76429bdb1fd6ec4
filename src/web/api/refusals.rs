//! `/api/carts/{id}/refusals`: the commands that a cart has refused, which are not in the log.

use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::{CartId, no_query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::refused_commands::RefusedCommand;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/refusals").get(Rate::Cart, list, describe_list)]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CartRefusals")]
struct RefusalsDocument {
    id: Uuid,
    /// Oldest first, the newest 20 at most.
    refusals: Vec<RefusedCommand>,
}

async fn list(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    state.cart_row(id.0, CartTokenDigest::of(&request)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(RefusalsDocument {
            id: id.0,
            refusals: state.refusals.of(id.0),
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "listRefusals", "List refused commands")
        .description(
            "The commands that the cart has refused lately, each with the rule that refused it \
             and the version that it came after. They are not events: a refused command changes \
             nothing, and the log does not have it. Each node keeps those that it has refused \
             itself, in memory, until it stops or newer ones take their place.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "The refused commands.")
        .json::<RefusalsDocument>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogUnavailable])
}
