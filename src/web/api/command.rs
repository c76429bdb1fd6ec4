//! The way of every command through HTTP: conditions and key from the headers, the write side, and
//! the cart as the answer.

use crate::cart::document::CartDocument;
use crate::cart::{Cart, CartCommand};
use crate::commands::{Envelope, Handled, IdempotencyKey};
use crate::web::api::access::CartTokenDigest;
use crate::web::http::body::read_nothing;
use crate::web::http::headers;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::{
    IDEMPOTENT_REPLAYED, LOG_POSITION, PREFERENCE_APPLIED, etag, server_timing,
};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use uuid::Uuid;

/// What a command cannot be sent without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    Nothing,
    /// Which version the shopper has seen.
    IfMatch,
    /// That, and a key: repeating a checkout by accident must not be possible.
    IfMatchAndKey,
}

/// What a command's request says apart from the command.
#[derive(Debug, Clone)]
pub struct Said {
    /// The idempotency key as it was sent.
    pub key: Option<String>,
    envelope: Envelope,
}

/// Reads what `request`, with its `body`, says of the command called `command`.
pub fn said(
    request: &HttpRequest,
    body: &[u8],
    command: &'static str,
    required: Required,
) -> Result<Said, Problem> {
    let key = headers::idempotency_key(request)?;
    let if_match = headers::if_match(request)?;
    if required == Required::IfMatchAndKey && key.is_none() {
        return Err(Problem::new(
            Kind::KeyRequired,
            "A checkout needs an Idempotency-Key, so that repeating it never orders twice.",
        ));
    }
    if required != Required::Nothing && if_match.is_none() {
        return Err(Problem::new(
            Kind::PreconditionRequired,
            "Send If-Match with the cart's ETag, so that this happens to the cart that you have seen.",
        ));
    }
    let method = request.method().as_str().as_bytes();
    let path = request.path().as_bytes();
    Ok(Said {
        envelope: Envelope {
            correlation_id: headers::correlation_id(request)?,
            trace_id: headers::trace_id(request).map(str::to_owned),
            key: key
                .as_deref()
                .map(|key| IdempotencyKey::new(key, &[method, path, body])),
            if_match,
            ..Envelope::new(command, "shopper")
        },
        key,
    })
}

/// Sends `command` to the cart `id` on behalf of whoever holds the cart's token.
pub async fn carry_out(
    state: &AppState,
    request: &HttpRequest,
    id: Uuid,
    command: &CartCommand,
    said: &Said,
) -> Result<Handled<Cart>, Problem> {
    let token = CartTokenDigest::of(request);
    let may = |cart: &Cart| token.authorizes(cart);
    let handled = state
        .commands
        .handle(id, command, &said.envelope, may)
        .await?;
    Ok(handled)
}

/// Sends the command that opens the cart `id`, for which nobody can have a token yet.
pub async fn carry_out_opening(
    state: &AppState,
    id: Uuid,
    command: Result<CartCommand, Problem>,
    said: &Said,
) -> Result<Handled<Cart>, Problem> {
    carry_out_offered(state, id, command, said, |_| true).await
}

/// Sends the command that is made of what the shop offers, if the sender `may`. Without one, since the
/// shop does not offer what it is for, only a repetition has an answer.
async fn carry_out_offered(
    state: &AppState,
    id: Uuid,
    command: Result<CartCommand, Problem>,
    said: &Said,
    may: impl Fn(&Cart) -> bool,
) -> Result<Handled<Cart>, Problem> {
    let commands = &state.commands;
    match command {
        Ok(command) => Ok(commands.handle(id, &command, &said.envelope, may).await?),
        Err(unoffered) => {
            let repeated = commands.repetition(id, &said.envelope, may).await?;
            repeated.ok_or(unoffered)
        }
    }
}

/// From the body and the headers to the answer, for a command whose answer is the cart as it is.
pub async fn run(
    state: &AppState,
    request: &HttpRequest,
    id: Uuid,
    command: &CartCommand,
    body: &[u8],
    required: Required,
) -> Result<(Handled<Cart>, CartAnswer), Problem> {
    let said = said(request, body, command.name(), required)?;
    let handled = carry_out(state, request, id, command, &said).await?;
    let answer = CartAnswer::new(request, id, &handled)?;
    Ok((handled, answer))
}

/// Like [`run`], for the command called `name` that is made of what the shop offers. An offer may be
/// gone by the time that a request is repeated, which is answered as it was all the same.
pub async fn run_offered(
    state: &AppState,
    request: &HttpRequest,
    id: Uuid,
    name: &'static str,
    command: Result<CartCommand, Problem>,
    body: &[u8],
) -> Result<(Handled<Cart>, CartAnswer), Problem> {
    let said = said(request, body, name, Required::Nothing)?;
    let token = CartTokenDigest::of(request);
    let may = |cart: &Cart| token.authorizes(cart);
    let handled = carry_out_offered(state, id, command, &said, may).await?;
    let answer = CartAnswer::new(request, id, &handled)?;
    Ok((handled, answer))
}

/// From the headers alone to the answer, for a command of which nothing is to be said beside its path.
pub async fn run_bare(
    state: &AppState,
    request: &HttpRequest,
    id: Uuid,
    payload: Payload,
    command: &CartCommand,
    required: Required,
) -> Result<HttpResponse, Problem> {
    read_nothing(request, payload).await?;
    let (_, answer) = run(state, request, id, command, b"", required).await?;
    Ok(answer.with_status(StatusCode::OK))
}

/// The answer to a command: the cart as it is after it.
pub struct CartAnswer {
    /// The cart's document.
    pub json: Vec<u8>,
    minimal: bool,
    response: HttpResponseBuilder,
}

impl CartAnswer {
    pub fn new(
        request: &HttpRequest,
        id: Uuid,
        handled: &Handled<Cart>,
    ) -> Result<CartAnswer, Problem> {
        let document = CartDocument::of(id, &handled.state).ok_or_else(Problem::not_found)?;
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
        Ok(CartAnswer {
            json: document.to_json(),
            minimal: headers::preferences(request).minimal,
            response,
        })
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> CartAnswer {
        self.response.insert_header((name, value));
        self
    }

    /// The answer with `status`, or 204 without a body where the client prefers that. What is new
    /// is no less so: a line or an order is found where the cart is.
    pub fn with_status(mut self, status: StatusCode) -> HttpResponse {
        if self.minimal {
            return self
                .response
                .status(StatusCode::NO_CONTENT)
                .insert_header((
                    PREFERENCE_APPLIED,
                    HeaderValue::from_static("return=minimal"),
                ))
                .finish();
        }
        self.in_full(status)
    }

    /// The answer with `status` and its body, whatever the client prefers: for what is told once.
    pub fn in_full(mut self, status: StatusCode) -> HttpResponse {
        self.response
            .status(status)
            .content_type("application/json")
            .body(self.json)
    }
}
