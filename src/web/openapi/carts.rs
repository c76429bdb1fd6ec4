//! `/api/carts` and what changes a cart.

use super::headers::Header;
use super::operation::Operation;
use super::tag::Tag;
use crate::cart::document::CartDocument;
use crate::web::api::carts::{OpenCart, OpenedCart, Which};
use crate::web::api::checkout::Checkout;
use crate::web::api::items::{AddItem, SetQuantity};
use crate::web::api::promotion::ApplyPromotion;
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;
use serde_json::json;

const OPENED: &str = include_str!("examples/opened_cart.json");
const CART: &str = include_str!("examples/cart.json");
const CHECKED_OUT: &str = include_str!("examples/checked_out_cart.json");

/// What every answer to a command has.
const OF_COMMANDS: &[Header] = &[Header::Etag, Header::CacheControl, Header::ServerTiming];

/// What the answer to a repeated request has.
const REPLAYED: &[Header] = &[Header::IdempotentReplayed];

pub fn open(operation: Operation<'_>) -> Operation<'_> {
    written(operation)
        .named(Tag::Carts, "openCart", "Open a cart")
        .text("Nobody has to be known for it. The answer has the cart's token, this once: keep it. Under an `Idempotency-Key` the same cart is opened once, and its token told again.")
        .takes(&[
            Header::IdempotencyKey,
            Header::IfMatch,
            Header::CorrelationId,
            Header::Traceparent,
        ])
        .body::<OpenCart>(false, &json!({ "items": [{ "sku": "teapot", "quantity": 2 }] }))
        .answers(StatusCode::CREATED, "The cart, and its token.")
        .json::<OpenedCart>(OPENED)
        .with(OF_COMMANDS)
        .with(&[Header::LogPosition, Header::Location, Header::SetCookie])
        .maybe_with(REPLAYED)
        .leads_to(
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
            ],
            "$response.body#/id",
        )
        .refuses(&[
            Kind::AlreadyOpen,
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

pub fn get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Carts, "getCart", "A cart, as it is or as it was")
        .text("As it is, it comes from a view, which may be behind by some milliseconds: `min_version` waits for it. As it was, it is folded from the log: at a `version`, or `at` a time. The three exclude each other.")
        .for_the_carts_holder()
        .query::<Which>()
        .takes(&[Header::IfNoneMatch, Header::Prefer, Header::Traceparent])
        .answers(StatusCode::OK, "The cart.")
        .json::<CartDocument<'static>>(CART)
        .with(&[Header::Etag, Header::CacheControl])
        .maybe_with(&[Header::LogPosition, Header::ServerTiming])
        .answers(StatusCode::NOT_MODIFIED, "The cart is what `If-None-Match` names.")
        .with(&[Header::Etag])
        .maybe_with(&[
            Header::CacheControl,
            Header::LogPosition,
            Header::ServerTiming,
        ])
        .refuses(&[Kind::NoSuchVersion, Kind::ViewBehind, Kind::ViewUnavailable])
}

pub fn add(operation: Operation<'_>) -> Operation<'_> {
    minimal(command(operation))
        .named(Tag::Carts, "addItem", "Add units of a product")
        .text("A unit keeps the price at which it was added.")
        .body::<AddItem>(true, &json!({ "sku": "teapot", "quantity": 2 }))
        .answers(StatusCode::OK, "More of a product that was there.")
        .json::<CartDocument<'static>>(CART)
        .with(OF_COMMANDS)
        .with(&[Header::LogPosition])
        .maybe_with(REPLAYED)
        .answers(StatusCode::CREATED, "A new line.")
        .json::<CartDocument<'static>>(CART)
        .with(OF_COMMANDS)
        .with(&[Header::LogPosition])
        .maybe_with(REPLAYED)
        .refuses(&[
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

pub fn clear(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "clearCart", "Take everything out")
        .text("An empty cart stays as it is, and no event is written.")
        .reads_a_body()
}

pub fn set(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "setQuantity", "Set the quantity of a product")
        .text("0 takes the line out. The quantity that it has already changes nothing and writes no event. What is taken out are the units that were added last.")
        .body::<SetQuantity>(true, &json!({ "quantity": 3 }))
        .refuses(&[
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

pub fn remove(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "removeItem", "Take a product out")
        .reads_a_body()
        .refuses(&[Kind::NoSuchLine])
}

pub fn apply(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "applyPromotion", "Apply a promotion")
        .text("A cart has one promotion at most: this takes the place of another.")
        .body::<ApplyPromotion>(true, &json!({ "code": "TEA10" }))
        .refuses(&[Kind::UnknownPromotion])
}

pub fn remove_promotion(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "removePromotion", "Take the promotion off")
        .reads_a_body()
        .refuses(&[Kind::NoPromotion])
}

pub fn undo(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(asks_for_version(operation)))
        .named(Tag::Carts, "undo", "Undo the last command")
        .text("Writes the events that reverse the last command that is not undone yet; nothing is taken back out of the log. What the last command is depends on what the shopper has seen, hence `If-Match`.")
        .reads_a_body()
        .takes(&[Header::IdempotencyKey])
        .refuses(&[Kind::NothingToUndo])
}

pub fn check_out(operation: Operation<'_>) -> Operation<'_> {
    asks_for_version(operation)
        .named(Tag::Carts, "checkOut", "Check out")
        .text("Closes the cart for good, at the total that the shopper has agreed to.")
        .asks_for(&[Header::IdempotencyKey])
        .body::<Checkout>(true, &json!({ "expected_total": 4660 }))
        .answers(
            StatusCode::CREATED,
            "The cart, and the order that it has become.",
        )
        .json::<CartDocument<'static>>(CHECKED_OUT)
        .with(OF_COMMANDS)
        .with(&[Header::LogPosition])
        .maybe_with(REPLAYED)
        .refuses(&[Kind::KeyRequired, Kind::EmptyCart, Kind::TotalChanged])
}

/// What whatever writes to the log can be refused for.
fn written(operation: Operation<'_>) -> Operation<'_> {
    operation.refuses(&[
        Kind::VersionMismatch,
        Kind::HistoryLimit,
        Kind::KeyReused,
        Kind::LogUnavailable,
        Kind::OutcomeUnknown,
        Kind::Overloaded,
    ])
}

/// What every command to a cart that is there has in common.
fn common(operation: Operation<'_>) -> Operation<'_> {
    written(operation)
        .for_the_carts_holder()
        .takes(&[Header::CorrelationId, Header::Traceparent])
        .refuses(&[Kind::CartClosed, Kind::CartExpired])
}

fn command(operation: Operation<'_>) -> Operation<'_> {
    common(operation).takes(&[Header::IfMatch, Header::IdempotencyKey])
}

fn asks_for_version(operation: Operation<'_>) -> Operation<'_> {
    common(operation)
        .asks_for(&[Header::IfMatch])
        .refuses(&[Kind::PreconditionRequired])
}

/// May be answered without the cart.
fn minimal(operation: Operation<'_>) -> Operation<'_> {
    operation
        .takes(&[Header::Prefer])
        .answers(
            StatusCode::NO_CONTENT,
            "Done, where `Prefer: return=minimal` was sent and nothing was made.",
        )
        .with(OF_COMMANDS)
        .with(&[Header::PreferenceApplied])
        .maybe_with(REPLAYED)
        .maybe_with(&[Header::LogPosition])
}

/// Answers with the cart.
fn changed(operation: Operation<'_>) -> Operation<'_> {
    operation
        .answers(StatusCode::OK, "The cart as it is now.")
        .json::<CartDocument<'static>>(CART)
        .with(OF_COMMANDS)
        .maybe_with(REPLAYED)
        .maybe_with(&[Header::LogPosition])
}
