//! How every command passes through HTTP: its context from the headers, the write side, and the
//! cart after the command as the response.

use crate::cart::document::CartDocument;
use crate::cart::{Cart, CartCommand, Refusal};
use crate::commands::{CommandContext, CommandError, IdempotencyKey, SpanParent};
use crate::web::auth::cart::CartTokenDigest;
use crate::web::http::headers;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::{
    IDEMPOTENT_REPLAYED, LOG_POSITION, PREFERENCE_APPLIED, etag, server_timing,
};
use crate::web::http::trace;
use crate::web::openapi::{Header, Operation};
use crate::web::refused_commands::RefusedCommand;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Executes `command` on the cart `id` if the request has the cart's token, which only the opening
/// of a cart does not need. `body` is what the idempotency key is compared with on a retry.
pub async fn execute(
    state: &AppState,
    request: &HttpRequest,
    id: Uuid,
    command: &CartCommand,
    body: &[u8],
) -> Result<CartResponse, Problem> {
    let context = command_context(state, request, id, command, body)?;
    let token = CartTokenDigest::of(request);
    let opens = matches!(command, CartCommand::OpenCart { .. });
    let started = Instant::now();
    // The version that the command is decided on, at the last attempt.
    let version = Cell::new(0);
    let may = |cart: &Cart| {
        version.set(cart.contents().map_or(0, |contents| contents.version));
        opens || token.authorizes(cart)
    };
    let handled = state.commands.handle(id, command, &context, may).await;
    let handled = handled.map_err(|error| {
        let is_refusal = !opens && is_refusal(&error);
        let problem = Problem::from(error);
        if is_refusal {
            let (version, time) = (version.get(), started.elapsed());
            let refused = RefusedCommand::of(command, &context, version, &problem, time);
            state.refusals.add(id, refused);
        }
        problem
    })?;

    let mut response = HttpResponse::build(StatusCode::OK);
    response
        .insert_header((header::ETAG, etag(handled.version.0)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header(server_timing(&[
            ("decide", handled.decide_time),
            ("append", handled.append_time),
        ]));
    if let Some(position) = handled.position {
        response.insert_header((LOG_POSITION, HeaderValue::from(position.0)));
    }
    if handled.replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, HeaderValue::from_static("true")));
    }
    Ok(CartResponse {
        id,
        cart: handled.state,
        prefers_minimal: headers::preferences(request).minimal,
        response,
    })
}

/// Whether the cart has refused the command. Then it exists, and the sender may access it.
fn is_refusal(error: &CommandError<Refusal>) -> bool {
    match error {
        CommandError::Refused(_)
        | CommandError::VersionMismatch { .. }
        | CommandError::KeyReused => true,
        CommandError::NotFound
        | CommandError::History(_)
        | CommandError::NotWritten(_)
        | CommandError::Unknown(_)
        | CommandError::Overloaded => false,
    }
}

/// Reads the headers that come with `command`.
///
/// A checkout must not happen twice by accident, so it needs an idempotency key. What undo and
/// checkout do depends on the cart that the shopper has seen, so they need its version.
fn command_context(
    state: &AppState,
    request: &HttpRequest,
    id: Uuid,
    command: &CartCommand,
    body: &[u8],
) -> Result<CommandContext, Problem> {
    let key = headers::idempotency_key(request)?;
    let if_match = headers::if_match(request)?;
    let checks_out = matches!(command, CartCommand::Checkout { .. });
    if checks_out && key.is_none() {
        return Err(Problem::new(
            Kind::KeyRequired,
            "A checkout requires an Idempotency-Key, so that a retry never orders twice.",
        ));
    }
    if (checks_out || *command == CartCommand::Undo) && if_match.is_none() {
        return Err(Problem::new(
            Kind::PreconditionRequired,
            "If-Match with the cart's ETag is required, so that the command applies to the \
             version you have seen.",
        ));
    }
    Ok(CommandContext {
        correlation_id: headers::correlation_id(request)?,
        trace_id: trace::own_id(request),
        span: trace::span_of(request).map(SpanParent::Request),
        key: key.map(|key| {
            let method = request.method().as_str();
            let path = canonical_path(request, id);
            IdempotencyKey::new(
                &state.secret,
                &key,
                &[method.as_bytes(), path.as_bytes(), body],
            )
        }),
        if_match,
        ..CommandContext::new(command.name(), "shopper")
    })
}

