//! `/api/insights/activity`: events over time, for charts.

use super::{OF_REPORTS, describe, report};
use crate::views::QueryResult;
use crate::views::insights::activity;
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

const MAX_STEPS: usize = 1_440;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ActivityQuery {
    /// Length of a time step.
    #[serde(default)]
    step: StepSize,
    /// Earliest time, inclusive.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// Latest time, exclusive.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StepSize {
    Minute,
    #[default]
    Hour,
    Day,
}

impl StepSize {
    fn minutes(self) -> i64 {
        match self {
            StepSize::Minute => 1,
            StepSize::Hour => 60,
            StepSize::Day => 24 * 60,
        }
    }
}

/// Time steps with at least one event.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Activity")]
struct ActivityDocument {
    step: StepSize,
    items: Vec<activity::Step>,
}

pub async fn get(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query: ActivityQuery = query(&request)?;
    let from = moment("from", query.from.as_deref())?;
    let to = moment("to", query.to.as_deref())?;
    let minutes = query.step.minutes();
    let result = state.views.query(&[activity::NAME], move |tables| {
        activity::steps(tables, minutes, from, to, MAX_STEPS)
    });
    let QueryResult { answer, seen } = result.await?;
    Ok(report(
        seen,
        &ActivityDocument {
            step: query.step,
            items: answer,
        },
    ))
}

pub fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    describe(operation, "getActivity", "Get activity over time")
        .description(
            "Time steps with at least one event, oldest first; at most the latest 1,440 of them.",
        )
        .query::<ActivityQuery>()
        .responds(StatusCode::OK, "Events per time step and type.")
        .json::<ActivityDocument>(include_str!("../examples/activity.json"))
        .with_headers(OF_REPORTS)
}
