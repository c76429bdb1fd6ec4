//! Import: an empty log is filled from the lines of an export.

use super::append::AppendImporter;
use super::heads::Heads;
use crate::cart::CartEvent;
use crate::cloud_event::CloudEvent;
use crate::decider::Event;
use crate::history::{self, CommitMetadata};
use crate::log::{
    self, BulkImporter, Head, LogConfig, OpenError, Position, RecordedEvent, Version, chained_hash,
};
use std::io::{self, BufRead};

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error("line {line} cannot be read: {error}; nothing was imported")]
    Read { line: u64, error: io::Error },
    #[error("line {line}: {reason}; nothing was imported")]
    Line { line: u64, reason: String },
}

/// Fills the log of `config`, which must be empty or missing, from `lines`, and returns the number
/// of its events. Each event must be readable, follow the one before it in its stream by version,
/// time and hash, and open its stream if it is the first. If one does not, there is no log
/// afterwards.
///
/// `progress` is called with the number of lines read.
pub fn import(
    lines: &mut dyn BufRead,
    config: &LogConfig,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ImportError> {
    let importer = match log::administration(config).import_in_bulk()? {
        Some(importer) => importer,
        None => Box::new(AppendImporter::open(config)?),
    };
    import_into(importer, lines, progress)
}

/// Fills an empty log through `log`, as [`import`] does.
pub fn import_into(
    mut log: Box<dyn BulkImporter>,
    lines: &mut dyn BufRead,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ImportError> {
    let mut heads = Heads::new();
    let mut last = Position(0);
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = lines.read_until(b'\n', &mut text);
        let read = read.map_err(|error| ImportError::Read { line, error })?;
        if read == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let refused = |reason| ImportError::Line { line, reason };
        let event: CloudEvent<'_> = serde_json::from_slice(&text)
            .map_err(|error| refused(format!("not an event of an export: {error}")))?;
        let recorded = recorded(&event).map_err(refused)?;
        let head = match heads.get(recorded.stream) {
            Some(head) => head,
            None => log.head(recorded.stream)?,
        };
        if recorded.position <= last {
            return Err(refused(format!(
                "position {} does not come after {last}",
                recorded.position
            )));
        }
        follows(&event, &recorded, head).map_err(refused)?;
        readable(&recorded).map_err(refused)?;
        let whole = CloudEvent::with_metadata(&recorded, event.previoushash)
            .map_err(|error| refused(error.to_string()))?;
        if whole != event {
            return Err(refused(
                "its attributes contradict its data and metadata".to_owned(),
            ));
        }
        log.add(&recorded)?;
        heads.set(recorded.stream, Head::at(&recorded));
        last = recorded.position;
        progress(line);
    }
    Ok(log.finish()?)
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

/// Checks that `recorded` directly follows `head`.
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
    if chained_hash(head.hash, recorded) != recorded.hash {
        return Err(format!(
            "the hash of version {version} of {stream} does not match its content: it was altered"
        ));
    }
    Ok(())
}

/// Checks that this version of cartlog can decode and fold `recorded`.
fn readable(recorded: &RecordedEvent) -> Result<(), String> {
    let event: CartEvent = history::event_of(recorded).map_err(|error| error.to_string())?;
    CommitMetadata::read(&recorded.metadata).map_err(|error| error.to_string())?;
    let opens = matches!(event, CartEvent::CartOpened(_));
    if opens != (recorded.version == Version(1)) {
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
