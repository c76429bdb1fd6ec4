//! `/api/carts/{id}/items` and `/api/carts/{id}/items/{sku}`.

use crate::cart::{CartCommand, Sku};
use crate::web::api::command::execute;
use crate::web::http::body::{read_json, read_nothing};
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

/// 201 for a new line, 200 for more units on an existing one.
pub async fn add(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (item, body) = read_json::<AddItem>(&request, payload).await?;
    let requested = state.catalogue.look_up(item.sku.clone(), item.quantity.0);
    let command = CartCommand::AddItem(requested);
    let response = execute(&state, &request, id.0, &command, &body).await?;
    let contents = response.cart.contents();
    let quantity = contents.map_or(0, |contents| contents.quantity(&item.sku));
    response.finish(if quantity == item.quantity.0 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    })
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
    let (line, body) = read_json::<SetQuantity>(&request, payload).await?;
    let command = CartCommand::SetQuantity(state.catalogue.look_up(sku.0, line.quantity.0));
    let response = execute(&state, &request, id.0, &command, &body).await?;
    response.finish(StatusCode::OK)
}

pub async fn remove(
    request: HttpRequest,
    id: CartId,
    sku: PathSku,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let command = CartCommand::RemoveItem { sku: sku.0 };
    let response = execute(&state, &request, id.0, &command, b"").await?;
    response.finish(StatusCode::OK)
}

pub async fn clear(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let response = execute(&state, &request, id.0, &CartCommand::ClearCart, b"").await?;
    response.finish(StatusCode::OK)
}
