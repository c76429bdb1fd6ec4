//! `/api/carts/{id}/undo`.

use crate::cart::CartCommand;
use crate::web::api::command::{Required, run_bare};
use crate::web::http::path::CartId;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

/// Asks for If-Match: what the last command is depends on what the shopper has seen.
pub async fn undo(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let command = CartCommand::Undo;
    run_bare(&state, &request, id.0, payload, &command, Required::IfMatch).await
}
