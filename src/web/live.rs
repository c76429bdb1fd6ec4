//! Events as they come: server-sent events (WHATWG HTML, 9.2), first what was missed, then what
//! happens.
//!
//! The news that something happened is only a hint; what is sent is always read from the log, so
//! there is no seam between the two at which an event could be lost or repeated. A reader that does
//! not read stops the stream where it is, and costs no memory.

use super::event::event_document;
use super::events::chained;
use super::problem::{Kind, Problem};
use super::shop::Shop;
use crate::views::Following;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// After this long without an event a comment is sent, so that a broken connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many events are read from the log at a time.
const PAGE: u64 = 100;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The stream of the cart `id`, which is at `version`: from `Last-Event-ID`, or from `after`, or
/// from now. An event's id is its version.
pub fn cart(
    request: &HttpRequest,
    shop: Data<Shop>,
    id: Uuid,
    version: u64,
    after: Option<u64>,
) -> Result<HttpResponse, Problem> {
    let last_event_id = match request.headers().get(LAST_EVENT_ID) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(|| {
                    Problem::new(
                        Kind::InvalidHeader,
                        "last-event-id cannot be used: it is the version of an event.",
                    )
                })?,
        ),
    };
    let follower = Follower {
        following: shop.arrivals.follow(id),
        stopping: shop.stopping.clone(),
        sent: last_event_id.or(after).unwrap_or(version),
        ready: VecDeque::from([Bytes::from_static(b": following\n\n")]),
        shop,
        id,
    };
    let stream = futures_util::stream::unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(chunk), follower))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream))
}

struct Follower {
    shop: Data<Shop>,
    id: Uuid,
    following: Following,
    stopping: watch::Receiver<bool>,
    /// The version of the last event that was sent.
    sent: u64,
    ready: VecDeque<Bytes>,
}

impl Follower {
    /// What to send next, once there is something; `None` when the service stops or the log cannot
    /// be read. The client comes back with the id of the last event that it got.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(chunk);
            }
            if *self.stopping.borrow() {
                return None;
            }
            self.following.version.borrow_and_update();
            match self.read().await {
                Ok(()) if self.ready.is_empty() => {}
                Ok(()) => continue,
                Err(problem) => {
                    tracing::warn!(%problem, "a live stream ends");
                    return None;
                }
            }
            tokio::select! {
                changed = self.following.version.changed() => changed.ok()?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = tokio::time::sleep(HEARTBEAT) => {
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), Problem> {
        let (cart, version) = self.shop.commands.state(self.id).await?;
        let contents = cart.contents().ok_or_else(Problem::not_found)?;
        let last = version.0.min(self.sent.saturating_add(PAGE));
        if self.sent >= last {
            return Ok(());
        }
        let events = chained(&*self.shop.log, self.id, self.sent + 1, last).await?;
        for event in &events {
            let document = event_document(&event.recorded, event.previous, contents.currency)?;
            let json = serde_json::to_string(&document).map_err(Problem::internal)?;
            self.sent = event.recorded.version.0;
            self.ready
                .push_back(format!("id: {}\ndata: {json}\n\n", self.sent).into());
        }
        Ok(())
    }
}
