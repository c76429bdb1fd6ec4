//! `/livez` and `/readyz`.

use crate::log::Position;
use crate::web::state::AppState;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many events the views may be behind before the service counts as not ready.
const MOST_BEHIND: u64 = 100_000;

/// That the process answers.
#[derive(Serialize, JsonSchema)]
pub struct Liveness {
    status: &'static str,
}

/// Whether requests can be served.
#[derive(Serialize, JsonSchema)]
pub struct Readiness {
    /// `ready`, or `not ready`.
    status: &'static str,
    /// What was looked at, each `ok` or the reason why it is not.
    checks: BTreeMap<&'static str, String>,
}

/// The process answers. Nothing else is looked at: a restart would mend nothing else.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Liveness { status: "live" })
}

/// What is wrong with the views, if anything is: they do not serve before they have seen all that
/// the log held when the service began, and those of another definition not before they are rebuilt.
fn views(state: &AppState, end: Position) -> Option<String> {
    let progress = state.views.progress();
    if let Some(trouble) = &*state.views_health.borrow() {
        return Some(trouble.reason.clone());
    }
    if !progress.is_complete() {
        let (done, wanted) = (progress.position, progress.complete_at);
        return Some(format!(
            "they are being made: {done} of {wanted} events are in them"
        ));
    }
    let unavailable = state.views.unavailable_views();
    if !unavailable.is_empty() {
        let (names, rebuild) = (unavailable.join(", "), state.rebuilds.status());
        let (done, wanted) = (rebuild.events_done, rebuild.events_total);
        return Some(format!(
            "{names}: of another definition now and being made anew: {done} of {wanted} events are in them"
        ));
    }
    let behind = end.0.saturating_sub(progress.position.0);
    (behind > MOST_BEHIND).then(|| format!("they are {behind} events behind the log"))
}

/// Whether requests can be served, and if not, why.
pub async fn ready(state: Data<AppState>) -> HttpResponse {
    let log = state.log.trouble().await;
    let views = match state.log.barrier().await {
        Err(error) => Some(error.to_string()),
        Ok(end) => views(&state, end),
    };
    let stopping = state
        .stopping
        .borrow()
        .then(|| "the service is stopping".to_owned());
    let ready = log.is_none() && views.is_none() && stopping.is_none();
    let checks = [("log", log), ("views", views), ("service", stopping)]
        .into_iter()
        .map(|(name, trouble)| (name, trouble.unwrap_or_else(|| "ok".to_owned())))
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
