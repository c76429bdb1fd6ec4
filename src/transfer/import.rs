//! Import: an empty log is filled from the lines of an export.

use super::append::AppendImporter;
use super::closing_line::ExportSummary;
use super::heads::Heads;
use crate::cloud_event::CloudEvent;
use crate::decider::Event;
use crate::history::{self, CommitMetadata};
use crate::log::{
    self, BulkImporter, Hash, Head, LogConfig, LogDigest, LogHead, OpenError, Position, ReadError,
    RecordedEvent, Version, chained_hash,
};
use crate::models::ModelEvent;
use serde_json::Value;
use std::io::{self, BufRead, Read};

/// The longest line in bytes, without its line feed. The longest event has some 40 KiB.
const MAX_LINE: u64 = 1 << 20;

/// How many events are appended after each other without a report of progress.
const BATCH: usize = 4_096;

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error("the lines cannot be checked in a temporary folder: {0}; nothing was imported")]
    Temporary(io::Error),
    #[error(transparent)]
    Checked(#[from] ReadError),
    #[error("line {line} cannot be read: {error}; nothing was imported")]
    Read { line: u64, error: io::Error },
    #[error("line {line}: {reason}; nothing was imported")]
    Line { line: u64, reason: String },
    #[error(
        "the export has no closing line, so its end must be missing: export again, or accept it \
         with --incomplete if cartlog 0.1.0 wrote it; nothing was imported"
    )]
    NotClosed,
}

/// Whether an export must end with its closing line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingLine {
    Required,
    /// Version 0.1.0 wrote none.
    Optional,
}

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportSummary {
    pub events: u64,
    /// The end of the new log.
    pub head: LogHead,
    /// Whether the export had a closing line, which matched.
    pub is_closed: bool,
}

/// Fills the log of `config`, which must be empty or missing, from `lines`. Each event must be
/// readable, follow the one before it in its stream by version, time and hash, and open its stream
/// if it is the first; the closing line must match what came before it. If one does not, there is
/// no log afterwards.
///
/// `progress` is called with the number of lines read.
pub fn import(
    lines: &mut dyn BufRead,
    closing_line: ClosingLine,
    config: &LogConfig,
    progress: &mut dyn FnMut(u64),
) -> Result<ImportSummary, ImportError> {
    if let Some(importer) = log::administration(config).import_in_bulk()? {
        return import_into(importer, lines, closing_line, progress);
    }
    let importer = AppendImporter::open(config)?;
    // What is appended stays, so that all lines are checked before.
    let folder = tempfile::tempdir().map_err(ImportError::Temporary)?;
    let checked = LogConfig::in_folder(folder.path());
    let Some(check) = log::administration(&checked).import_in_bulk()? else {
        return import_into(Box::new(importer), lines, closing_line, progress);
    };
    let summary = import_into(check, lines, closing_line, progress)?;
    append_all(&checked, importer, progress)?;
    Ok(summary)
}

