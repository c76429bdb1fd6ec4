//! `/api/carts/{id}/checkout`.

use crate::cart::{CartCommand, Money};
use crate::web::api::command::execute;
use crate::web::http::body::read_json;
use crate::web::http::path::CartId;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// The total that the shopper agreed to, in minor units.
    expected_total: Money,
}

pub async fn check_out(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (agreed, body) = read_json::<Checkout>(&request, payload).await?;
    let command = CartCommand::Checkout {
        expected_total: agreed.expected_total,
        order_id: Uuid::now_v7(),
    };
    let response = execute(&state, &request, id.0, &command, &body).await?;
    response.finish(StatusCode::CREATED)
}
