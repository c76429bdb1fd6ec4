//! `/api/jobs`: the last rebuilds and verifications of this node.

use crate::jobs::JobRun;
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
    vec![at("/api/jobs").get(Rate::Unlimited, list, describe_list)]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobRuns")]
struct JobRuns {
    /// The newest first, at most 20 of each job.
    items: Vec<JobRun>,
}

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(JobRuns {
            items: state.job_history.list(),
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listJobs", "List rebuilds and verifications")
        .description(
            "The last 20 rebuilds and the last 20 verifications of this node, also those before \
             its last start. One that the end of the process cut off is `interrupted`. They are \
             kept in `jobs.json` beside the log.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "The runs.")
        .json::<JobRuns>()
        .with_headers(&[Header::CacheControl])
}
