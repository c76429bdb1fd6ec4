//! `/api/carts`: opening a cart.

use crate::cart::document::CartDocument;
use crate::cart::{CartCommand, Sku};
use crate::web::api::command::{OF_COMMANDS, REPLAYED, describe_write, execute};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_optional_json;
use crate::web::http::decode::{AtLeastOne, Object};
use crate::web::http::headers::idempotency_key;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/carts").post(Rate::Open, open, describe_open)]
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OpenCart {
    /// The first items.
    #[serde(default)]
    items: Vec<Object<Item>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Item {
    sku: Sku,
    quantity: AtLeastOne,
}

async fn open(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (opening, body) = read_optional_json::<OpenCart>(&request, payload).await?;
    let catalogue = state.catalogue.get();
    let items = opening.items.into_iter();
    let items = items.map(|Object(item)| catalogue.look_up(item.sku, item.quantity.0));
    let credentials = match idempotency_key(&request)? {
        Some(key) => state.credentials.issue_for_key(&key)?,
        None => state.credentials.issue()?,
    };
    let command = CartCommand::OpenCart {
        currency: catalogue.currency,
        token_hash: credentials.token_hash(),
        items: items.collect(),
    };
    let response = execute(&state, &request, credentials.id, &command, &body).await?;
    let json = serde_json::to_vec(&OpenedCart {
        cart: response.document()?,
        token: &credentials.token,
    });
    let location = HeaderValue::from_str(&format!("/api/carts/{}", credentials.id))
        .expect("a path with a UUID makes a header value");
    let cookie = credentials.cookie(state.secure_cookies);
    Ok(response
        .header(header::LOCATION, location)
        .header(header::SET_COOKIE, cookie)
        .finish_with(StatusCode::CREATED, json.map_err(Problem::internal)?))
}

/// The new cart with its token.
#[derive(Serialize, JsonSchema)]
struct OpenedCart<'a> {
    #[serde(flatten)]
    cart: CartDocument<'a>,
    /// Authorizes requests for this cart. It is returned only here: store it.
    token: &'a str,
}

fn describe_open(operation: Operation<'_>) -> Operation<'_> {
    describe_write(operation)
        .named(Tag::Carts, "openCart", "Open a cart")
        .description(
            "No authentication required. The response contains the cart's token, which is \
             returned only once: store it. With an `Idempotency-Key`, a retry returns the same \
             cart and token, so the key must be as hard to guess as the token: a random UUID. The \
             cart's id is then a UUIDv8, otherwise a UUIDv7. For `If-Match`, a cart that is not \
             open yet is at version 0.",
        )
        .optional_headers(&[
            Header::OpeningKey,
            Header::IfMatch,
            Header::CorrelationId,
            Header::Traceparent,
        ])
        .body::<OpenCart>(false)
        .responds(StatusCode::CREATED, "The new cart with its token.")
        .json::<OpenedCart<'static>>()
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition, Header::Location, Header::SetCookie])
        .may_have_headers(REPLAYED)
        .links_to(
            &[
                "getCart",
                "addItem",
                "setQuantity",
                "removeItem",
                "clearCart",
                "applyPromotion",
                "removePromotion",
                "undo",
                "checkOut",
                "listCartEvents",
                "getTimeline",
                "getWhy",
                "supposeWithout",
                "getNotices",
                "listRefusals",
            ],
            "$response.body#/id",
        )
        .problems(&[
            Kind::AlreadyOpen,
            Kind::GuessableKey,
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}
