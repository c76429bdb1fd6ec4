//! `/api/carts/{id}/promotion`.

use crate::cart::CartCommand;
use crate::web::api::command::{Required, run_bare, run_offered};
use crate::web::http::body::read_json;
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
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
    let (wanted, body) = read_json::<ApplyPromotion>(&request, payload).await?;
    let promotion = state.catalogue.promotion(&wanted.code).ok_or_else(|| {
        Problem::new(
            Kind::UnknownPromotion,
            "The shop has no promotion of that code. Check its letters and digits.",
        )
    });
    let command = promotion.cloned().map(CartCommand::ApplyPromotion);
    let (_, answer) =
        run_offered(&state, &request, id.0, "apply_promotion", command, &body).await?;
    Ok(answer.with_status(StatusCode::OK))
}

pub async fn remove(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let command = CartCommand::RemovePromotion;
    run_bare(&state, &request, id.0, payload, &command, Required::Nothing).await
}