/// Appends all events of the log of `from`.
fn append_all(
    from: &LogConfig,
    mut importer: AppendImporter,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ImportError> {
    let from = log::administration(from).audit()?;
    let mut after = Position(0);
    loop {
        let events = from.read(after, BATCH)?;
        let Some(last) = events.last() else {
            return Ok(Box::new(importer).finish()?);
        };
        after = match last {
            Ok(event) => event.position,
            Err(row) => row.position,
        };
        for event in events {
            let event = event.map_err(|row| ReadError(row.reason))?;
            importer.add(&event)?;
        }
        progress(after.0);
    }
}

/// Fills an empty log through `log`, as [`import`] does.
pub fn import_into(
    log: Box<dyn BulkImporter>,
    lines: &mut dyn BufRead,
    closing_line: ClosingLine,
    progress: &mut dyn FnMut(u64),
) -> Result<ImportSummary, ImportError> {
    let mut import = Import {
        log,
        heads: Heads::new(),
        events: 0,
        digest: LogDigest::default(),
        is_closed: false,
    };
    let mut text = Vec::new();
    for line in 1.. {
        if !read_line(lines, line, &mut text)? {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        import.line(&text).map_err(|error| match error {
            LineError::Refused(reason) => ImportError::Line { line, reason },
            LineError::Log(error) => ImportError::Log(error),
        })?;
        progress(line);
    }
    if closing_line == ClosingLine::Required && !import.is_closed {
        return Err(ImportError::NotClosed);
    }
    Ok(ImportSummary {
        events: import.log.finish()?,
        head: LogHead {
            position: Position(import.events),
            ..import.digest.head()
        },
        is_closed: import.is_closed,
    })
}

/// Reads the line with this number into `text`; false at the end.
fn read_line(lines: &mut dyn BufRead, line: u64, text: &mut Vec<u8>) -> Result<bool, ImportError> {
    text.clear();
    let read = lines.take(MAX_LINE + 1).read_until(b'\n', text);
    let read = read.map_err(|error| ImportError::Read { line, error })?;
    if read as u64 > MAX_LINE && !text.ends_with(b"\n") {
        let reason = "it is longer than 1 MiB, which no line of an export is".to_owned();
        return Err(ImportError::Line { line, reason });
    }
    Ok(read > 0)
}

/// Why a line was not imported.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Log(#[from] OpenError),
}

impl From<String> for LineError {
    fn from(reason: String) -> LineError {
        LineError::Refused(reason)
    }
}

/// An import under way.
struct Import {
    log: Box<dyn BulkImporter>,
    heads: Heads<Head>,
    events: u64,
    digest: LogDigest,
    is_closed: bool,
}

impl Import {
    fn line(&mut self, text: &[u8]) -> Result<(), LineError> {
        if self.is_closed {
            let reason = "it comes after the closing line: import one export at a time";
            return Err(reason.to_owned().into());
        }
        match serde_json::from_slice(text) {
            Ok(event) => self.event(&event),
            Err(error) => match ExportSummary::of_line(text) {
                Some(summary) => Ok(self.close(summary)?),
                None => Err(format!("not an event of an export: {error}").into()),
            },
        }
    }

    fn event(&mut self, event: &CloudEvent<'_>) -> Result<(), LineError> {
        let recorded = recorded(event)?;
        let head = match self.heads.get(recorded.stream) {
            Some(head) => head,
            None => self.log.head(recorded.stream)?,
        };
        let last = self.digest.position();
        if recorded.position <= last {
            let position = recorded.position;
            return Err(format!("position {position} does not come after {last}").into());
        }
        follows(event, &recorded, head)?;
        let recorded = as_stored(recorded, head.hash)?;
        readable(&recorded)?;
        let whole = CloudEvent::with_metadata(&recorded, event.previoushash)
            .map_err(|error| error.to_string())?;
        // The hash covers the data, which other tools space differently.
        let whole = CloudEvent {
            data: event.data,
            ..whole
        };
        if whole != *event {
            let reason = "its attributes contradict its data and metadata";
            return Err(reason.to_owned().into());
        }
        self.log.add(&recorded)?;
        self.heads.set(recorded.stream, Head::at(&recorded));
        self.digest.add(recorded.position, recorded.hash);
        self.events += 1;
        Ok(())
    }

    /// Checks that `summary`, of the closing line, is that of the lines before it.
    fn close(&mut self, summary: ExportSummary) -> Result<(), String> {
        if summary.events != self.events {
            return Err(format!(
                "the export had {} events when it was closed, and {} come before this line: lines \
                 were removed or added",
                summary.events, self.events
            ));
        }
        let head = self.digest.head();
        if summary.head != head {
            return Err(format!(
                "the export was closed at {}, and the lines before give {head}: they were altered, \
                 replaced or moved",
                summary.head
            ));
        }
        self.is_closed = true;
        Ok(())
    }
}

/// The event as a log stores it.
fn recorded(event: &CloudEvent<'_>) -> Result<RecordedEvent, String> {
    let (name, schema) = event
        .kind
        .strip_prefix("cartlog.")
        .and_then(|kind| kind.rsplit_once(".v"))
        .and_then(|(name, schema)| Some((name, schema.parse().ok()?)))
        .ok_or_else(|| format!("its type {:?} is not one of cartlog", event.kind))?;
    let number = |field: &str, text: &str| -> Result<u64, String> {
        text.parse()
            .map_err(|_| format!("its {field} {text:?} is not a number"))
    };
    let metadata = event
        .metadata
        .as_deref()
        .ok_or("it has no metadata: only files written by cartlog export can be imported")?;
    // JSON allows line feeds as whitespace; the hash's input relies on there being none.
    if name.contains('\n') || metadata.contains('\n') || event.data.0.get().contains('\n') {
        return Err("its name, data and metadata must be single lines".to_owned());
    }
    Ok(RecordedEvent {
        position: Position(number("logposition", &event.logposition)?),
        stream: event.subject,
        version: Version(number("streamversion", &event.streamversion)?),
        name: name.to_owned().into(),
        schema,
        recorded_at: event.time,
        data: event.data.0.get().into(),
        metadata: metadata.into(),
        hash: event.hash,
    })
}

/// Checks that `recorded` directly follows `head`; its own hash is checked by [`as_stored`].
fn follows(event: &CloudEvent<'_>, recorded: &RecordedEvent, head: Head) -> Result<(), String> {
    let RecordedEvent {
        stream, version, ..
    } = recorded;
    if version.0 != head.version.0 + 1 {
        return Err(format!(
            "version {version} of {stream} does not follow version {}",
            head.version
        ));
    }
    if recorded.recorded_at < head.recorded_at {
        return Err(format!(
            "version {version} of {stream} was recorded before the version before it"
        ));
    }
    if event.previoushash != head.hash {
        return Err(format!(
            "version {version} of {stream} is not chained to the version before it"
        ));
    }
    Ok(())
}

/// `recorded` with its data byte for byte as it was stored, which its hash proves. Other tools
/// change the spacing or the order of keys.
fn as_stored(recorded: RecordedEvent, previous: Hash) -> Result<RecordedEvent, String> {
    let proven = |event: &RecordedEvent| chained_hash(previous, event) == event.hash;
    if proven(&recorded) {
        return Ok(recorded);
    }
    let spaced = serde_json::from_str::<Value>(&recorded.data);
    let ordered = history::event_of::<ModelEvent>(&recorded);
    let forms = [
        spaced.ok().map(|data| data.to_string()),
        ordered.ok().map(|event| event.data()),
    ];
    let stored = forms.into_iter().flatten().map(|data| RecordedEvent {
        data: data.into(),
        ..recorded.clone()
    });
    stored.into_iter().find(proven).ok_or_else(|| {
        format!(
            "the hash of version {} of {} does not match its content: it was altered, or another \
             tool rewrote its data beyond recognition",
            recorded.version, recorded.stream
        )
    })
}

/// Checks that this version of cartlog can decode and fold `recorded`.
fn readable(recorded: &RecordedEvent) -> Result<(), String> {
    let event: ModelEvent = history::event_of(recorded).map_err(|error| error.to_string())?;
    CommitMetadata::read(&recorded.metadata)?;
    if event.opens_stream() != (recorded.version == Version(1)) {
        return Err(format!(
            "{} is version {} of {}: a stream begins with the event that opens it, and has only \
             one of those",
            event.name(),
            recorded.version,
            recorded.stream
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;
    use uuid::Uuid;

    /// The model writes an event of an old schema in its new shape, which has another hash. Only
    /// the event's own text without the spaces proves what was stored.
    #[test]
    fn respaced_event_of_an_old_schema_is_restored() {
        let token = "07".repeat(32);
        let stored = format!(r#"{{"currency":"EUR","token_hash":"{token}"}}"#);
        let mut event = RecordedEvent {
            position: Position(1),
            stream: Uuid::nil(),
            version: Version(1),
            name: "CartOpened".into(),
            schema: 1,
            recorded_at: Timestamp::from_millis(0),
            data: stored.as_str().into(),
            metadata: "{}".into(),
            hash: Hash::ZERO,
        };
        event.hash = chained_hash(Hash::ZERO, &event);
        let with = |data: String| RecordedEvent {
            data: data.into(),
            ..event.clone()
        };
        let respaced = with(stored.replace(':', ": "));
        assert_eq!(as_stored(respaced, Hash::ZERO), Ok(event.clone()));
        let altered = with(stored.replace("EUR", "USD"));
        assert!(as_stored(altered, Hash::ZERO).is_err());
    }
}
