//! Where the program's log lines go, and which.

use super::progress::Lines;
use crate::config::{Config, Format, Level, Requests};
use crate::web::REQUESTS;
use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Logs to standard error: this program's own lines from the level that is set, those of its
/// libraries from warnings on.
pub fn start(config: &Config) {
    let level = match config.logging.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // A target of its own: whoever wants a line for each request need not take everything else.
    let requests = match config.logging.requests {
        Requests::All => level.max(LevelFilter::INFO),
        Requests::Failed => level.min(LevelFilter::WARN),
    };
    let wanted = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("cartlog", level)
        .with_target(REQUESTS, requests);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(|| Lines);
    let registry = tracing_subscriber::registry().with(wanted);
    match config.logging.format {
        Format::Text => registry.with(lines).init(),
        Format::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
}
