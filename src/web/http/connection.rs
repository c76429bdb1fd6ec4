//! What is settled once for a connection, before any request of it is read.

use actix_web::rt::net::TcpStream;
use std::any::Any;
use std::time::Duration;

/// Ends the connection once what was sent has made no progress for `patience`: a client that has
/// vanished, or one that no longer reads what it asked for.
///
/// The kernel does it (`TCP_USER_TIMEOUT`, RFC 5482), also while the client keeps a window of zero:
/// a timer of our own would have to be told by the socket, which the HTTP library keeps to itself.
pub fn end_when_stalled(connection: &dyn Any, patience: Duration) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(patience))
    {
        tracing::debug!(%error, "a connection has no bound on stalled writes");
    }
}
