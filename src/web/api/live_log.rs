//! The live event stream of the whole log. An event's id is its position.

use crate::log::Position;
use crate::web::api::event::EventFormatter;
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
    /// Live stream only: start after this position.
    after: Option<u64>,
}

/// Streams all events. Resumes after `Last-Event-ID` or `?after=`; otherwise only new events are
/// sent.
pub async fn follow(request: &HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let StreamQuery { after } = query(request)?;
    let head = state.log.barrier().await?;
    let sent = live::beginning(request, after, head.0)?.map_or(head, Position);
    let slot = state.streams.take(request)?;
    let source = LogSource {
        wake_ups: state.log.wake_ups(),
        state: state.clone(),
        sent,
        formatter: EventFormatter::default(),
    };
    Ok(live::respond(request, &state.stopping, slot, source))
}

struct LogSource {
    state: Data<AppState>,
    wake_ups: watch::Receiver<Position>,
    /// The position of the last event read; the backfill and each wake-up continue after it.
    sent: Position,
    formatter: EventFormatter,
}

impl Source for LogSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let log = &*self.state.log;
        for recorded in &log.read_all(self.sent, PAGE as usize).await? {
            self.sent = recorded.position;
            let event = self.formatter.server_sent(log, recorded, self.sent.0);
            ready.push_back(event.await?);
        }
        Ok(())
    }

    fn mark(&mut self) {
        self.wake_ups.borrow_and_update();
    }

    async fn changed(&mut self) -> Option<()> {
        self.wake_ups.changed().await.ok()
    }
}
