//! `/api/carts/{id}/undo`.

use crate::cart::CartCommand;
use crate::web::api::command::execute;
use crate::web::http::body::read_nothing;
use crate::web::http::path::CartId;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

pub async fn undo(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let response = execute(&state, &request, id.0, &CartCommand::Undo, b"").await?;
    response.finish(StatusCode::OK)
}
