//! `/api/carts/{id}/promotion`.

use crate::cart::CartCommand;
use crate::web::api::command::{describe_changed, describe_command, execute};
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/promotion")
            .put(Rate::Command, apply, describe_apply)
            .delete(Rate::Command, remove, describe_remove),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApplyPromotion {
    code: String,
}

async fn apply(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (applied, body) = read_json::<ApplyPromotion>(&request, payload).await?;
    // The cart comes first: codes must not be guessed without one.
    state.cart(id.0, CartTokenDigest::of(&request)).await?;
    let promotion = state.catalogue.get().promotion(&applied.code).cloned();
    let command = CartCommand::ApplyPromotion { promotion };
    let response = execute(&state, &request, id.0, &command, &body).await?;
    response.finish(StatusCode::OK)
}

fn describe_apply(operation: Operation<'_>) -> Operation<'_> {
    describe_changed(describe_command(operation))
        .named(Tag::Carts, "applyPromotion", "Apply a promotion")
        .description(
            "A cart has at most one promotion; a new one replaces it. A percentage is of the \
             items' total, rounded to a minor unit, half of one up.",
        )
        .body::<ApplyPromotion>(true)
        .problems(&[Kind::CurrencyMismatch, Kind::UnknownPromotion])
}

async fn remove(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let command = CartCommand::RemovePromotion;
    let response = execute(&state, &request, id.0, &command, b"").await?;
    response.finish(StatusCode::OK)
}

fn describe_remove(operation: Operation<'_>) -> Operation<'_> {
    describe_changed(describe_command(operation))
        .named(Tag::Carts, "removePromotion", "Remove the promotion")
        .reads_body()
        .problems(&[Kind::NoPromotion])
}
