//! `/api/carts/{id}/checkout`.

use crate::cart::document::CartDocument;
use crate::cart::{CartCommand, Money};
use crate::id::new_id;
use crate::web::api::command::{OF_COMMANDS, REPLAYED, describe_versioned_command, execute};
use crate::web::api::event_proof;
use crate::web::auth::cart::order_cookie;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/checkout").post(Rate::Command, check_out, describe_check_out)]
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
        order_id: new_id(),
        offers: state.catalogue.get().offers().clone(),
    };
    let response = execute(&state, &request, id.0, &command, &body).await?;
    let (version, order) = {
        let document = response.document()?;
        (document.version, document.order_id)
    };
    let token_hash = response.cart.contents().map(|contents| contents.token_hash);
    let cookie = token_hash.zip(order).and_then(|(token_hash, order)| {
        order_cookie(&request, &token_hash, order, state.secure_cookies)
    });
    let response = response.header(header::LINK, event_proof::link(id.0, version));
    match cookie {
        Some(cookie) => response.header(header::SET_COOKIE, cookie),
        None => response,
    }
    .finish(StatusCode::CREATED)
}

fn describe_check_out(operation: Operation<'_>) -> Operation<'_> {
    describe_versioned_command(operation)
        .named(Tag::Carts, "checkOut", "Check out")
        .description(
            "Closes the cart permanently, at the total the shopper agreed to. Units keep the \
             price at which they were added. Products and promotions that the shop no longer \
             offers are refused with 409, or recorded in the event, as configured; \
             `GET /api/carts/{id}/notices` shows them before. `Link` leads to the proof that the \
             order is in the log. `order_id` is the order's id: `GET /api/orders/{id}` follows it. \
             A browser that sent the cart's cookie gets one for the order.",
        )
        .required_headers(&[Header::IdempotencyKey])
        .body::<Checkout>(true)
        .responds(StatusCode::CREATED, "The checked-out cart with its order.")
        .json::<CartDocument<'static>>()
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::Link, Header::LogPosition])
        .may_have_headers(REPLAYED)
        .may_have_headers(&[Header::SetCookie])
        .problems(&[
            Kind::KeyRequired,
            Kind::EmptyCart,
            Kind::NoLongerOffered,
            Kind::TotalChanged,
        ])
}
