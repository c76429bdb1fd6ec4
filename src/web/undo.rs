//! `/api/carts/{id}/undo`.

use super::body::read_nothing;
use super::command::{Required, run};
use super::path::CartId;
use super::problem::Problem;
use super::shop::Shop;
use crate::cart::CartCommand;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

/// Asks for If-Match: what the last command is depends on what the shopper has seen.
pub async fn undo(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    shop: Data<Shop>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let (_, answer) = run(
        &shop,
        &request,
        id.0,
        &CartCommand::Undo,
        b"",
        Required::IfMatch,
    )
    .await?;
    Ok(answer.with_status(StatusCode::OK))
}
