//! `/api/views`: how far the views are, and making them anew.

use crate::history::HistoryError;
use crate::log::Position;
use crate::timestamp::Timestamp;
use crate::views::{self, Progress, View};
use crate::web::api::operator::Operator;
use crate::web::http::body::read_nothing;
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::LOG_POSITION;
use crate::web::state::AppState;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

const REBUILD: &str = "/api/views/rebuild";

/// The views, and the end of the log that they follow.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Views")]
pub struct ViewsDocument {
    /// The position of the log's last event.
    head: Position,
    /// All views.
    items: Vec<ViewDocument>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "View")]
struct ViewDocument {
    name: &'static str,
    /// The version of the view's definition.
    definition: u32,
    /// The position of the last event that is in the view.
    position: Position,
    /// How many events of the log are not in it yet.
    lag_events: u64,
    /// For how long the first event that is not in the view has been in the log.
    lag_ms: u64,
    state: State,
    /// Why it stands still.
    last_error: Option<String>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ViewState")]
enum State {
    /// Every event of the log is in it.
    Current,
    /// It is behind, and moves.
    CatchingUp,
    /// It stands still.
    Failed,
}

/// How far a view is behind the log.
#[derive(Clone, Copy)]
pub(super) struct Lag {
    /// The position of the last event that is in the view.
    pub position: Position,
    pub events: u64,
    /// For how long the first event that is not in the view has been in the log.
    pub millis: u64,
}

/// How far the views of `shop` are behind the log.
pub(super) struct Lags {
    /// The position of the log's last event.
    pub head: Position,
    /// Of those that serve, which move together, in one transaction.
    pub serving: Lag,
    /// Of those that are being made anew, since their definition has changed.
    unavailable_views: Option<(Vec<&'static str>, Lag)>,
}

impl Lags {
    pub(super) async fn of(state: &AppState) -> Result<Lags, HistoryError> {
        // A question like any other: what waits is written for it.
        state.views.wait_until_written().await;
        // The positions first: the log's end, asked for later, is no smaller.
        let unavailable = state.views.unavailable_views().to_vec();
        let Progress { position, .. } = state.views.progress();
        let made = Position(state.rebuilds.status().events_done);
        let head = state.log.barrier().await?;
        Ok(Lags {
            head,
            serving: behind(state, position, head).await?,
            unavailable_views: match unavailable[..] {
                [] => None,
                _ => Some((unavailable, behind(state, made, head).await?)),
            },
        })
    }

    pub(super) fn of_view(&self, name: &str) -> Lag {
        match &self.unavailable_views {
            Some((views, lag)) if views.contains(&name) => *lag,
            Some(_) | None => self.serving,
        }
    }
}

async fn behind(state: &AppState, position: Position, head: Position) -> Result<Lag, HistoryError> {
    let events = head.0.saturating_sub(position.0);
    let millis = match events {
        0 => 0,
        _ => waiting_ms(state, position).await?,
    };
    Ok(Lag {
        position,
        events,
        millis,
    })
}

/// How far each view is.
pub async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let lags = Lags::of(&state).await?;
    let trouble = state.views_health.borrow().clone();
    let document = |view: &dyn View| {
        let lag = lags.of_view(view.name());
        ViewDocument {
            name: view.name(),
            definition: view.definition(),
            position: lag.position,
            lag_events: lag.events,
            lag_ms: lag.millis,
            state: match (&trouble, lag.events) {
                (Some(_), _) => State::Failed,
                (None, 0) => State::Current,
                (None, _) => State::CatchingUp,
            },
            last_error: trouble.as_ref().map(|trouble| trouble.reason.clone()),
        }
    };
    let items = views::all().iter().map(|view| document(&**view)).collect();
    let (head, position) = (lags.head, lags.serving.position);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((LOG_POSITION, HeaderValue::from(position.0)))
        .json(ViewsDocument { head, items }))
}

/// How long ago the first event after `position` was recorded.
async fn waiting_ms(state: &AppState, position: Position) -> Result<u64, HistoryError> {
    let first = state.log.read_all(position, 1).await?;
    Ok(first.first().map_or(0, |event| {
        let since = Timestamp::now().millis() - event.recorded_at.millis();
        u64::try_from(since).unwrap_or(0)
    }))
}

/// Starts a rebuild of all views.
pub async fn rebuild(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    state.rebuilds.start().map_err(|error| {
        Problem::new(
            Kind::RebuildRunning,
            format!("Nothing was started: {error}. GET {REBUILD} says how far that is."),
        )
    })?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::LOCATION, REBUILD))
        .json(state.rebuilds.status()))
}

/// What the rebuild that runs, or ran last, is at.
pub async fn rebuild_status(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(state.rebuilds.status()))
}
