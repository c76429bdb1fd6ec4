//! `/livez` and `/readyz`.

use crate::log::Position;
use crate::web::api::views::Lag;
use crate::web::endpoint::{Endpoint, at};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The view lag, in events, above which the service is not ready.
const MAX_LAG_EVENTS: u64 = 100_000;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/livez").get(live, describe_live),
        at("/readyz").get(ready, describe_ready),
    ]
}

/// The process is running.
#[derive(Serialize, JsonSchema)]
pub struct Liveness {
    status: &'static str,
}

/// Whether requests can be served.
#[derive(Serialize, JsonSchema)]
pub struct Readiness {
    /// `ready`, or `not ready`.
    status: &'static str,
    /// Each check: `ok`, or why it failed.
    checks: BTreeMap<&'static str, String>,
}

/// Liveness: that the process responds. It checks nothing that a restart would not fix.
async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Liveness { status: "live" })
}

fn describe_live(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getLiveness", "Check liveness")
        .description(
            "The process responds. Nothing that a restart would not fix is checked. Like \
             `/readyz`, it responds under any host name.",
        )
        .responds(StatusCode::OK, "The process is running.")
        .json::<Liveness>(r#"{ "status": "live" }"#)
        .with_headers(&[Header::CacheControl])
}

/// Readiness: whether requests can be served, and if not, why.
async fn ready(state: Data<AppState>) -> HttpResponse {
    let log = state.log.health().await.err();
    let views = match state.log.barrier().await {
        Err(error) => Some(error.to_string()),
        Ok(end) => check_views(&state, end).await,
    };
    let stopping = state
        .stopping
        .borrow()
        .then(|| "the service is stopping".to_owned());
    let ready = log.is_none() && views.is_none() && stopping.is_none();
    let checks = [("log", log), ("views", views), ("service", stopping)]
        .into_iter()
        .map(|(name, reason)| (name, reason.unwrap_or_else(|| "ok".to_owned())))
        .collect();
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Readiness {
            status: if ready { "ready" } else { "not ready" },
            checks,
        })
}

fn describe_ready(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getReadiness", "Check readiness")
        .description(
            "Active health probe: reads the end of the log from its files. It responds under any \
             host name: load balancers probe an address.",
        )
        .responds(StatusCode::OK, "Requests can be served.")
        .json::<Readiness>(include_str!("examples/ready.json"))
        .with_headers(&[Header::CacheControl])
        .responds(
            StatusCode::SERVICE_UNAVAILABLE,
            "Requests cannot be served, and why.",
        )
        .json::<Readiness>(include_str!("examples/not_ready.json"))
        .with_headers(&[Header::CacheControl])
}

/// Why the views are not ready, if they are not. A new or changed view serves only after its build
/// has caught up with the log.
async fn check_views(state: &AppState, end: Position) -> Option<String> {
    let progress = state.views.progress();
    if let Some(failure) = &*state.views_health.borrow() {
        return Some(failure.reason.clone());
    }
    if !progress.is_complete() {
        let (done, wanted) = (progress.position, progress.complete_at);
        return Some(format!("initial build: {done} of {wanted} events"));
    }
    let unavailable = state.views.unavailable_views();
    if !unavailable.is_empty() {
        let (names, rebuild) = (unavailable.join(", "), state.rebuilds.status());
        let (done, wanted) = (rebuild.events_done, rebuild.events_total);
        return Some(format!(
            "{names}: definition changed, rebuilding: {done} of {wanted} events"
        ));
    }
    let behind = end.0.saturating_sub(progress.position.0);
    if behind <= MAX_LAG_EVENTS {
        return None;
    }
    let age = match Lag::of(state, progress.position, end).await {
        Ok(lag) => format!("{} s", lag.millis / 1_000),
        Err(error) => error.to_string(),
    };
    Some(format!("{behind} events ({age}) behind the log"))
}
