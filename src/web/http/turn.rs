//! Whose turn it is on a connection: the client's to send a request, or the service's to execute
//! it. The deadlines of [`crate::web::http::connection`] follow from it.

use super::arrival::Arrival;
use actix_http::body::{BodySize, MessageBody};
use actix_http::{ConnectionType, Request, Response, Version};
use actix_web::dev::Service;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use actix_web::web::Bytes;
use std::cell::Cell;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Time limit for a request's head, and for the rest of a body that no handler reads.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long what the client still sends is discarded after the last response. If it were not read,
/// the kernel would reset the connection, and the client could lose the response.
pub const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has arrived since the last response.
    Idle,
    /// What has arrived is not a request yet.
    Receiving,
    /// A request is being executed. Its handler limits the body, and the kernel stalled writes.
    Responding,
    /// The last response was sent.
    Closing,
    /// Another request came after the last one: it is not executed, and the connection ends.
    Over,
}

/// The state of one connection, shared by the connection and its requests.
#[derive(Debug)]
pub struct ConnectionState {
    phase: Cell<Phase>,
    /// The end of the phase; without meaning while responding.
    deadline: Cell<Instant>,
    /// What has arrived since the current request began, if it is known where that was.
    arrival: Cell<Option<Arrival>>,
    /// The length of its body; `None` for chunks.
    length: Cell<Option<u64>>,
    /// Whether the response is a live stream, which takes as long as its client reads it.
    is_live: Cell<bool>,
}

impl ConnectionState {
    /// A connection accepted at `now`, whose first request must arrive at once.
    pub fn accepted(now: Instant) -> ConnectionState {
        ConnectionState {
            phase: Cell::new(Phase::Receiving),
            deadline: Cell::new(now + RECEIVE_TIMEOUT),
            arrival: Cell::new(Some(Arrival::default())),
            length: Cell::new(None),
            is_live: Cell::new(false),
        }
    }

    /// When what the client sends must be complete, or the connection is closed; `None` while the
    /// service has to respond.
    pub fn deadline(&self) -> Option<Instant> {
        (self.phase.get() != Phase::Responding).then(|| self.deadline.get())
    }

    /// Whether a part of a request has arrived, or the first one is expected.
    pub fn awaits_head(&self) -> bool {
        self.phase.get() == Phase::Receiving
    }

    /// Whether the connection must end once everything is written.
    pub fn is_over(&self) -> bool {
        self.phase.get() == Phase::Over
    }

    /// Whether the client may read the response as slowly as it arrives.
    pub fn is_live(&self) -> bool {
        self.is_live.get()
    }

    /// Whether the response to the current request is not complete yet.
    pub fn is_responding(&self) -> bool {
        self.phase.get() == Phase::Responding
    }

    /// Notes that `bytes` have arrived; true if they came too late.
    pub fn received(&self, bytes: &[u8], now: impl FnOnce() -> Instant) -> bool {
        let phase = self.phase.get();
        let arrival = match phase {
            Phase::Idle => Some(Arrival::default()),
            _ => self.arrival.get(),
        };
        self.arrival.set(arrival.map(|arrival| arrival.with(bytes)));
        match phase {
            Phase::Idle => {
                self.enter(Phase::Receiving, now() + RECEIVE_TIMEOUT);
                false
            }
            Phase::Receiving | Phase::Closing => self.deadline.get() <= now(),
            Phase::Responding | Phase::Over => false,
        }
    }

    /// Begins a request whose body has `length` bytes, if that is known; false if the last one of
    /// the connection came before.
    fn begin(&self, length: Option<u64>) -> bool {
        self.is_live.set(false);
        self.length.set(length);
        let is_open = !matches!(self.phase.get(), Phase::Closing | Phase::Over);
        let next = if is_open {
            Phase::Responding
        } else {
            Phase::Over
        };
        self.phase.set(next);
        is_open
    }

    /// Ends a request.
    fn end(&self, then: Then, now: Instant) {
        match then {
            Then::Close => self.enter(Phase::Closing, now + LINGER),
            Then::KeepAlive => match self.beyond_request() {
                Some(0) => self.enter(Phase::Idle, now + KEEP_ALIVE),
                // The next request has begun to arrive.
                Some(_) => self.enter(Phase::Receiving, now + RECEIVE_TIMEOUT),
                // A part of this one or of the next may be missing, which has to come soon.
                None => self.enter(Phase::Idle, now + RECEIVE_TIMEOUT),
            },
        }
        self.arrival.set(None);
    }

    /// How many bytes have arrived behind the current request, if that is known.
    fn beyond_request(&self) -> Option<u64> {
        self.arrival.get()?.beyond(self.length.get()?)
    }

    fn enter(&self, phase: Phase, deadline: Instant) {
        self.phase.set(phase);
        self.deadline.set(deadline);
    }
}

/// What follows a request.
#[derive(Debug, Clone, Copy)]
enum Then {
    Close,
    KeepAlive,
}

/// A request being executed; dropped once its response is written or abandoned.
struct Turn {
    connection: Rc<ConnectionState>,
    then: Then,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.connection.end(self.then, Instant::now());
    }
}

/// A response's body, which ends the turn of its request.
pub struct TurnBody<B> {
    body: B,
    _turn: Option<Turn>,
}

impl<B: MessageBody + Unpin> MessageBody for TurnBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}

/// Executes `request` by `app` if its connection is still open for it: the library passes on
/// requests behind one that closes the connection, which must not be executed (RFC 9112, 9.6).
pub fn execute_in_turn<S, B>(
    request: Request,
    app: &S,
) -> impl Future<Output = Result<Response<TurnBody<B>>, S::Error>> + use<S, B>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
{
    let is_last = request.head().connection_type() != ConnectionType::KeepAlive;
    let then = if is_last {
        Then::Close
    } else {
        Then::KeepAlive
    };
    let length = body_length(request.head().headers());
    let connection = request.conn_data::<Rc<ConnectionState>>().cloned();
    let is_open = connection.as_ref().is_none_or(|it| it.begin(length));
    let executed = is_open.then(|| {
        let turn = connection.map(|connection| Turn { connection, then });
        (turn, app.call(request))
    });
    async move {
        let Some((mut turn, response)) = executed else {
            // The connection is dropped, and this with it.
            return pending().await;
        };
        let mut response = response.await?.into();
        // Heads are recycled with the version of an earlier response, and one of HTTP/1.0 would end
        // this connection. The encoder sets the version of this request.
        response.head_mut().version = Version::HTTP_11;
        if is_last {
            // The library would say what the request behind this one asks for.
            response
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        if response.head().connection_type() != ConnectionType::KeepAlive
            && let Some(turn) = &mut turn
        {
            turn.then = Then::Close;
        }
        if let Some(turn) = &turn {
            turn.connection.is_live.set(is_live(response.headers()));
        }
        Ok(response.map_body(|_, body| TurnBody { body, _turn: turn }))
    }
}

/// The length of a request's body; `None` for chunks.
fn body_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    match headers.get(CONTENT_LENGTH) {
        None => Some(0),
        Some(length) => length.to_str().ok()?.trim().parse().ok(),
    }
}

fn is_live(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}
