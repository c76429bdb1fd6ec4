//! `cartlog rebuild`: rebuilds all views from the log. If a service has the log open, it is asked
//! over HTTP to rebuild, because its readers must switch to the new file; otherwise this process
//! works on the files.

use super::Outcome;
use super::progress::{Progress, print_note};
use super::service_client::ServiceClient;
use crate::config::Config;
use crate::log;
use crate::read_side::ReadSide;
use crate::views::{RebuildState, RebuildStatus};
use indicatif::HumanCount;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// How often the progress is polled.
const TICK: Duration = Duration::from_millis(200);
const REBUILD_PATH: &str = "/api/views/rebuild";

pub fn run(config: &Config) -> Outcome {
    let log_config = config.log_config();
    let administration = log::administration(&log_config);
    // Opening creates a missing log; in the wrong folder that would hide the mistake.
    if !administration.exists() {
        let location = administration.location();
        return Err(format!("cannot rebuild: no log at {location}; set log.path").into());
    }
    let opened = match log::open(&log_config) {
        Ok(opened) => opened,
        Err(error) if error.in_use => return ask_service(config),
        Err(error) => return Err(error.into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (stop, stopping) = watch::channel(false);
    let cache = config.cache.views_bytes();
    runtime.block_on(opened.log.wait_until_filled())?;
    let opening = ReadSide::open(&config.views.path, cache, opened.log.clone(), &stopping);
    let read_side = runtime.block_on(opening)?;
    // Views of another definition are being rebuilt already.
    let _ = read_side.rebuilds.start();
    let outcome = follow(|| Ok(read_side.rebuilds.status()));
    stop.send_replace(true);
    read_side.join();
    opened.log.close();
    opened.worker.join();
    outcome
}

/// Asks the service that has the log open to rebuild.
fn ask_service(config: &Config) -> Outcome {
    let client = ServiceClient::new(config);
    let url = client.url(REBUILD_PATH);
    let unreachable = |error: ureq::Error| {
        format!("another process has the log open, but a request to {url} failed: {error}")
    };
    let asked = client.post(REBUILD_PATH).map_err(unreachable)?;
    match asked.status().as_u16() {
        202 => {}
        409 => print_note("a rebuild is already running; waiting for it"),
        401 => {
            return Err(format!(
                "the service at {url} did not accept the operator token; it must be set in \
                 security.operator_token"
            )
            .into());
        }
        status => return Err(format!("{url} failed with status {status}").into()),
    }
    follow(|| {
        let mut response = client.get(REBUILD_PATH).map_err(unreachable)?;
        let text = response.body_mut().read_to_string().map_err(unreachable)?;
        serde_json::from_str(&text)
            .map_err(|error| format!("cannot parse the rebuild status of {url}: {error}").into())
    })
}

/// Shows the progress of the rebuild until it ends, then reports the result.
fn follow(status: impl Fn() -> Result<RebuildStatus, Box<dyn Error>>) -> Outcome {
    let progress = Progress::start("events");
    let ended = loop {
        let status = status()?;
        if status.state != RebuildState::Running {
            break status;
        }
        let total = (status.events_total > 0).then_some(status.events_total);
        progress.update(status.events_done, total);
        std::thread::sleep(TICK);
    };
    progress.finish();
    if ended.state != RebuildState::Swapped {
        let reason = ended.error.as_deref().unwrap_or("stopped");
        return Err(format!("rebuild failed, the old views stay in use: {reason}").into());
    }
    report(&ended, &mut io::stdout()).map_err(|error| {
        format!("the new views are in use, but the report cannot be written: {error}")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the differences between the new views and the old ones.
fn report(ended: &RebuildStatus, out: &mut impl Write) -> io::Result<()> {
    for found in &ended.differences {
        writeln!(out, "{} {}: {}", found.table, found.key, found.detail)?;
    }
    writeln!(
        out,
        "rebuilt all views from {} events; {} of {} rows differed",
        HumanCount(ended.events_done),
        HumanCount(ended.rows_differing),
        HumanCount(ended.rows_compared)
    )
}
