//! `/api/carts/{id}/items` and `/api/carts/{id}/items/{sku}`.

use crate::cart::document::CartDocument;
use crate::cart::{CartCommand, Sku};
use crate::web::api::command::{
    OF_COMMANDS, REPLAYED, describe_changed, describe_command, execute,
};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::decode::{AtLeastOne, Quantity};
use crate::web::http::path::{CartId, PathSku};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/items").post(Rate::Command, add, describe_add).delete(
            Rate::Command,
            clear,
            describe_clear,
        ),
        at("/items/{sku}")
            .put(Rate::Command, set, describe_set)
            .delete(Rate::Command, remove, describe_remove),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddItem {
    sku: Sku,
    quantity: AtLeastOne,
}

/// 201 for a new line, 200 for more units on an existing one.
async fn add(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (item, body) = read_json::<AddItem>(&request, payload).await?;
    let requested = state
        .catalogue
        .get()
        .look_up(item.sku.clone(), item.quantity.0);
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

fn describe_add(operation: Operation<'_>) -> Operation<'_> {
    describe_command(operation)
        .named(Tag::Carts, "addItem", "Add units of a product")
        .description("Each unit keeps the price at which it was added.")
        .body::<AddItem>(true)
        .responds(StatusCode::OK, "Units added to an existing line.")
        .json::<CartDocument<'static>>()
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition])
        .may_have_headers(REPLAYED)
        .responds(StatusCode::CREATED, "New line created.")
        .json::<CartDocument<'static>>()
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition])
        .may_have_headers(REPLAYED)
        .problems(&[
            Kind::CurrencyMismatch,
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetQuantity {
    quantity: Quantity,
}

async fn set(
    request: HttpRequest,
    id: CartId,
    sku: PathSku,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (line, body) = read_json::<SetQuantity>(&request, payload).await?;
    let requested = state.catalogue.get().look_up(sku.0, line.quantity.0);
    let command = CartCommand::SetQuantity(requested);
    let response = execute(&state, &request, id.0, &command, &body).await?;
    response.finish(StatusCode::OK)
}

fn describe_set(operation: Operation<'_>) -> Operation<'_> {
    describe_changed(describe_command(operation))
        .named(Tag::Carts, "setQuantity", "Set the quantity of a product")
        .description(
            "0 removes the line. Setting the current quantity changes nothing and writes no \
             event. The units added last are removed first. The response is 200 also for a new \
             line.",
        )
        .body::<SetQuantity>(true)
        .problems(&[
            Kind::CurrencyMismatch,
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

async fn remove(
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

fn describe_remove(operation: Operation<'_>) -> Operation<'_> {
    describe_changed(describe_command(operation))
        .named(Tag::Carts, "removeItem", "Remove a product")
        .reads_body()
        .problems(&[Kind::NoSuchLine])
}

async fn clear(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let response = execute(&state, &request, id.0, &CartCommand::ClearCart, b"").await?;
    response.finish(StatusCode::OK)
}

fn describe_clear(operation: Operation<'_>) -> Operation<'_> {
    describe_changed(describe_command(operation))
        .named(Tag::Carts, "clearCart", "Remove all items")
        .description("Clearing an empty cart changes nothing and writes no event.")
        .reads_body()
}
