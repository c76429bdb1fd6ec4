//! `/api/carts/{id}/undo`.

use crate::cart::CartCommand;
use crate::web::api::command::{
    describe_changed, describe_minimal, describe_versioned_command, execute,
};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_nothing;
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/undo").post(Rate::Command, undo, describe_undo)]
}

async fn undo(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let response = execute(&state, &request, id.0, &CartCommand::Undo, b"").await?;
    response.finish(StatusCode::OK)
}

fn describe_undo(operation: Operation<'_>) -> Operation<'_> {
    describe_changed(describe_minimal(describe_versioned_command(operation)))
        .named(Tag::Carts, "undo", "Undo the last command")
        .description(
            "Appends events that reverse the last command not yet undone; the log itself is \
             never changed. An undo is not undone: the next one reverses the command before. \
             `If-Match` is required, because the last command depends on the \
             version the shopper has seen.",
        )
        .reads_body()
        .optional_headers(&[Header::IdempotencyKey])
        .problems(&[Kind::NothingToUndo])
}
