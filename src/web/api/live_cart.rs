//! The live event stream of one cart. An event's id is its version.

use crate::views::Following;
use crate::web::api::event::{EventFormatter, read_cart};
use crate::web::http::live::{self, PAGE, Source};
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::VecDeque;
use uuid::Uuid;

/// Streams the events of the cart `id`, which is at `version`. Resumes after `Last-Event-ID` or
/// `after`; otherwise only new events are sent.
pub fn follow(
    request: &HttpRequest,
    state: &Data<AppState>,
    id: Uuid,
    version: u64,
    after: Option<u64>,
) -> Result<HttpResponse, Problem> {
    let sent = live::beginning(request, after, version)?.unwrap_or(version);
    let slot = state.streams.take(request)?;
    let source = CartSource {
        following: state.arrivals.follow(id),
        state: state.clone(),
        id,
        sent,
        formatter: EventFormatter::default(),
    };
    Ok(live::respond(request, &state.stopping, slot, source))
}

struct CartSource {
    state: Data<AppState>,
    id: Uuid,
    following: Following,
    /// The version of the last event read; the backfill and each wake-up continue after it.
    sent: u64,
    formatter: EventFormatter,
}

impl Source for CartSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let (_, version) = self.state.commands.state(self.id).await?;
        let last = version.0.min(self.sent.saturating_add(PAGE));
        let log = &*self.state.log;
        for recorded in &read_cart(log, self.id, self.sent + 1, last).await? {
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
        self.following.version.changed().await.ok()
    }
}
