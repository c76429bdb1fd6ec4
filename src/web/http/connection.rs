//! A connection with deadlines, below the HTTP library.
//!
//! Outside of a request being executed, every connection has a deadline: what arrives must become a
//! request, and a closing response ends the connection. The library bounds only the first head of a
//! connection; a later one, line feeds between requests, or a body that no handler reads could
//! arrive for ever. A response that its client reads too slowly ends the connection as well.

use crate::timestamp::Timestamp;
use crate::web::http::per_client::Held;
use crate::web::http::turn::ConnectionState;
use actix_web::rt::net::TcpStream;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The least rate at which a client must read a response, in bytes per second. Below it, slow
/// readers could hold connections and responses for as long as they like.
const LEAST_RATE: u64 = 1_024;

/// An accepted connection, as the HTTP library reads and writes it.
pub struct Connection {
    stream: TcpStream,
    state: Rc<ConnectionState>,
    /// Wakes the task at the deadline or before, and is then set again. A busy connection therefore
    /// sets it every few seconds instead of for each request.
    alarm: Pin<Box<Sleep>>,
    /// Whether the socket's buffer is full, so that a response is only partly sent.
    is_write_blocked: bool,
    /// How a response is read that the socket's buffer did not have room for.
    slow_read: Option<SlowRead>,
    stalled: Duration,
    has_timed_out: bool,
    /// Held until the connection ends.
    _held: Option<Held>,
}

/// A response that waits for its client.
#[derive(Debug, Clone, Copy)]
struct SlowRead {
    since: Instant,
    /// The bytes sent since then.
    sent: u64,
}

impl Connection {
    /// `stream`, which is closed once sent data has made no progress for `stalled`, because the
    /// client has vanished or stopped reading.
    ///
    /// The kernel does it (`TCP_USER_TIMEOUT`, RFC 5482), also for a zero window. A response that
    /// makes progress may take that time, and a second more for each [`LEAST_RATE`] bytes; a live
    /// stream may take any.
    pub fn new(stream: TcpStream, stalled: Duration, held: Option<Held>) -> Connection {
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(stalled)) {
            let effect = "stalled writes have no limit";
            tracing::debug!(%error, effect, "setting TCP_USER_TIMEOUT failed");
        }
        let now = Instant::now();
        Connection {
            stream,
            state: Rc::new(ConnectionState::accepted(now)),
            alarm: Box::pin(sleep_until(now)),
            is_write_blocked: false,
            slow_read: None,
            stalled,
            has_timed_out: false,
            _held: held,
        }
    }

    /// The state, which the requests of this connection share.
    pub fn state(&self) -> Rc<ConnectionState> {
        self.state.clone()
    }

    /// Ready at the deadline; otherwise the task is woken then.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.state.deadline() else {
            return Poll::Pending;
        };
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Notes that `written` bytes of the response were sent; fails if the client reads too slowly.
    fn pace(&mut self, written: u64) -> io::Result<()> {
        if self.slow_read.is_none() && !self.is_write_blocked {
            return Ok(());
        }
        if self.state.is_live() {
            self.slow_read = None;
            return Ok(());
        }
        let now = Instant::now();
        let slow = self.slow_read.get_or_insert(SlowRead {
            since: now,
            sent: 0,
        });
        slow.sent += written;
        let allowed = self.stalled + Duration::from_secs(slow.sent / LEAST_RATE);
        if now.duration_since(slow.since) > allowed {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Ends what the client sends. The HTTP library then closes the connection.
    fn time_out(&mut self) {
        self.has_timed_out = true;
        if self.state.awaits_head() && !self.is_write_blocked {
            send_bare_response(&self.stream, "408 Request Timeout", "");
        }
    }
}

/// Sends a response without a body, after which the connection has to be closed. A client that does
/// not read gets none.
pub fn send_bare_response(stream: &TcpStream, status: &str, headers: &str) {
    let now = chrono::DateTime::from_timestamp_millis(Timestamp::now().millis());
    let date = now.unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT");
    let response = format!(
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\ndate: {date}\r\n\
         {headers}\r\n"
    );
    // Directly on the socket: the runtime does not know yet that a new one can be written.
    if let Err(error) = socket2::SockRef::from(stream).send(response.as_bytes()) {
        tracing::debug!(%error, status, "sending a bare response failed");
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.has_timed_out {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                // A client that always has more to send is never waited for.
                if this
                    .state
                    .received(&buffer.filled()[before..], Instant::now)
                {
                    buffer.set_filled(before);
                    this.time_out();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => {
                std::task::ready!(this.poll_deadline(context));
                this.time_out();
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.is_write_blocked = !matches!(written, Poll::Ready(Ok(count)) if count == bytes.len());
        let count = match &written {
            Poll::Ready(Ok(count)) => *count,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        this.pace(count as u64)?;
        written
    }

    /// Called after everything was written, at the end of each turn of the HTTP library.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_write_blocked = false;
        if !this.state.is_responding() {
            this.slow_read = None;
        }
        if this.state.is_over() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        // A response that was just completed began a deadline, for which the next read is too late.
        if !this.has_timed_out && this.poll_deadline(context).is_ready() {
            this.time_out();
            context.waker().wake_by_ref();
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
