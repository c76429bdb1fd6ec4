//! The live events of one cart; an event's id is its version.

use crate::views::Following;
use crate::web::api::event::event_document;
use crate::web::api::events::chained;
use crate::web::http::live::{self, PAGE, Source};
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::VecDeque;
use uuid::Uuid;

/// The stream of the cart `id`, which is at `version`: from `Last-Event-ID`, or from `after`, or
/// from now.
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
    };
    Ok(live::answer(request, state, slot, source))
}

struct CartSource {
    state: Data<AppState>,
    id: Uuid,
    following: Following,
    /// The version of the last event that was read.
    sent: u64,
}

impl Source for CartSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let (cart, version) = self.state.commands.state(self.id).await?;
        let contents = cart.contents().ok_or_else(Problem::not_found)?;
        let last = version.0.min(self.sent.saturating_add(PAGE));
        if self.sent >= last {
            return Ok(());
        }
        let events = chained(&*self.state.log, self.id, self.sent + 1, last).await?;
        for event in &events {
            let document = event_document(&event.recorded, event.previous, contents.currency)?;
            let json = serde_json::to_string(&document).map_err(Problem::internal)?;
            self.sent = event.recorded.version.0;
            ready.push_back(format!("id: {}\ndata: {json}\n\n", self.sent).into());
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
