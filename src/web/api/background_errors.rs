//! `/api/background-errors`: what went wrong in the background lately.

use crate::background_errors::BackgroundError;
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::no_query;
use crate::web::http::problem::Problem;
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/background-errors").get(Rate::Unlimited, list, describe_list)]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BackgroundErrors")]
struct BackgroundErrorsDocument {
    /// The newest first, at most 50.
    items: Vec<BackgroundError>,
}

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(BackgroundErrorsDocument {
            items: state.background_errors.list(),
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Service,
            "listBackgroundErrors",
            "List recent errors in the background",
        )
        .description(
            "The warnings and errors that the parts of this node have logged lately, whatever \
             `logging.level` is: views, webhooks, the mirror, traces, checkpoints, witnesses, \
             orders, the log and others. Repeats are counted. They are kept in memory. Requests \
             that failed are in `GET /api/failures`.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "The errors.")
        .json::<BackgroundErrorsDocument>()
        .with_headers(&[Header::CacheControl])
}
