//! What a node answers while it fills its replica of a shared log.

use crate::log::EventLog;
use crate::web::{ServerSettings, serve_starting};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

/// Answers probes on `listener` until this node's replica is filled, and everything else with 503.
/// Later connections wait in the accept queue meanwhile.
pub async fn serve_until_filled(
    log: &Arc<dyn EventLog>,
    settings: ServerSettings,
    listener: &TcpListener,
) -> io::Result<()> {
    if log.replica().is_none_or(|replica| replica.is_filled) {
        return Ok(());
    }
    let settings = ServerSettings {
        workers: 1,
        shutdown_seconds: 1,
        ..settings
    };
    let server = serve_starting(&settings, listener.try_clone()?, log.clone())?;
    let (handle, mut server) = (server.handle(), std::pin::pin!(server));
    tokio::select! {
        ended = &mut server => return ended,
        () = filled(&**log) => {}
    }
    let ((), ended) = tokio::join!(handle.stop(true), server);
    ended
}

/// Waits until the replica is filled, however often it stops on the way.
async fn filled(log: &dyn EventLog) {
    while log.wait_until_filled().await.is_err() {}
}
