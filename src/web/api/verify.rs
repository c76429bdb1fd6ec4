//! `/api/verify`: whether the log is whole and every row of every view what its events add up to.

use crate::web::api::operator::Operator;
use crate::web::http::body::read_nothing;
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::state::AppState;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

const VERIFY: &str = "/api/verify";

/// Starts a verification.
pub async fn start(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    state.verifications.start().map_err(|error| {
        Problem::new(
            Kind::VerifyRunning,
            format!("Nothing was started: {error}. GET {VERIFY} says how far that is."),
        )
    })?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::LOCATION, VERIFY))
        .json(state.verifications.status()))
}

/// What the verification that runs, or ran last, is at, and what it has found.
pub async fn status(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(state.verifications.status()))
}
