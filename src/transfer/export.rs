//! Export: the log as lines of JSON, one CloudEvent each.

use super::closing_line::ExportSummary;
use super::heads::PreviousHashes;
use crate::cloud_event::CloudEvent;
use crate::history::HistoryError;
use crate::log::{LogDigest, LogReader, Position, ReadError};

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
    let mut export = Export::of(log).await?;
    while export.write_page(log, out, BATCH).await? {
        progress(export.after.min(export.end).0, export.end.0);
    }
    let summary = export.summary();
    writeln!(out, "{}", summary.to_line())?;
    out.flush()?;
    Ok(summary)
}

/// An export of a log's current events, page by page.
pub struct Export {
    log_id: Uuid,
    end: Position,
    after: Position,
    events: u64,
    digest: LogDigest,
    hashes: PreviousHashes,
}

impl Export {
    /// An export of what `log` has now.
    pub async fn of(log: &dyn LogReader) -> Result<Export, ReadError> {
        Ok(Export {
            log_id: log.identity(),
            end: log.barrier().await?,
            after: Position(0),
            events: 0,
            digest: LogDigest::default(),
            hashes: PreviousHashes::new(),
        })
    }

    /// The position of its last event.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Writes up to `limit` more events. Returns false once there are none.
    pub async fn write_page(
        &mut self,
        log: &dyn LogReader,
        out: &mut dyn Write,
        limit: usize,
    ) -> Result<bool, ExportError> {
        if self.after >= self.end {
            return Ok(false);
        }
        let events = log.read_all(self.after, limit).await?;
        for recorded in events.iter().take_while(|event| event.position <= self.end) {
            let previous = self.hashes.before(log, recorded).await?;
            let failed = |error| ExportError::Event {
                position: recorded.position,
                error,
            };
            let event = CloudEvent::with_metadata(recorded, previous).map_err(failed)?;
            serde_json::to_writer(&mut *out, &event).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
            self.hashes.pass(recorded);
            self.digest.add(recorded.position, recorded.hash);
            self.events += 1;
        }
        self.after = events.last().map_or(self.end, |last| last.position);
        Ok(!events.is_empty())
    }

    /// What was written. Its closing line tells a complete export from one that was cut.
    pub fn summary(&self) -> ExportSummary {
        ExportSummary {
            log_id: self.log_id,
            events: self.events,
            head: self.digest.head(),
        }
    }
}
