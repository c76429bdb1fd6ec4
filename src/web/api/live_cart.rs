//! The live event stream of one cart. An event's id is its version.

use crate::log::LogReader;
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
        is_notified: false,
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
    /// Whether `following` has the newest version. Otherwise the log is asked: a view that has
    /// failed sends no notifications.
    is_notified: bool,
    formatter: EventFormatter,
}

/// Up to this many new events are shared between the streams of a cart; more are a backfill, which
/// is read page by page.
const MAX_SHARED: u64 = 8;

impl Source for CartSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let version = if self.is_notified {
            *self.following.version.borrow()
        } else {
            self.state.commands.state(self.id).await?.1.0
        };
        let last = version.min(self.sent.saturating_add(PAGE));
        if last <= self.sent {
            self.is_notified = false;
            return Ok(());
        }
        let log = &*self.state.log;
        if last - self.sent <= MAX_SHARED {
            while self.sent < last {
                let next = self.sent + 1;
                let serialize = serialized(log, &mut self.formatter, self.id, next);
                let (events, key) = (&self.state.live_events, (self.id, next));
                ready.push_back(events.get_or_insert_async(&key, serialize).await?);
                self.sent = next;
            }
            return Ok(());
        }
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
        self.following.version.changed().await.ok()?;
        self.is_notified = true;
        Some(())
    }
}

/// The event of `cart` at `version`, read from the log, as a server-sent event.
async fn serialized(
    log: &dyn LogReader,
    formatter: &mut EventFormatter,
    cart: Uuid,
    version: u64,
) -> Result<Bytes, Problem> {
    let read = read_cart(log, cart, version, version).await?;
    let recorded = read
        .first()
        .ok_or_else(|| Problem::internal(format!("cart {cart} has no event {version}")))?;
    formatter.server_sent(log, recorded, version).await
}
