//! `/api/orders/{id}`: an order, and the warehouse's answer to it.

use crate::cart::Sku;
use crate::commands::{CommandContext, SpanParent};
use crate::history::EventRef;
use crate::orders::document::OrderDocument;
use crate::orders::{Order, OrderCommand};
use crate::views::orders;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::headers::{self, if_none_match, preferences};
use crate::web::http::path::{CartId, no_query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::{LOG_POSITION, etag};
use crate::web::http::trace;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/orders/{id}").get(Rate::Cart, get, describe_get),
        at("/api/orders/{id}/reservation").post(Rate::Unlimited, answer, describe_answer),
    ]
}

/// The longest reason that a warehouse can give, in characters.
const LONGEST_MESSAGE: usize = 200;

async fn get(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let order = authorized(&request, &state, id.0).await?;
    let document = OrderDocument::of(id.0, &order).ok_or_else(Problem::not_found)?;
    let mut response = if if_none_match(&request, document.version)? {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag(document.version)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    let response = response
        .content_type("application/json")
        .body(document.to_json());
    Ok(if response.status() == StatusCode::NOT_MODIFIED {
        response.drop_body().map_into_boxed_body()
    } else {
        response
    })
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Orders, "getOrder", "Get an order")
        .description(
            "The order of a checkout, which names it as `order_id`. It is placed some milliseconds \
             after the checkout; until then the request waits, as long as `Prefer: wait` says.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::IfNoneMatch, Header::Prefer, Header::Traceparent])
        .responds(StatusCode::OK, "The order.")
        .json::<OrderDocument<'static>>()
        .with_headers(&[Header::Etag, Header::CacheControl])
        .responds(
            StatusCode::NOT_MODIFIED,
            "Not modified: `If-None-Match` names the current `ETag`.",
        )
        .with_headers(&[Header::Etag])
        .may_have_headers(&[Header::CacheControl])
        .problems(&[
            Kind::LogUnavailable,
            Kind::ViewBehind,
            Kind::ViewUnavailable,
        ])
}

/// The order `id`, for a request with the token of its cart. Waits for an order that is about to
/// be placed, also if the view has not seen the checkout yet.
pub(super) async fn authorized(
    request: &HttpRequest,
    state: &AppState,
    id: Uuid,
) -> Result<Arc<Order>, Problem> {
    let token = CartTokenDigest::of(request);
    let deadline = Instant::now() + preferences(request).wait;
    let mut placing = state.arrivals.follow(id);
    let mut progress = state.views.progress_changes();
    let (mut end, mut is_awaited) = (None, false);
    loop {
        // Marked before each look, so that no change is missed.
        placing.version.borrow_and_update();
        progress.borrow_and_update();
        let (order, _) = state.orders.state(id).await?;
        if let Some(placed) = order.placed() {
            state.cart_row(placed.details.cart_id, token).await?;
            return Ok(order);
        }
        if !is_awaited {
            // The end of the log after the read above, which has seen all that was acknowledged.
            let end = match end {
                Some(end) => end,
                None => *end.insert(state.end().await?),
            };
            let found = state
                .views
                .query(&[orders::NAME], move |tables| orders::cart_of(tables, id));
            let found = found.await?;
            if let Some(cart) = found.answer {
                state.cart_row(cart, token.clone()).await?;
                is_awaited = true;
            } else if found.seen.position >= end {
                return Err(Problem::not_found());
            }
        }
        let changed = async {
            tokio::select! {
                changed = placing.version.changed() => changed,
                changed = progress.changed(), if !is_awaited => changed,
            }
        };
        let changed = tokio::time::timeout_at(deadline, changed).await;
        if !matches!(changed, Ok(Ok(()))) {
            let detail = "The order is not placed yet. Retry in a moment.";
            return Err(Problem::new(Kind::ViewBehind, detail).retry_after(1));
        }
    }
}

/// The warehouse's answer to an order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WarehouseAnswer")]
struct Answer {
    outcome: Outcome,
    /// Of a refusal: the reason in one sentence, as the shopper will see it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    message: Option<String>,
    /// Of a refusal: the products that are missing.
    #[serde(default)]
    #[schemars(length(max = 100))]
    skus: Vec<Sku>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WarehouseOutcome")]
enum Outcome {
    /// All units are reserved.
    Reserved,
    /// The order cannot be delivered, and nothing is reserved.
    Refused,
}

impl Answer {
    fn into_command(self) -> Result<OrderCommand, Problem> {
        let invalid = |detail: &str| Err(Problem::new(Kind::InvalidBody, detail));
        match (self.outcome, self.message) {
            (Outcome::Reserved, None) if self.skus.is_empty() => Ok(OrderCommand::Reserve),
            (Outcome::Reserved, _) => invalid("Only a refusal has message and skus."),
            (Outcome::Refused, None) => invalid("A refusal needs a message for the shopper."),
            (Outcome::Refused, Some(message)) => {
                let is_sentence = !message.trim().is_empty()
                    && message.chars().count() <= LONGEST_MESSAGE
                    && !message.chars().any(char::is_control);
                if !is_sentence || self.skus.len() > 100 {
                    return invalid(
                        "message must be one line of 1 to 200 characters, and skus at most 100.",
                    );
                }
                Ok(OrderCommand::Refuse {
                    message,
                    skus: self.skus,
                })
            }
        }
    }
}

async fn answer(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.warehouse.authorize(&request)?;
    let (answer, _) = read_json::<Answer>(&request, payload).await?;
    let command = answer.into_command()?;
    let context = CommandContext {
        correlation_id: headers::correlation_id(&request)?,
        trace_id: trace::own_id(&request),
        span: trace::span_of(&request).map(SpanParent::Request),
        // The placing of the order.
        cause: Some(EventRef {
            stream: id.0,
            version: 1,
        }),
        ..CommandContext::new(command.name(), "warehouse")
    };
    let handled = state.orders.handle(id.0, &command, &context, |_| true);
    let handled = handled.await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, etag(handled.version.0)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if let Some(position) = handled.position {
        response.insert_header((LOG_POSITION, HeaderValue::from(position.0)));
    }
    let document = OrderDocument::of(id.0, &handled.state).ok_or_else(Problem::not_found)?;
    Ok(response
        .content_type("application/json")
        .body(document.to_json()))
}

fn describe_answer(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Orders,
            "answerOrder",
            "Answer an order as the warehouse",
        )
        .description(
            "The warehouse has reserved all units of an order, or cannot deliver it. A repeated \
             answer changes nothing and gets the order as it is. The order is confirmed or \
             cancelled some milliseconds later. An answer that comes too late, because the order \
             was cancelled, gets 409: release what was reserved.",
        )
        .requires_warehouse()
        .body::<Answer>(true)
        .optional_headers(&[Header::CorrelationId, Header::Traceparent])
        .responds(StatusCode::OK, "The order right after the answer.")
        .json::<OrderDocument<'static>>()
        .with_headers(&[Header::Etag, Header::CacheControl])
        .may_have_headers(&[Header::LogPosition])
        .problems(&[
            Kind::WarehouseOnly,
            Kind::OrderSettled,
            Kind::LogUnavailable,
            Kind::OutcomeUnknown,
            Kind::Overloaded,
        ])
}
