//! `/api/views`: state and lag of the views.

use crate::history::{self, HistoryError};
use crate::log::{Position, ReplicaStatus};
use crate::mirror::{MirrorActivity, MirrorHandle};
use crate::proof::{SigningStatus, WitnessStatus};
use crate::timestamp::Timestamp;
use crate::views::{self, Progress, View};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::LOG_POSITION;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/views").get(Rate::Unlimited, list, describe_list)]
}

/// The views and the end of the log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Views")]
struct ViewsDocument {
    /// Position of the last event in the log.
    head: Position,
    log: LogDocument,
    items: Vec<ViewDocument>,
}

/// The log as this node has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Log")]
struct LogDocument {
    /// The name of this node (`server.node`).
    node: String,
    /// The engine that keeps the log (`log.engine`).
    engine: &'static str,
    /// This node's copy of a log that several nodes share; `null` if the log is on this machine
    /// alone.
    replica: Option<ReplicaDocument>,
    /// Events in the newest signed checkpoint; `null` if nothing is signed.
    signed_events: Option<u64>,
    /// Why nothing is signed: the service has just started, or it refuses to sign.
    not_signed: Option<String>,
    /// The witnesses that are asked to cosign (`proof.witnesses`).
    witnesses: Vec<WitnessDocument>,
    /// The NATS stream that the log is mirrored into (`nats.servers`); `null` if it is not.
    mirror: Option<MirrorDocument>,
}

/// A witness of the log's signed checkpoints.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Witness")]
struct WitnessDocument {
    name: String,
    /// Events in the newest checkpoint that it has cosigned for this node; `null` if there is none
    /// since the start.
    cosigned_events: Option<u64>,
    /// When it cosigned, by its own clock.
    cosigned_at: Option<Timestamp>,
    /// Why it does not cosign at the moment.
    problem: Option<String>,
}

impl WitnessDocument {
    fn of(witness: &WitnessStatus) -> WitnessDocument {
        let cosigned = witness.cosigned.as_ref();
        WitnessDocument {
            name: witness.name.clone(),
            cosigned_events: cosigned.map(|(checkpoint, _)| checkpoint.head.size),
            cosigned_at: cosigned.map(|(_, cosignature)| cosignature.at),
            problem: witness.problem.clone(),
        }
    }
}

/// The stream that the log is mirrored into, as this node sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Mirror")]
struct MirrorDocument {
    /// The name of the stream.
    stream: String,
    state: MirrorActivity,
    /// Up to this position the stream is known to have the log; `null` until it has been read.
    position: Option<Position>,
    /// How long ago the oldest event was written that the stream is not known to have; 0 without
    /// one.
    lag_ms: u64,
    /// Why nothing is mirrored at the moment, and what to do.
    last_error: Option<String>,
}

impl MirrorDocument {
    fn of(mirror: &MirrorHandle) -> MirrorDocument {
        let status = mirror.status();
        MirrorDocument {
            stream: mirror.settings.stream.clone(),
            state: status.activity,
            position: status.position,
            lag_ms: u64::try_from(status.lag().as_millis()).unwrap_or(u64::MAX),
            last_error: status.last_error,
        }
    }
}

/// A node's copy of a shared log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Replica")]
struct ReplicaDocument {
    /// Position of the last event in the replica.
    position: Position,
    /// Commits that the log is known to have beyond the replica.
    lag_commits: u64,
    /// For how long the replica may have lacked something; 0 while it is known to be complete.
    lag_ms: u64,
    state: State,
    /// Why the replica does not follow the log.
    last_error: Option<String>,
}

