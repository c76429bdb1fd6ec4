//! `/api/carts` and what changes a cart.

use crate::cart::document::CartDocument;
use crate::web::api::carts::{OpenCart, OpenedCart, Which};
use crate::web::api::checkout::Checkout;
use crate::web::api::items::{AddItem, SetQuantity};
use crate::web::api::promotion::ApplyPromotion;
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;
use serde_json::json;

const OPENED: &str = include_str!("../api/examples/opened_cart.json");
const CART: &str = include_str!("../api/examples/cart.json");
const CHECKED_OUT: &str = include_str!("../api/examples/checked_out_cart.json");

/// What every answer to a command has.
const OF_COMMANDS: &[Header] = &[Header::Etag, Header::CacheControl, Header::ServerTiming];

/// What the answer to a repeated request has.
const REPLAYED: &[Header] = &[Header::IdempotentReplayed];

pub fn open(operation: Operation<'_>) -> Operation<'_> {
    written(operation)
        .named(Tag::Carts, "openCart", "Open a cart")
        .description("Nobody has to be known for it. The answer has the cart's token, this once: keep it. Under an `Idempotency-Key` the same cart is opened once, and its token told again.")
        .optional_headers(&[
            Header::IdempotencyKey,
            Header::IfMatch,
            Header::CorrelationId,
            Header::Traceparent,
        ])
        .body::<OpenCart>(false, &json!({ "items": [{ "sku": "teapot", "quantity": 2 }] }))
        .responds(StatusCode::CREATED, "The cart, and its token.")
        .json::<OpenedCart<'static>>(OPENED)
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
            ],
            "$response.body#/id",
        )
        .problems(&[
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
        .description("As it is, it comes from a view, which may be behind by some milliseconds: `min_version` waits for it. As it was, it is folded from the log: at a `version`, or `at` a time. The three exclude each other.")
        .requires_cart_token()
        .query::<Which>()
        .optional_headers(&[Header::IfNoneMatch, Header::Prefer, Header::Traceparent])
        .responds(StatusCode::OK, "The cart.")
        .json::<CartDocument<'static>>(CART)
        .with_headers(&[Header::Etag, Header::CacheControl])
        .may_have_headers(&[Header::LogPosition, Header::ServerTiming])
        .responds(StatusCode::NOT_MODIFIED, "The cart is what `If-None-Match` names.")
        .with_headers(&[Header::Etag])
        .may_have_headers(&[
            Header::CacheControl,
            Header::LogPosition,
            Header::ServerTiming,
        ])
        .problems(&[Kind::NoSuchVersion, Kind::ViewBehind, Kind::ViewUnavailable])
}

pub fn add(operation: Operation<'_>) -> Operation<'_> {
    minimal(command(operation))
        .named(Tag::Carts, "addItem", "Add units of a product")
        .description("A unit keeps the price at which it was added.")
        .body::<AddItem>(true, &json!({ "sku": "teapot", "quantity": 2 }))
        .responds(StatusCode::OK, "More of a product that was there.")
        .json::<CartDocument<'static>>(CART)
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition])
        .may_have_headers(REPLAYED)
        .responds(StatusCode::CREATED, "A new line.")
        .json::<CartDocument<'static>>(CART)
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition])
        .may_have_headers(REPLAYED)
        .problems(&[
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

pub fn clear(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "clearCart", "Take everything out")
        .description("An empty cart stays as it is, and no event is written.")
        .reads_body()
}

pub fn set(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "setQuantity", "Set the quantity of a product")
        .description("0 takes the line out. The quantity that it has already changes nothing and writes no event. What is taken out are the units that were added last.")
        .body::<SetQuantity>(true, &json!({ "quantity": 3 }))
        .problems(&[
            Kind::UnknownSku,
            Kind::QuantityLimit,
            Kind::LineLimit,
            Kind::TotalLimit,
        ])
}

pub fn remove(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "removeItem", "Take a product out")
        .reads_body()
        .problems(&[Kind::NoSuchLine])
}

pub fn apply(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "applyPromotion", "Apply a promotion")
        .description("A cart has one promotion at most: this takes the place of another.")
        .body::<ApplyPromotion>(true, &json!({ "code": "TEA10" }))
        .problems(&[Kind::UnknownPromotion])
}

pub fn remove_promotion(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(command(operation)))
        .named(Tag::Carts, "removePromotion", "Take the promotion off")
        .reads_body()
        .problems(&[Kind::NoPromotion])
}

pub fn undo(operation: Operation<'_>) -> Operation<'_> {
    changed(minimal(asks_for_version(operation)))
        .named(Tag::Carts, "undo", "Undo the last command")
        .description("Writes the events that reverse the last command that is not undone yet; nothing is taken back out of the log. What the last command is depends on what the shopper has seen, hence `If-Match`.")
        .reads_body()
        .optional_headers(&[Header::IdempotencyKey])
        .problems(&[Kind::NothingToUndo])
}

pub fn check_out(operation: Operation<'_>) -> Operation<'_> {
    asks_for_version(operation)
        .named(Tag::Carts, "checkOut", "Check out")
        .description("Closes the cart for good, at the total that the shopper has agreed to.")
        .required_headers(&[Header::IdempotencyKey])
        .body::<Checkout>(true, &json!({ "expected_total": 4660 }))
        .responds(
            StatusCode::CREATED,
            "The cart, and the order that it has become.",
        )
        .json::<CartDocument<'static>>(CHECKED_OUT)
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::LogPosition])
        .may_have_headers(REPLAYED)
        .problems(&[Kind::KeyRequired, Kind::EmptyCart, Kind::TotalChanged])
}

/// What whatever writes to the log can be refused for.
fn written(operation: Operation<'_>) -> Operation<'_> {
    operation.problems(&[
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
        .requires_cart_token()
        .optional_headers(&[Header::CorrelationId, Header::Traceparent])
        .problems(&[Kind::CartClosed, Kind::CartExpired])
}

fn command(operation: Operation<'_>) -> Operation<'_> {
    common(operation).optional_headers(&[Header::IfMatch, Header::IdempotencyKey])
}

fn asks_for_version(operation: Operation<'_>) -> Operation<'_> {
    common(operation)
        .required_headers(&[Header::IfMatch])
        .problems(&[Kind::PreconditionRequired])
}

/// May be answered without the cart.
fn minimal(operation: Operation<'_>) -> Operation<'_> {
    operation
        .optional_headers(&[Header::Prefer])
        .responds(
            StatusCode::NO_CONTENT,
            "Done, where `Prefer: return=minimal` was sent and nothing was made.",
        )
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::PreferenceApplied])
        .may_have_headers(REPLAYED)
        .may_have_headers(&[Header::LogPosition])
}

/// Answers with the cart.
fn changed(operation: Operation<'_>) -> Operation<'_> {
    operation
        .responds(StatusCode::OK, "The cart as it is now.")
        .json::<CartDocument<'static>>(CART)
        .with_headers(OF_COMMANDS)
        .may_have_headers(REPLAYED)
        .may_have_headers(&[Header::LogPosition])
}
