//! `/livez` and `/readyz`.

use crate::log::{EventLog, Position};
use crate::proof::SigningStatus;
use crate::web::api::views::Lag;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::trace;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The view lag, in events, above which the service is not ready.
const MAX_LAG_EVENTS: u64 = 100_000;
/// After how long a client should ask a node again that is starting.
const STARTING_RETRY_SECONDS: u64 = 5;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/livez").get(Rate::Unlimited, live, describe_live),
        at("/readyz").get(Rate::Unlimited, ready, describe_ready),
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
        .json::<Liveness>()
        .with_headers(&[Header::CacheControl])
}

/// Readiness: whether requests can be served, and if not, why.
async fn ready(state: Data<AppState>) -> HttpResponse {
    let log = state.log.health().await.err();
    let views = match state.end().await {
        Err(error) => Some(error.to_string()),
        Ok(end) => check_views(&state, end).await,
    };
    let stopping = state
        .stopping
        .borrow()
        .then(|| "the service is stopping".to_owned());
    let ready = log.is_none() && views.is_none() && stopping.is_none();
    let proof = match &*state.proof.status.borrow() {
        SigningStatus::Signed(_) => uncosigned(&state),
        SigningStatus::Starting(reason) | SigningStatus::Refused(reason) => Some(reason.clone()),
    };
    // Without a signature the shop serves all the same, so `proof` does not count.
    let checks = [
        ("log", log),
        ("views", views),
        ("service", stopping),
        ("proof", proof),
    ]
    .into_iter()
    .map(|(name, reason)| (name, reason.unwrap_or_else(|| "ok".to_owned())))
    .collect();
    readiness(ready, checks)
}

/// Why a witness does not cosign what is signed, if one does not.
fn uncosigned(state: &AppState) -> Option<String> {
    let witnesses = state.proof.witnesses.borrow();
    witnesses.iter().find_map(|witness| {
        let problem = witness.problem.as_ref()?;
        Some(format!(
            "signed, but the witness {} {problem}",
            witness.name
        ))
    })
}

fn readiness(ready: bool, checks: BTreeMap<&'static str, String>) -> HttpResponse {
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

/// What a node answers while it fills its replica of a shared log: probes, with how far it is. The
/// app data has to hold the log.
pub fn starting_routes(config: &mut ServiceConfig) {
    config
        .route("/livez", web::get().to(live))
        .route("/readyz", web::get().to(starting))
        .default_service(web::to(not_started));
}

async fn starting(log: Data<Arc<dyn EventLog>>) -> HttpResponse {
    let log = log.health().await.err();
    let log = log.unwrap_or_else(|| "filling the replica".to_owned());
    let checks = [("log", log), ("service", "the node is starting".to_owned())];
    readiness(false, checks.into())
}

async fn not_started(request: HttpRequest) -> HttpResponse {
    Problem::new(
        Kind::LogUnavailable,
        "The node is starting: it fills its replica of the shared log. GET /readyz shows its \
         progress.",
    )
    .retry_after(STARTING_RETRY_SECONDS)
    .to_response(&trace::id_or_new(&request))
}

fn describe_ready(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getReadiness", "Check readiness")
        .description(
            "Active health probe: reads the end of the log from its files. It responds under any \
             host name: load balancers probe an address. `proof` says why no checkpoint of the log \
             is signed, or not cosigned by a witness; the service is ready all the same.",
        )
        .responds(StatusCode::OK, "Requests can be served.")
        .json::<Readiness>()
        .with_headers(&[Header::CacheControl])
        .responds(
            StatusCode::SERVICE_UNAVAILABLE,
            "Requests cannot be served, and why.",
        )
        .json::<Readiness>()
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
