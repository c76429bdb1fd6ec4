//! `/api/views/rebuild`: the rebuild of all views.

use crate::views::RebuildStatus;
use crate::web::api::job_control::{accepted, not_cancelled};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_nothing;
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

const PATH: &str = "/api/views/rebuild";

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at(PATH)
            .get(Rate::Unlimited, status, describe_status)
            .post(Rate::Unlimited, start, describe_start)
            .delete(Rate::Unlimited, cancel, describe_cancel),
    ]
}

async fn status(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(state.rebuilds.status()))
}

fn describe_status(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "getRebuild", "Get rebuild status")
        .requires_operator()
        .responds(StatusCode::OK, "The running or most recent rebuild.")
        .json::<RebuildStatus>()
        .with_headers(&[Header::CacheControl])
}

async fn start(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    state.rebuilds.start().map_err(|error| {
        Problem::new(
            Kind::RebuildRunning,
            format!("Rebuild not started: {error}. GET {PATH} shows its progress."),
        )
    })?;
    Ok(accepted(PATH, state.rebuilds.status()))
}

fn describe_start(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "rebuildViews", "Rebuild views")
        .description(
            "Rebuilds all views from the log in the background, compares them with the serving \
             views row by row, and swaps them in without downtime.",
        )
        .requires_operator()
        .reads_body()
        .responds(
            StatusCode::ACCEPTED,
            "Rebuild started; `Location` has its progress.",
        )
        .json::<RebuildStatus>()
        .with_headers(&[Header::CacheControl, Header::Location])
        .problems(&[Kind::RebuildRunning])
}

async fn cancel(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let cancelled = state.rebuilds.cancel();
    cancelled.map_err(|reason| not_cancelled("Rebuild", reason, PATH))?;
    Ok(accepted(PATH, state.rebuilds.status()))
}

fn describe_cancel(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "cancelRebuild", "Cancel the rebuild")
        .description(
            "Ends the running rebuild soon. The views that serve are left as they are, and the \
             new ones are removed. Where the new views were about to serve, they do. A rebuild \
             that the service has started itself is not cancelled: views are missing, damaged \
             or of another definition.",
        )
        .requires_operator()
        .reads_body()
        .responds(
            StatusCode::ACCEPTED,
            "Rebuild cancelled; `Location` says when it has ended.",
        )
        .json::<RebuildStatus>()
        .with_headers(&[Header::CacheControl, Header::Location])
        .problems(&[Kind::NotCancelled])
}
