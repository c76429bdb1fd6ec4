//! `cartlog serve`: runs the service until SIGTERM or SIGINT.

use super::{Outcome, descriptors};
use crate::config::{Config, Format};
use crate::service::Service;
use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Serves. With JSON logging a failure is logged as JSON as well, instead of a plain line.
pub fn run(config: &Config) -> Outcome {
    match serve(config) {
        Err(error) if config.logging.format == Format::Json => {
            tracing::error!(error, "cartlog cannot serve");
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}

fn serve(config: &Config) -> Outcome {
    let capacity = descriptors::connection_capacity()?;
    let mut config = config.clone();
    config.server.connections = config.server.connections.min(capacity);
    let listener = TcpListener::bind(config.server.bind).map_err(|error| {
        format!(
            "cannot listen on {}: {error}; set another address with server.bind or \
             CARTLOG_SERVER__BIND",
            config.server.bind
        )
    })?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let service = Service::start(&config, listener).await?;
        let greeting = format!(
            "cartlog is running\n  the shop     http://{address}/\n  \
             the history  http://{address}/history\n  the API      http://{address}/docs\n"
        );
        // A closed standard output is no reason to stop.
        let _ = std::io::stdout().write_all(greeting.as_bytes());
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        service.run_until(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}