impl ReplicaDocument {
    fn of(replica: ReplicaStatus) -> ReplicaDocument {
        ReplicaDocument {
            position: replica.position,
            lag_commits: replica.lag_commits,
            lag_ms: u64::try_from(replica.lag.as_millis()).unwrap_or(u64::MAX),
            state: match (&replica.trouble, replica.lag_commits) {
                (Some(_), _) => State::Failed,
                (None, 0) => State::Current,
                (None, _) => State::CatchingUp,
            },
            last_error: replica.trouble,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "View")]
struct ViewDocument {
    name: &'static str,
    /// Schema version of the view.
    definition: u32,
    /// Position of the last event in the view.
    position: Position,
    /// Events not in the view yet.
    lag_events: u64,
    /// How long ago the oldest event not in the view was written.
    lag_ms: u64,
    state: State,
    /// Why the view failed.
    last_error: Option<String>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ViewState")]
enum State {
    /// Has every event of the log.
    Current,
    /// Behind the log, and advancing.
    CatchingUp,
    /// Not advancing because of an error.
    Failed,
}

/// How far a view is behind the log.
#[derive(Clone, Copy)]
pub(super) struct Lag {
    /// Position of the last event in the view.
    pub position: Position,
    pub events: u64,
    /// How long ago the oldest event not in the view was written.
    pub millis: u64,
}

/// How far all views are behind the log.
pub(super) struct Lags {
    /// Position of the last event in the log.
    pub head: Position,
    /// The lag of the serving views, which advance together in one transaction.
    pub serving: Lag,
    /// Views that do not serve because they are being rebuilt for a changed definition.
    rebuilding: Option<(Vec<&'static str>, Lag)>,
}

impl Lags {
    pub(super) async fn of(state: &AppState) -> Result<Lags, HistoryError> {
        state.views.wait_until_written().await;
        // Positions are read before the end of the log, so that no lag is negative.
        let unavailable = state.views.unavailable_views().to_vec();
        let Progress { position, .. } = state.views.progress();
        let rebuilt = Position(state.rebuilds.status().events_done);
        let head = state.end().await?;
        Ok(Lags {
            head,
            serving: Lag::of(state, position, head).await?,
            rebuilding: match unavailable[..] {
                [] => None,
                _ => Some((unavailable, Lag::of(state, rebuilt, head).await?)),
            },
        })
    }

    /// How long ago the oldest event was written that any of the views has not applied, in
    /// milliseconds.
    pub(super) fn longest_ms(&self) -> u64 {
        let rebuilding = self.rebuilding.as_ref().map_or(0, |(_, lag)| lag.millis);
        self.serving.millis.max(rebuilding)
    }

    pub(super) fn of_view(&self, name: &str) -> Lag {
        match &self.rebuilding {
            Some((views, lag)) if views.contains(&name) => *lag,
            Some(_) | None => self.serving,
        }
    }
}

impl Lag {
    pub(super) async fn of(
        state: &AppState,
        position: Position,
        head: Position,
    ) -> Result<Lag, HistoryError> {
        let events = head.0.saturating_sub(position.0);
        let oldest = match events {
            0 => None,
            _ => state.log.read_all(position, 1).await?.pop(),
        };
        let age = |event| history::written_at(&event).until(Timestamp::now());
        let age = oldest.map_or(Duration::ZERO, age);
        Ok(Lag {
            position,
            events,
            millis: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let lags = Lags::of(&state).await?;
    let failure = state.views_health.borrow().clone();
    let document = |view: &dyn View| {
        let lag = lags.of_view(view.name());
        ViewDocument {
            name: view.name(),
            definition: view.definition(),
            position: lag.position,
            lag_events: lag.events,
            lag_ms: lag.millis,
            state: match (&failure, lag.events) {
                (Some(_), _) => State::Failed,
                (None, 0) => State::Current,
                (None, _) => State::CatchingUp,
            },
            last_error: failure.as_ref().map(|failure| failure.reason.clone()),
        }
    };
    let items = views::all().iter().map(|view| document(&**view)).collect();
    let (head, position) = (lags.head, lags.serving.position);
    let (signed_events, not_signed) = match &*state.proof.status.borrow() {
        SigningStatus::Signed(signed) => (Some(signed.head.size), None),
        SigningStatus::Starting(reason) | SigningStatus::Refused(reason) => {
            (None, Some(reason.clone()))
        }
    };
    let log = LogDocument {
        node: state.node.name.clone(),
        engine: state.node.engine,
        replica: state.log.replica().map(ReplicaDocument::of),
        signed_events,
        not_signed,
        witnesses: state
            .proof
            .witnesses
            .borrow()
            .iter()
            .map(WitnessDocument::of)
            .collect(),
        mirror: state.mirror.as_ref().map(MirrorDocument::of),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((LOG_POSITION, HeaderValue::from(position.0)))
        .json(ViewsDocument { head, log, items }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listViews", "List views")
        .description("All views advance together in one transaction, so they never disagree.")
        .requires_operator()
        .responds(StatusCode::OK, "Position, lag and state of each view.")
        .json::<ViewsDocument>()
        .with_headers(&[Header::CacheControl, Header::LogPosition])
        .problems(&[Kind::LogUnavailable])
}
