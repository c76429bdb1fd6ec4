//! `/api/insights/funnel`: from opened carts to orders.

use super::{OF_REPORTS, describe, idle_since, report};
use crate::timestamp::Timestamp;
use crate::views::QueryResult;
use crate::views::carts;
use crate::views::insights::journeys::{self, Funnel};
use crate::web::api::operator::Operator;
use crate::web::http::path::{moment, query};
use crate::web::http::problem::Problem;
use crate::web::openapi::Operation;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FunnelQuery {
    /// Earliest time, inclusive.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// Latest time, exclusive.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
}

/// The conversion funnel.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FunnelAsOf")]
struct FunnelDocument {
    #[serde(flatten)]
    funnel: Funnel,
    /// Open carts without events since this time count as idle.
    idle_since: Timestamp,
}

pub async fn get(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query: FunnelQuery = query(&request)?;
    let from = moment("from", query.from.as_deref())?;
    let to = moment("to", query.to.as_deref())?;
    let idle_since = idle_since(&state);
    let result = state
        .views
        .query(&[journeys::NAME, carts::NAME], move |tables| {
            journeys::funnel(tables, from, to, idle_since)
        });
    let QueryResult { answer, seen } = result.await?;
    Ok(report(
        seen,
        &FunnelDocument {
            funnel: answer,
            idle_since,
        },
    ))
}

pub fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    describe(operation, "getFunnel", "Get conversion funnel")
        .description("Counts the carts opened from `from` until `to`.")
        .query::<FunnelQuery>()
        .responds(StatusCode::OK, "The funnel.")
        .json::<FunnelDocument>()
        .with_headers(OF_REPORTS)
}
