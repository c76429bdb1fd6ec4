//! `/api/verify`: checks that the log is complete and unaltered, and that every view row equals the
//! fold of its events.

use crate::verify::VerifyStatus;
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

const PATH: &str = "/api/verify";

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
        .json(state.verifications.status()))
}

fn describe_status(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "getVerification", "Get verification status")
        .requires_operator()
        .responds(
            StatusCode::OK,
            "The running or most recent verification, with its findings.",
        )
        .json::<VerifyStatus>()
        .with_headers(&[Header::CacheControl])
}

async fn start(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    state.verifications.start().map_err(|error| {
        Problem::new(
            Kind::VerifyRunning,
            format!("Verification not started: {error}. GET {PATH} shows its progress."),
        )
    })?;
    Ok(accepted(PATH, state.verifications.status()))
}

fn describe_start(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "verify", "Verify the log and its views")
        .description(
            "Checks the hash chain of every stream, and each row of each view against the fold \
             of its events. Runs in the background and repairs nothing.",
        )
        .requires_operator()
        .reads_body()
        .responds(
            StatusCode::ACCEPTED,
            "Verification started; `Location` has its progress.",
        )
        .json::<VerifyStatus>()
        .with_headers(&[Header::CacheControl, Header::Location])
        .problems(&[Kind::VerifyRunning])
}

async fn cancel(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let cancelled = state.verifications.cancel();
    cancelled.map_err(|reason| not_cancelled("Verification", reason, PATH))?;
    Ok(accepted(PATH, state.verifications.status()))
}

fn describe_cancel(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "cancelVerification", "Cancel the verification")
        .description(
            "Ends the running verification soon. What it has found so far stays in its status.",
        )
        .requires_operator()
        .reads_body()
        .responds(
            StatusCode::ACCEPTED,
            "Verification cancelled; `Location` says when it has ended.",
        )
        .json::<VerifyStatus>()
        .with_headers(&[Header::CacheControl, Header::Location])
        .problems(&[Kind::NotCancelled])
}
