//! `/metrics` for Prometheus. Counters are kept where things happen, gauges are set on each scrape.

use crate::views;
use crate::web::api::operator::Operator;
use crate::web::api::views::Lags;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::problem::Problem;
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use prometheus::TEXT_FORMAT;
use std::time::Duration;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/metrics").get(Rate::Unlimited, list, describe_list)]
}

async fn list(_: Operator, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    update_gauges(&state).await;
    let text = state.metrics.encode().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type(TEXT_FORMAT)
        .body(text))
}

/// Sets the gauges. An unknown lag is left out and the rest is still served: operators need metrics
/// most when something has failed.
async fn update_gauges(state: &AppState) {
    let metrics = &state.metrics;
    metrics.set_open_streams(state.streams.open());
    match Lags::of(state).await {
        Ok(lags) => {
            metrics.set_log_head(lags.head.0);
            for view in views::all() {
                let lag = lags.of_view(view.name());
                let seconds = Duration::from_millis(lag.millis).as_secs_f64();
                metrics.set_view_lag(view.name(), lag.events, seconds);
            }
        }
        Err(error) => {
            tracing::warn!(%error, "metrics: reading the view lag failed");
            metrics.clear_view_lags();
        }
    }
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getMetrics", "Get metrics for Prometheus")
        .description(
            "Commands by kind and outcome, the time to decide and to append, group commit sizes, \
             the time to sync, conflicts; responses by route, method and class of status; view \
             lag, open streams, what was refused at a limit, wrong tokens of the operator and the \
             warehouse, the size of the log and of the views, with their write-ahead logs apart, \
             and the free disk space; processor time, memory, threads and file descriptors of the \
             process (`process_*`); version and commit \
             (`cartlog_build_info`). Counters reset with the process. With an operator token \
             configured, it responds under any host name.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "Metrics in Prometheus's text format.")
        .text_content("text/plain")
        .with_headers(&[Header::CacheControl])
}