/// The path that the router matched, decoded, with the id of the cart as cartlog writes it: a retry
/// may encode the path in another way. Logs contain digests of it.
fn canonical_path(request: &HttpRequest, id: Uuid) -> String {
    let mut path = request.match_info().as_str().to_owned();
    if let Some(sent) = request.match_info().get("id") {
        path = path.replacen(sent, &id.hyphenated().to_string(), 1);
    }
    path
}

/// The response to a command: the cart right after it, the same when the command is replayed.
pub struct CartResponse {
    id: Uuid,
    pub cart: Arc<Cart>,
    prefers_minimal: bool,
    response: HttpResponseBuilder,
}

impl CartResponse {
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> CartResponse {
        self.response.insert_header((name, value));
        self
    }

    pub fn document(&self) -> Result<CartDocument<'_>, Problem> {
        CartDocument::of(self.id, &self.cart).ok_or_else(Problem::not_found)
    }

    /// The cart with `status`, or 204 without a body if the client prefers that.
    pub fn finish(mut self, status: StatusCode) -> Result<HttpResponse, Problem> {
        if self.prefers_minimal {
            let applied = HeaderValue::from_static("return=minimal");
            return Ok(self
                .response
                .status(StatusCode::NO_CONTENT)
                .insert_header((PREFERENCE_APPLIED, applied))
                .finish());
        }
        let json = self.document()?.to_json();
        Ok(self.finish_with(status, json))
    }

    /// `json` with `status`, also if the client prefers no body.
    pub fn finish_with(mut self, status: StatusCode, json: Vec<u8>) -> HttpResponse {
        self.response
            .status(status)
            .content_type("application/json")
            .body(json)
    }
}

/// The headers of every response to a command.
pub const OF_COMMANDS: &[Header] = &[Header::Etag, Header::CacheControl, Header::ServerTiming];
/// The header of a response to a retry.
pub const REPLAYED: &[Header] = &[Header::IdempotentReplayed];

/// Describes what everything that writes to the log may be refused for.
pub fn describe_write(operation: Operation<'_>) -> Operation<'_> {
    operation.problems(&[
        Kind::VersionMismatch,
        Kind::HistoryLimit,
        Kind::KeyReused,
        Kind::LogUnavailable,
        Kind::OutcomeUnknown,
        Kind::Overloaded,
    ])
}

fn describe_cart_write(operation: Operation<'_>) -> Operation<'_> {
    describe_write(operation)
        .requires_cart_token()
        .optional_headers(&[Header::CorrelationId, Header::Traceparent])
        .problems(&[Kind::CartClosed, Kind::CartExpired])
}

/// Describes a command to an existing cart.
pub fn describe_command(operation: Operation<'_>) -> Operation<'_> {
    let operation =
        describe_cart_write(operation).optional_headers(&[Header::IfMatch, Header::IdempotencyKey]);
    describe_minimal(operation)
}

/// Describes a command to an existing cart that requires the cart's version.
pub fn describe_versioned_command(operation: Operation<'_>) -> Operation<'_> {
    describe_cart_write(operation)
        .required_headers(&[Header::IfMatch])
        .problems(&[Kind::PreconditionRequired])
}

/// Describes the response without the cart.
pub fn describe_minimal(operation: Operation<'_>) -> Operation<'_> {
    operation
        .optional_headers(&[Header::Prefer])
        .responds(
            StatusCode::NO_CONTENT,
            "Done; the request had `Prefer: return=minimal`.",
        )
        .with_headers(OF_COMMANDS)
        .with_headers(&[Header::PreferenceApplied])
        .may_have_headers(REPLAYED)
        .may_have_headers(&[Header::LogPosition])
}

/// Describes the response with the changed cart.
pub fn describe_changed(operation: Operation<'_>) -> Operation<'_> {
    operation
        .responds(StatusCode::OK, "The cart after the command.")
        .json::<CartDocument<'static>>()
        .with_headers(OF_COMMANDS)
        .may_have_headers(REPLAYED)
        .may_have_headers(&[Header::LogPosition])
}
