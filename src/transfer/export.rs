//! Export: the log as lines of JSON, one CloudEvent each.

use super::closing_line::ExportSummary;
use super::heads::Heads;
use crate::cloud_event::CloudEvent;
use crate::history::HistoryError;
use crate::log::{
    Freshness, Hash, LogDigest, LogReader, Position, ReadError, RecordedEvent, Version,
};
use std::io::{self, Write};
use uuid::Uuid;

/// How many events are read at a time.
const BATCH: usize = 4_096;

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("position {position}: {error}")]
    Event {
        position: Position,
        error: HistoryError,
    },
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the current events of `log` to `out`, by position, and the closing line that the summary
/// gives. `progress` is called with the position written and the last one.
pub async fn export(
    log: &dyn LogReader,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ExportSummary, ExportError> {
    let end = log.barrier().await?;
    let mut after = Position(0);
    let mut events_written = 0;
    let mut digest = LogDigest::default();
    let mut hashes = Heads::new();
    while after < end {
        let events = log.read_all(after, BATCH).await?;
        for recorded in events.iter().take_while(|event| event.position <= end) {
            let previous = previous(log, &hashes, recorded).await?;
            let failed = |error| ExportError::Event {
                position: recorded.position,
                error,
            };
            let event = CloudEvent::with_metadata(recorded, previous).map_err(failed)?;
            serde_json::to_writer(&mut *out, &event).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
            hashes.set(recorded.stream, (recorded.version, recorded.hash));
            digest.add(recorded.position, recorded.hash);
            events_written += 1;
        }
        let Some(last) = events.last() else { break };
        after = last.position;
        progress(after.min(end).0, end.0);
    }
    let summary = ExportSummary {
        log_id: log.identity(),
        events: events_written,
        head: digest.head(),
    };
    writeln!(out, "{}", summary.to_line())?;
    out.flush()?;
    Ok(summary)
}

/// The hash of the event before `recorded` in its stream.
async fn previous(
    log: &dyn LogReader,
    hashes: &Heads<(Version, Hash)>,
    recorded: &RecordedEvent,
) -> Result<Hash, ReadError> {
    let before = Version(recorded.version.0.saturating_sub(1));
    match hashes.get(recorded.stream) {
        Some((version, hash)) if version == before => Ok(hash),
        _ if before == Version(0) => Ok(Hash::ZERO),
        _ => look_up(log, recorded.stream, before).await,
    }
}

async fn look_up(log: &dyn LogReader, stream: Uuid, version: Version) -> Result<Hash, ReadError> {
    let after = Version(version.0 - 1);
    let found = log.read_stream(stream, after, 1, Freshness::Any).await?;
    match found.first() {
        Some(event) if event.version == version => Ok(event.hash),
        _ => Err(ReadError(format!(
            "version {version} of {stream} is missing: check the log (cartlog verify)"
        ))),
    }
}
