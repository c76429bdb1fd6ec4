//! What the endpoints that start and cancel a job of this node have in common.

use crate::jobs::NotCancelled;
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;

/// The request is accepted: the job's `status` right after it, and later at `path`.
pub fn accepted(path: &'static str, status: impl Serialize) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::LOCATION, path))
        .json(status)
}

/// The problem of a `job` that was not cancelled; its progress is at `path`.
pub fn not_cancelled(job: &str, reason: NotCancelled, path: &str) -> Problem {
    Problem::new(
        Kind::NotCancelled,
        format!("{job} not cancelled: {reason}. GET {path} shows the last one."),
    )
}
