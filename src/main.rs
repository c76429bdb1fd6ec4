//! The command line.

use cartlog::config::{Config, Format, Level};
use cartlog::service::Service;
use clap::{Parser, Subcommand};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Commands allocate many small, short-lived texts on one thread and free them on another, which is
/// what the C library's allocator is slowest at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A shopping-cart service whose only truth is an append-only log of events.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration; without it, config.toml in the working directory if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the shop, its API and its history (the default).
    Serve,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cartlog: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let config = Config::load(arguments.config.as_deref())?;
    start_logging(&config);
    match arguments.command {
        None | Some(Command::Serve) => serve(&config),
    }
}

fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(config.server.bind).map_err(|error| {
        format!(
            "cannot listen on {}: {error}. Set another address by server.bind or CARTLOG_SERVER__BIND",
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
        let service = Service::start(config, listener).await?;
        let greeting = format!(
            "cartlog serves\n  the shop     http://{address}/\n  the history  http://{address}/history\n  \
             the API      http://{address}/api/products\n"
        );
        // Where nobody reads standard output, the service goes on all the same.
        let _ = std::io::stdout().write_all(greeting.as_bytes());
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(service.run_until(shutdown).await?)
    })
}

/// Logs to standard error: this program's own lines from the level that is set, those of its
/// libraries from warnings on.
fn start_logging(config: &Config) {
    let level = match config.logging.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let wanted = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("cartlog", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(wanted);
    match config.logging.format {
        Format::Text => registry.with(lines).init(),
        Format::Json => registry.with(lines.json()).init(),
    }
}
