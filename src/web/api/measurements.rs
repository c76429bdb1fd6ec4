//! `/api/measurements`: what this node did over time, and the task that records it.

use crate::build;
use crate::timestamp::Timestamp;
use crate::web::api::operator::Operator;
use crate::web::api::views::Lags;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::query;
use crate::web::http::problem::Problem;
use crate::web::http::rate::Rate;
use crate::web::measurements::{Measurement, Period, STEP, Snapshot};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use tokio::time::{MissedTickBehavior, interval};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/measurements").get(Rate::Unlimited, list, describe_list)]
}

/// Records what this node does, until the service stops.
pub async fn measure(state: AppState) {
    let mut stopping = state.stopping.clone();
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => state.measurements.record(&snapshot(&state).await),
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

async fn snapshot(state: &AppState) -> Snapshot {
    // An unknown lag is missing in the charts; `/metrics` and the views say why.
    let lags = Lags::of(state).await.ok();
    Snapshot {
        at: Timestamp::now(),
        taken: Instant::now(),
        head: lags.as_ref().map(|lags| lags.head.0),
        lag_ms: lags.as_ref().map(Lags::longest_ms),
        totals: state.metrics.totals(),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MeasurementsQuery {
    /// `15m` in steps of 10 seconds, or `24h` in steps of 10 minutes.
    #[serde(default)]
    period: Period,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Measurements")]
struct MeasurementsDocument {
    node: String,
    version: &'static str,
    /// Live streams that are open.
    open_streams: usize,
    /// Size of the log's file, or of this node's replica of it, and of its write-ahead log; null
    /// if it is not known.
    log_bytes: Option<u64>,
    /// The part of `log_bytes` that is the write-ahead log.
    log_wal_bytes: Option<u64>,
    /// Size of the views' file and of its write-ahead log; null if it is not known.
    views_bytes: Option<u64>,
    /// Free space for log and views, on the disk that has least; null if it is not known.
    free_bytes: Option<u64>,
    period: Period,
    /// Length of the period.
    period_seconds: u64,
    /// Length of a step.
    step_seconds: u64,
    /// When the node began to measure, at its start. What was before is not known.
    since: Timestamp,
    /// By time. Times between two steps were not measured. The last step is not over yet.
    steps: Vec<Measurement>,
}

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let MeasurementsQuery { period } = query(&request)?;
    let now = snapshot(&state).await;
    let measured = state.measurements.until(period, &now);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MeasurementsDocument {
            node: state.node.name.clone(),
            version: build::RELEASE,
            open_streams: state.streams.open(),
            log_bytes: now.totals.log_bytes,
            log_wal_bytes: now.totals.log_wal_bytes,
            views_bytes: now.totals.views_bytes,
            free_bytes: now.totals.free_bytes,
            period,
            period_seconds: period.length().as_secs(),
            step_seconds: period.step().as_secs(),
            since: measured.since,
            steps: measured.steps,
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Service,
            "listMeasurements",
            "Get measurements over time",
        )
        .description(
            "Events, the time to append, view lag, errors and refusals of this node in the last \
             fifteen minutes or 24 hours, in steps. They are kept in memory and end with the \
             process; Prometheus keeps them for longer (`/metrics`).",
        )
        .requires_operator()
        .query::<MeasurementsQuery>()
        .responds(StatusCode::OK, "The measurements.")
        .json::<MeasurementsDocument>()
        .with_headers(&[Header::CacheControl])
}
