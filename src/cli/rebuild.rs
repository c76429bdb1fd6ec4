//! `cartlog rebuild`: all views made anew from the log. Where a service has the log it is asked to do
//! that, since its readers have to go over; otherwise it is done on the files.

use super::Outcome;
use super::progress::{Progress, remark};
use crate::config::Config;
use crate::log::sqlite::SqliteLog;
use crate::read_side::ReadSide;
use crate::views::{RebuildState, RebuildStatus};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;
use ureq::Agent;

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(200);
const REBUILD: &str = "/api/views/rebuild";
const MIB: u64 = 1024 * 1024;

pub fn run(config: &Config) -> Outcome {
    // Opening a log makes one where there is none, which is not what whoever is in the wrong folder wants.
    if !config.log.path.exists() {
        let path = config.log.path.display();
        return Err(format!("there is no log at {path} to make views from: set log.path").into());
    }
    let (log, writer) = match SqliteLog::open(&config.log_settings()) {
        Ok(opened) => opened,
        Err(error) if error.in_use => return ask(config),
        Err(error) => return Err(error.into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (stop, stopping) = watch::channel(false);
    let cache = config.cache.views_mib * MIB;
    let opening = ReadSide::open(&config.views.path, cache, log.clone(), &stopping);
    let read_side = runtime.block_on(opening)?;
    // Views that did not fit are being made anew already.
    let _ = read_side.rebuilds.start();
    let outcome = follow(|| Ok(read_side.rebuilds.status()));
    stop.send_replace(true);
    read_side.join();
    log.close();
    writer.join();
    outcome
}

/// Lets the service that has the log do it.
fn ask(config: &Config) -> Outcome {
    let address = config.server.reachable_at();
    let url = format!("http://{address}{REBUILD}");
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into();
    let host = match config.server.hosts.first() {
        Some(name) if name != "*" => name.clone(),
        Some(_) | None => address.to_string(),
    };
    let token = format!("Bearer {}", config.security.operator_token);
    let unreachable = |error: ureq::Error| {
        format!("another process has the log open, and no service answers at {url}: {error}")
    };
    let asked = agent
        .post(&url)
        .header("host", &host)
        .header("authorization", &token)
        .send_empty()
        .map_err(unreachable)?;
    match asked.status().as_u16() {
        202 => {}
        409 => remark("a rebuild is under way already: this one is followed"),
        401 => {
            return Err(format!(
                "the service at {url} asks for another operator token: set security.operator_token"
            )
            .into());
        }
        status => return Err(format!("the service at {url} answered {status}").into()),
    }
    follow(|| {
        let mut answer = agent
            .get(&url)
            .header("host", &host)
            .header("authorization", &token)
            .call()
            .map_err(unreachable)?;
        let text = answer.body_mut().read_to_string().map_err(unreachable)?;
        serde_json::from_str(&text)
            .map_err(|error| format!("the service at {url} says what is no status: {error}").into())
    })
}

/// Shows how far the rebuild is until it has ended, and says what came of it.
fn follow(status: impl Fn() -> Result<RebuildStatus, Box<dyn Error>>) -> Outcome {
    let progress = Progress::begin("events");
    let ended = loop {
        let status = status()?;
        if status.state != RebuildState::Running {
            break status;
        }
        let total = (status.events_total > 0).then_some(status.events_total);
        progress.at(status.events_done, total);
        std::thread::sleep(TICK);
    };
    progress.end();
    if ended.state != RebuildState::Swapped {
        let reason = ended.error.as_deref().unwrap_or("it was told to stop");
        return Err(format!("the views are those from before: {reason}").into());
    }
    report(&ended, &mut io::stdout()).map_err(|error| {
        format!("the new views serve, and how they differ cannot be written: {error}")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes in what the new views differ from those before.
fn report(ended: &RebuildStatus, out: &mut impl Write) -> io::Result<()> {
    for found in &ended.differences {
        writeln!(out, "{} {}: {}", found.table, found.key, found.detail)?;
    }
    writeln!(
        out,
        "the views were made anew from {} events; of {} rows compared, {} differed",
        ended.events_done, ended.rows_compared, ended.rows_differing
    )
}
