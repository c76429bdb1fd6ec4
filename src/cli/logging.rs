//! Log output: level, format and target filters.

use super::progress::StderrLines;
use crate::background_errors::BackgroundErrors;
use crate::config::{Config, Format, Level, Requests};
use crate::web::REQUESTS;
use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// The HTTP parser, which logs malformed requests as errors.
const HTTP_PARSER: &str = "actix_http::h1";

/// Logs to standard error: cartlog's own lines from the configured level, those of its libraries
/// from warnings on, and those of the HTTP parser from level `debug` on: clients must not write the
/// operator's log. Returns what keeps the warnings and errors of the background.
pub fn start(config: &Config) -> BackgroundErrors {
    let level = match config.logging.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // Requests have a target of their own, so that they can be logged at any level.
    let requests = match config.logging.requests {
        Requests::All => level.max(LevelFilter::INFO),
        Requests::Failed => level.min(LevelFilter::WARN),
    };
    let parser = if level >= LevelFilter::DEBUG {
        LevelFilter::WARN
    } else {
        LevelFilter::OFF
    };
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("cartlog", level)
        .with_target(HTTP_PARSER, parser)
        .with_target(REQUESTS, requests);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(|| StderrLines);
    let errors = BackgroundErrors::default();
    let background = Targets::new().with_target("cartlog", LevelFilter::WARN);
    let registry = tracing_subscriber::registry().with(errors.clone().with_filter(background));
    match config.logging.format {
        Format::Text => registry.with(lines.with_filter(filter)).init(),
        Format::Json => {
            let lines = lines.json().flatten_event(true);
            registry.with(lines.with_filter(filter)).init();
        }
    }
    errors
}
