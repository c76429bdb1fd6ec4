//! `/api/carts/{id}/checkout`.

use crate::cart::document::CartDocument;
use crate::cart::{CartCommand, Money};
use crate::web::api::command::{OF_COMMANDS, REPLAYED, describe_versioned_command, execute};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/checkout").post(check_out, describe_check_out)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Checkout {
    /// The total the shopper agreed to, in minor units.
    expected_total: Money,
}

async fn check_out(
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

fn describe_check_out(operation: Operation<'_>) -> Operation<'_> {
    describe_versioned_command(operation)
        .named(Tag::Carts, "checkOut", "Check out")
        .description("Closes the cart permanently, at the total the shopper agreed to.")
        .required_headers(&[Header::IdempotencyKey])
        .body::<Checkout>(true, &json!({ "expected_total": 4660 }))
        .responds(StatusCode::CREATED, "The checked-out cart with its order.")
        .json::<CartDocument<'static>>(include_str!("examples/checked_out_cart.json"))
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition])
        .may_have_headers(REPLAYED)
        .problems(&[Kind::KeyRequired, Kind::EmptyCart, Kind::TotalChanged])
}
