//! `/api/failures`: the requests that failed lately.

use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::failures::FailedRequest;
use crate::web::http::gate::Gate;
use crate::web::http::path::no_query;
use crate::web::http::problem::Problem;
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/failures").get(Rate::Unlimited, list, describe_list)]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FailedRequests")]
struct FailedRequests {
    /// The newest first, at most 100.
    items: Vec<FailedRequest>,
}

async fn list(
    request: HttpRequest,
    _: Operator,
    gate: Data<Gate>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(FailedRequests {
            items: gate.failures.list(),
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "listFailures", "List recent failures")
        .description(
            "The requests that this node has answered with 5xx lately, with the trace id that the \
             client got and the cause that it did not get. They are kept in memory. What was \
             refused at a limit, and reads that waited for a view in vain, are no failures.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "The failed requests.")
        .json::<FailedRequests>()
        .with_headers(&[Header::CacheControl])
}
