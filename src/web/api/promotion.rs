//! `/api/carts/{id}/promotion`.

use crate::cart::CartCommand;
use crate::web::api::command::execute;
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::path::CartId;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyPromotion {
    code: String,
}

pub async fn apply(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (applied, body) = read_json::<ApplyPromotion>(&request, payload).await?;
    let promotion = state.catalogue.promotion(&applied.code).cloned();
    let command = CartCommand::ApplyPromotion { promotion };
    let response = execute(&state, &request, id.0, &command, &body).await?;
    response.finish(StatusCode::OK)
}

pub async fn remove(
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
