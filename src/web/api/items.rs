//! `/api/carts/{id}/items` and `/api/carts/{id}/items/{sku}`.

use crate::cart::{CartCommand, Sku};
use crate::web::api::carts::offer;
use crate::web::api::command::{Required, run, run_bare, run_offered};
use crate::web::http::body::read_json;
use crate::web::http::decode::{AtLeastOne, Quantity};
use crate::web::http::path::{CartId, PathSku};
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddItem {
    sku: Sku,
    quantity: AtLeastOne,
}

/// 201 for a new line, 200 for more of one.
pub async fn add(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (item, body) = read_json::<AddItem>(&request, payload).await?;
    let command = offer(&state, &item.sku).map(|offer| CartCommand::AddItem {
        offer,
        quantity: item.quantity.0,
    });
    let (handled, answer) = run_offered(&state, &request, id.0, "add_item", command, &body).await?;
    // Told from the cart as it was right after the command, so that a repetition gets the same.
    let quantity = handled
        .state
        .contents()
        .map_or(0, |contents| contents.quantity(&item.sku));
    Ok(answer.with_status(if quantity == item.quantity.0 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuantity {
    quantity: Quantity,
}

pub async fn set(
    request: HttpRequest,
    id: CartId,
    sku: PathSku,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (wanted, body) = read_json::<SetQuantity>(&request, payload).await?;
    let command = CartCommand::SetQuantity {
        offer: state.catalogue.offer(&sku.0).cloned(),
        sku: sku.0,
        quantity: wanted.quantity.0,
    };
    let (_, answer) = run(&state, &request, id.0, &command, &body, Required::Nothing).await?;
    Ok(answer.with_status(StatusCode::OK))
}

pub async fn remove(
    request: HttpRequest,
    id: CartId,
    sku: PathSku,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let command = CartCommand::RemoveItem { sku: sku.0 };
    run_bare(&state, &request, id.0, payload, &command, Required::Nothing).await
}

pub async fn clear(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let command = CartCommand::ClearCart;
    run_bare(&state, &request, id.0, payload, &command, Required::Nothing).await
}
