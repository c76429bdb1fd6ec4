//! Connection settings.

use actix_web::rt::net::TcpStream;
use std::any::Any;
use std::time::Duration;

/// Closes the connection once sent data has made no progress for `timeout`, because the client has
/// vanished or stopped reading.
///
/// The kernel does it (`TCP_USER_TIMEOUT`, RFC 5482), also for a zero window. The HTTP library
/// hides the socket, so a timer in this process could not know.
pub fn end_when_stalled(connection: &dyn Any, timeout: Duration) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(timeout))
    {
        tracing::debug!(%error, "setting TCP_USER_TIMEOUT failed: stalled writes have no limit");
    }
}
