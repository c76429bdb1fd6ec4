//! The live event stream of the whole log. An event's id is its position and the start of its
//! hash.

use crate::log::Position;
use crate::web::api::event::EventFormatter;
use crate::web::api::live_events::{KEPT, LiveEvents, live_events};
use crate::web::api::operator::Operator;
use crate::web::http::event_id::EventId;
use crate::web::http::live::{self, PAGE, Source};
use crate::web::http::path::query;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::VecDeque;
use tokio::sync::watch;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// Live stream only: start after the event with this id, or at this position.
    after: Option<EventId>,
}

/// Streams all events. Resumes after `Last-Event-ID` or `?after=`; otherwise only new events are
/// sent.
pub async fn follow(
    request: &HttpRequest,
    operator: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let StreamQuery { after } = query(request)?;
    let head = state.log.barrier().await?;
    let event_at = async |at| Ok(state.log.event_at(Position(at)).await?);
    let beginning = live::beginning(request, after, head.0, event_at).await?;
    let slot = state.streams.take(request)?;
    let source = LogSource {
        wake_ups: state.log.wake_ups(),
        state: state.clone(),
        operator,
        sent: Position(beginning.place),
        formatter: EventFormatter::default(),
        live: live_events(request),
    };
    let stopping = &state.stopping;
    Ok(live::respond(request, stopping, slot, beginning.id, source))
}

struct LogSource {
    state: Data<AppState>,
    operator: Operator,
    wake_ups: watch::Receiver<Position>,
    /// The position of the last event read; the backfill and each wake-up continue after it.
    sent: Position,
    /// Formats events that are too old to be shared.
    formatter: EventFormatter,
    live: Data<LiveEvents>,
}

impl Source for LogSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let log = &*self.state.log;
        for recorded in &log.read_all(self.sent, PAGE as usize).await? {
            self.sent = recorded.position;
            let head = self.wake_ups.borrow().0;
            let event = if head.saturating_sub(self.sent.0) < KEPT as u64 {
                self.live.of_log(log, recorded).await
            } else {
                let format = self.formatter.server_sent(log, recorded, self.sent.0);
                format.await
            };
            ready.push_back(event?);
        }
        Ok(())
    }

    fn mark(&mut self) {
        self.wake_ups.borrow_and_update();
    }

    async fn changed(&mut self) -> Option<()> {
        self.wake_ups.changed().await.ok()?;
        // Signing out also ends the streams of the session, before the next event.
        let admitted = self.state.operator.still_admits(self.operator);
        admitted.then_some(())
    }
}
