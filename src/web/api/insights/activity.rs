//! `/api/insights/activity`: events over time, for charts.

use super::{OF_REPORTS, describe, report};
use crate::timestamp::Timestamp;
use crate::views::QueryResult;
use crate::views::insights::activity;
use crate::web::api::operator::Operator;
use crate::web::http::path::{moment, parameter, query};
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
    /// Offset from UTC at which days and hours begin, such as `+02:00` (sent as `%2B02:00`). It is
    /// the same for all steps: a time zone's offset may differ between summer and winter.
    #[serde(default = "utc")]
    #[schemars(extend("pattern" = "^(Z|[+-][0-9]{2}:[0-9]{2})$", "default" = "Z"))]
    tz: String,
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

fn utc() -> String {
    "Z".to_owned()
}

/// Parses an offset from UTC as RFC 3339 writes it, in minutes.
fn offset_minutes(text: &str) -> Result<i64, &'static str> {
    const INVALID: &str = "an offset from UTC must be Z, or such as +02:00 or -03:30";
    if !text.starts_with(['Z', '+', '-']) {
        return Err(INVALID);
    }
    let midnight = Timestamp::parse(&format!("1970-01-01T00:00:00{text}"));
    midnight
        .map(|midnight| -midnight.millis() / 60_000)
        .map_err(|_| INVALID)
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
    let offset = parameter("tz", &query.tz, offset_minutes)?;
    let minutes = query.step.minutes();
    let result = state.views.query(&[activity::NAME], move |tables| {
        activity::steps(tables, minutes, offset, (from, to), MAX_STEPS)
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
            "Time steps with at least one event, oldest first; at most the latest 1,440 of them. \
             Days and hours begin at the offset `tz` from UTC; `at` is in UTC.",
        )
        .query::<ActivityQuery>()
        .responds(StatusCode::OK, "Events per time step and type.")
        .json::<ActivityDocument>()
        .with_headers(OF_REPORTS)
}
