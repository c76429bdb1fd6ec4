//! The live event stream of one cart. An event's id is its version and the start of its hash.

use crate::views::Following;
use crate::web::api::event::{EventFormatter, read_stream};
use crate::web::api::live_events::{LiveEvents, live_events};
use crate::web::http::event_id::EventId;
use crate::web::http::live::{self, PAGE, Source};
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::VecDeque;
use uuid::Uuid;

/// Streams the events of the cart `id`, which is at `version`. Resumes after `Last-Event-ID` or
/// `after`; otherwise only new events are sent.
pub async fn follow(
    request: &HttpRequest,
    state: &Data<AppState>,
    id: Uuid,
    version: u64,
    after: Option<EventId>,
) -> Result<HttpResponse, Problem> {
    let event_at = async |at| Ok(read_stream(&*state.log, id, at, at).await?.pop());
    let beginning = live::beginning(request, after, version, event_at).await?;
    let slot = state.streams.take(request)?;
    let source = CartSource {
        following: state.arrivals.follow(id),
        state: state.clone(),
        id,
        sent: beginning.place,
        is_notified: false,
        formatter: EventFormatter::default(),
        live: live_events(request),
    };
    let stopping = &state.stopping;
    Ok(live::respond(request, stopping, slot, beginning.id, source))
}

struct CartSource {
    state: Data<AppState>,
    id: Uuid,
    following: Following,
    /// The version of the last event read; the backfill and each wake-up continue after it.
    sent: u64,
    /// Whether `following` has the newest version, which is the case after the backfill. Otherwise
    /// the log is asked: a view that has failed sends no notifications.
    is_notified: bool,
    /// Formats the backfill.
    formatter: EventFormatter,
    live: Data<LiveEvents>,
}

impl Source for CartSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let log = &*self.state.log;
        let page_end = self.sent.saturating_add(PAGE);
        if self.is_notified {
            let newest = *self.following.version.borrow();
            self.is_notified = newest > self.sent;
            while self.sent < newest.min(page_end) {
                let next = self.sent + 1;
                ready.push_back(self.live.of_cart(log, self.id, next).await?);
                self.sent = next;
            }
            return Ok(());
        }
        for recorded in &read_stream(log, self.id, self.sent + 1, page_end).await? {
            self.sent = recorded.version.0;
            let event = self.formatter.server_sent(log, recorded, self.sent);
            ready.push_back(event.await?);
        }
        Ok(())
    }

    fn mark(&mut self) {
        self.following.version.borrow_and_update();
    }

    async fn changed(&mut self) -> Option<()> {
        self.following.version.changed().await.ok()?;
        self.is_notified = true;
        Some(())
    }
}
