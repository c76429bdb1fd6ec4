//! Live streams as server-sent events (WHATWG HTML, 9.2): missed events first, then new ones.
//!
//! Notifications are only wake-ups: events are always read from the log, so none is lost or
//! repeated between catching up and following. Backpressure from a slow client pauses the stream
//! without buffering; a stalled connection is closed ([`crate::web::http::connection`]) and the
//! client resumes.

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
pub fn respond(
    request: &HttpRequest,
    stopping: &watch::Receiver<bool>,
    slot: Slot,
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
            ready: VecDeque::from([Bytes::from_static(b": following\n\n")]),
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

/// The id after which a stream begins: `Last-Event-ID`, which browsers send when they reconnect,
/// otherwise `after` of the query. An id beyond `head` is invalid.
pub fn beginning(
    request: &HttpRequest,
    after: Option<u64>,
    head: u64,
) -> Result<Option<u64>, Problem> {
    let (kind, name, begin) = match request.headers().get(LAST_EVENT_ID) {
        None => (Kind::InvalidQuery, "after", after),
        Some(value) => {
            let id = value.to_str().ok().and_then(decimal).ok_or_else(|| {
                Problem::new(
                    Kind::InvalidHeader,
                    "Invalid last-event-id: it must be the id of an event, an integer.",
                )
                .with("header", LAST_EVENT_ID)
            })?;
            (Kind::InvalidHeader, LAST_EVENT_ID, Some(id))
        }
    };
    match begin {
        Some(begin) if begin > head => {
            let detail = format!("Invalid {name}: the last event is {head}.");
            let problem = Problem::new(kind, detail).with("max", head);
            Err(match kind {
                Kind::InvalidHeader => problem.with("header", name),
                _ => problem,
            })
        }
        Some(_) | None => Ok(begin),
    }
}

/// Digits only: `str::parse` accepts a plus sign as well.
fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
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
