//! Events as they come: server-sent events (WHATWG HTML, 9.2), first what was missed, then what
//! happens.
//!
//! The news that something happened is only a hint; what is sent is always read from the log, so
//! there is no seam between the two at which an event could be lost or repeated. A reader that does
//! not read stops the stream where it is and costs no memory; after a while without progress its
//! connection is ended ([`crate::web::http::connection`]), and it resumes with the id of the last event it got.

use crate::web::http::problem::{Kind, Problem};
use crate::web::http::streams::Slot;
use actix_web::http::{Method, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// After this long without an event a comment is sent, so that a broken connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many events are read from the log at a time.
pub const PAGE: u64 = 100;
const LAST_EVENT_ID: &str = "last-event-id";

/// Where a live stream's events come from.
pub trait Source: 'static {
    /// Reads the next events behind those that were read before, as server-sent events.
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem>;

    /// Takes note of the news so far: what comes later ends the next [`Source::changed`].
    fn mark(&mut self);

    /// Waits for news. `None` once there will never be any.
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
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"));
    if request.method() == Method::HEAD {
        return response.streaming(futures_util::stream::empty::<Result<Bytes, Infallible>>());
    }
    let follower = Follower {
        source,
        stopping: stopping.clone(),
        ready: VecDeque::from([Bytes::from_static(b": following\n\n")]),
        _slot: slot,
    };
    let stream = futures_util::stream::unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(chunk), follower))
    });
    response.streaming(stream)
}

/// After which event a stream begins: `Last-Event-ID`, which a browser sends when it comes back,
/// or else `after` of the query. What lies beyond `head` cannot have been sent by this log.
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
                    "last-event-id cannot be used: it is the id of an event, a whole number.",
                )
                .with("header", LAST_EVENT_ID)
            })?;
            (Kind::InvalidHeader, LAST_EVENT_ID, Some(id))
        }
    };
    match begin {
        Some(begin) if begin > head => {
            let detail = format!("{name} cannot be used: the last event is {head}.");
            let problem = Problem::new(kind, detail).with("max", head);
            Err(match kind {
                Kind::InvalidHeader => problem.with("header", name),
                _ => problem,
            })
        }
        Some(_) | None => Ok(begin),
    }
}

/// Digits alone: Rust's own parser takes a plus sign too.
fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

struct Follower<S> {
    source: S,
    stopping: watch::Receiver<bool>,
    ready: VecDeque<Bytes>,
    /// Kept for as long as the stream lives.
    _slot: Slot,
}

impl<S: Source> Follower<S> {
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
            self.source.mark();
            match self.source.read(&mut self.ready).await {
                Ok(()) if self.ready.is_empty() => {}
                Ok(()) => continue,
                Err(problem) => {
                    tracing::warn!(%problem, cause = problem.cause(), "a live stream ends");
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
