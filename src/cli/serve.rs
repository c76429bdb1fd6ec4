//! `cartlog serve`: runs the service until SIGTERM or SIGINT. SIGHUP reloads the catalogue.

use super::{Outcome, descriptors, service_manager};
use crate::background_errors::BackgroundErrors;
use crate::catalogue::CurrentCatalogue;
use crate::config::{Config, Format};
use crate::service::Service;
use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves. With JSON logging a failure is logged as JSON as well, instead of a plain line.
pub fn run(config: &Config, errors: BackgroundErrors) -> Outcome {
    match serve(config, errors) {
        Err(error) if config.logging.format == Format::Json => {
            tracing::error!(error, "cartlog cannot serve");
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}

fn serve(config: &Config, errors: BackgroundErrors) -> Outcome {
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
        // Also during start and shutdown, SIGHUP must not end the process.
        let hangup = signal(SignalKind::hangup())?;
        // A node may have to fill its replica of a shared log first, which takes a while.
        let service = tokio::select! {
            started = Service::start(&config, listener, errors) => started?,
            _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
        };
        tokio::spawn(reload_on(hangup, service.catalogue()));
        let greeting = format!(
            "cartlog is running\n  the shop     http://{address}/\n  \
             the history  http://{address}/history\n  the API      http://{address}/docs\n"
        );
        // A closed standard output is no reason to stop.
        let _ = std::io::stdout().write_all(greeting.as_bytes());
        config.server.bind = address;
        service_manager::report_ready(&config)?;
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            service_manager::report_stopping();
        };
        service.run_until(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Reloads the catalogue at each `hangup`. A failure is logged and leaves it as it is.
async fn reload_on(mut hangup: Signal, catalogue: Arc<CurrentCatalogue>) {
    while hangup.recv().await.is_some() {
        let catalogue = catalogue.clone();
        let reload = tokio::task::spawn_blocking(move || catalogue.reload().is_ok());
        if let Err(error) = reload.await {
            tracing::error!(%error, "catalogue not reloaded");
        }
    }
}
