//! Live streams as server-sent events (WHATWG HTML, 9.2): missed events first, then new ones.
//!
//! Notifications are only wake-ups: events are always read from the log, so none is lost or
//! repeated between catching up and following. Backpressure from a slow client pauses the stream
//! without buffering; a stalled connection is closed ([`crate::web::http::connection`]) and the
//! client resumes.

use crate::log::RecordedEvent;
use crate::web::http::event_id::{EventId, InvalidEventId};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::streams::Slot;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, Version};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// The idle time after which a comment is sent, to detect broken connections.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read from the log at a time.
pub const PAGE: u64 = 100;
/// Tells nginx and others to pass each event on at once.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const LAST_EVENT_ID: &str = "last-event-id";

/// The source of a live stream's events.
pub trait Source: 'static {
    /// Reads the next events, as server-sent events.
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem>;

    /// Marks notifications so far as seen: only later ones complete [`Source::changed`].
    fn mark(&mut self);

    /// Waits for a notification; `None` if there will be no more.
    async fn changed(&mut self) -> Option<()>;
}

/// The response that sends the events of `source` until `stopping` is true; to HEAD, no events.
/// `start` is the event before them: a client that breaks off before the first event resumes there.
pub fn respond(
    request: &HttpRequest,
    stopping: &watch::Receiver<bool>,
    slot: Slot,
    start: Option<EventId>,
    source: impl Source,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        // A proxy that compresses would hold events back, and even the head.
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        .insert_header((ACCEL_BUFFERING, "no"))
        .insert_header((header::VARY, "Accept"));
    // HTTP/1.0 has no chunked coding: the end of the connection ends the body.
    let is_chunked = request.version() >= Version::HTTP_11;
    if !is_chunked {
        response.force_close();
    }
    let mut response = if request.method() == Method::HEAD {
        response.streaming(futures_util::stream::empty::<Result<Bytes, Infallible>>())
    } else {
        let follower = Follower {
            source,
            stopping: stopping.clone(),
            ready: VecDeque::from([greeting(start)]),
            _slot: slot,
        };
        response.streaming(futures_util::stream::unfold(
            follower,
            |mut follower| async move {
                let chunk = follower.next().await?;
                Some((Ok::<_, Infallible>(chunk), follower))
            },
        ))
    };
    response.head_mut().no_chunking(!is_chunked);
    response
}

/// A comment, and the id of the event before the first one.
fn greeting(start: Option<EventId>) -> Bytes {
    match start {
        Some(id) => format!(": following\nid: {id}\n\n").into(),
        None => Bytes::from_static(b": following\n\n"),
    }
}

/// Where a stream begins.
pub struct Beginning {
    /// The first event comes after this version or position.
    pub place: u64,
    /// The event there; `None` before the first event.
    pub id: Option<EventId>,
}

/// Where a stream begins: after `Last-Event-ID`, which browsers send when they reconnect, otherwise
/// after `after` of the query, otherwise after `head`, the last event. `event_at` reads the event
/// at a place. An id that the log does not have is refused: following from there would skip or
/// repeat events of another history.
pub async fn beginning(
    request: &HttpRequest,
    after: Option<EventId>,
    head: u64,
    event_at: impl AsyncFnOnce(u64) -> Result<Option<RecordedEvent>, Problem>,
) -> Result<Beginning, Problem> {
    let header = request.headers().get(LAST_EVENT_ID);
    let given = match header {
        None => after,
        Some(value) => {
            let id = value.to_str().map_err(|_| InvalidEventId);
            let id = id.and_then(str::parse).map_err(|error| {
                let detail = format!("Invalid {LAST_EVENT_ID}: {error}.");
                Problem::new(Kind::InvalidHeader, detail).with("header", LAST_EVENT_ID)
            })?;
            Some(id)
        }
    };
    let place = given.map_or(head, |id| id.place);
    let found =
        match given {
            Some(id) => check(id, head, event_at).await.map_err(|problem| {
                match (problem.kind(), header) {
                    (Kind::UnknownEventId, Some(_)) => problem.with("header", LAST_EVENT_ID),
                    _ => problem,
                }
            })?,
            None if head == 0 => None,
            None => event_at(head).await?,
        };
    Ok(Beginning {
        place,
        id: found.map(|event| EventId::of(place, &event.hash)),
    })
}

/// The event that `id` names, which is none at the beginning; a problem if there is no such event
/// up to `head`.
pub async fn check(
    id: EventId,
    head: u64,
    event_at: impl AsyncFnOnce(u64) -> Result<Option<RecordedEvent>, Problem>,
) -> Result<Option<RecordedEvent>, Problem> {
    let found = match id.place {
        0 => None,
        beyond if beyond > head => None,
        place => event_at(place).await?,
    };
    if id.place <= head && id.fits(found.as_ref()) {
        return Ok(found);
    }
    let detail = format!(
        "There is no event {id}, and the last one is {head}. The log is another one, or was \
         restored from a backup: load the events again and follow from the last one."
    );
    Err(Problem::new(Kind::UnknownEventId, detail).with("max", head))
}

struct Follower<S> {
    source: S,
    stopping: watch::Receiver<bool>,
    ready: VecDeque<Bytes>,
    /// Held until the stream ends.
    _slot: Slot,
}

impl<S: Source> Follower<S> {
    /// The next chunk to send; `None` when the service shuts down or the log cannot be read. The
    /// client then reconnects with the id of the last event that it received.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(chunk);
            }
            if *self.stopping.borrow() {
                return None;
            }
            self.source.mark();
            match self.source.read(&mut self.ready).await {
                Ok(()) if self.ready.is_empty() => {}
                Ok(()) => continue,
                Err(problem) => {
                    let cause = problem.cause();
                    tracing::warn!(%problem, cause, "live stream: reading events failed");
                    return None;
                }
            }
            tokio::select! {
                changed = self.source.changed() => changed?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = tokio::time::sleep(HEARTBEAT) => {
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }
}
