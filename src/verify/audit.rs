//! The log read row by row, each event held against the one before it in its stream.

use super::{Course, Finding, FindingKind, VerifyError};
use crate::log::sqlite::{Entry, LogFile, UnreadableRow};
use crate::log::{Hash, Head, Position, RecordedEvent, Version, chained_hash};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender};
use uuid::Uuid;

/// How many rows are read in one transaction, which holds up the log's checkpoint meanwhile.
const BATCH: usize = 8_192;

/// What an auditor sends.
pub(super) enum Read {
    Batch {
        events: Vec<RecordedEvent>,
        /// Whether no row was left out of them.
        complete: bool,
    },
    /// The position that was asked for has been reached, or nothing more can be read.
    Done,
}

pub(super) struct Auditor<'a> {
    file: LogFile,
    course: &'a Course<'a>,
    /// The last event of each stream, as it was read. [`Hash::ZERO`] where that row was unreadable.
    heads: HashMap<Uuid, Head>,
    position: Position,
    events: u64,
    /// Whether the file cannot be read any further.
    broken: bool,
}

impl Auditor<'_> {
    pub(super) fn new<'a>(file: LogFile, course: &'a Course<'a>) -> Auditor<'a> {
        Auditor {
            file,
            course,
            heads: HashMap::new(),
            position: Position(0),
            events: 0,
            broken: false,
        }
    }

    /// Reads up to each of the positions that are `wanted` and sends what it reads, then checks the
    /// file as a whole. Ends early where nobody listens any more.
    pub(super) fn run(
        mut self,
        wanted: &Receiver<Position>,
        send: &SyncSender<Read>,
    ) -> Result<(), VerifyError> {
        while let Ok(until) = wanted.recv() {
            while self.position < until {
                self.course.go_on()?;
                let Some(read) = self.read(until) else { break };
                if send.send(read).is_err() {
                    return Ok(());
                }
            }
            if send.send(Read::Done).is_err() {
                return Ok(());
            }
        }
        if !self.broken {
            self.check_index()?;
        }
        match self.file.complaints() {
            Ok(complaints) => {
                for complaint in complaints {
                    self.find(Finding::at_large(FindingKind::DamagedLog, complaint));
                }
            }
            Err(error) => self.damaged(&error.to_string()),
        }
        Ok(())
    }

    /// The next rows up to `until`; none where they cannot be read.
    fn read(&mut self, until: Position) -> Option<Read> {
        if self.broken {
            return None;
        }
        let rows = match self.file.read(self.position, BATCH) {
            Ok(rows) if rows.is_empty() => {
                let detail = format!(
                    "the views have seen position {until}, the log ends at {}",
                    self.position
                );
                self.find(Finding::at_large(FindingKind::LogCutOff, detail));
                return None;
            }
            Ok(rows) => rows,
            Err(error) => {
                self.damaged(&error.to_string());
                self.broken = true;
                return None;
            }
        };
        let before = self.position;
        let mut events = Vec::with_capacity(rows.len());
        let mut complete = true;
        for row in rows {
            let position = match &row {
                Ok(event) => event.position,
                Err(row) => row.position,
            };
            if position > until {
                break;
            }
            self.check_position(position);
            self.events += 1;
            match row {
                Ok(event) => {
                    self.check(&event);
                    events.push(event);
                }
                Err(row) => {
                    complete = false;
                    self.skip(row);
                }
            }
        }
        if self.position <= before {
            // Asked for the rows behind these, a damaged file could give the same ones for ever.
            self.position = before;
            self.damaged("the rows behind it are not in the order of their positions");
            self.broken = true;
            return None;
        }
        Some(Read::Batch { events, complete })
    }

    fn check_position(&mut self, position: Position) {
        let expected = self.position.0 + 1;
        if position.0 != expected {
            self.find(Finding {
                position: Some(position),
                ..Finding::at_large(
                    FindingKind::PositionGap,
                    format!("there is no event from position {expected} up to here"),
                )
            });
        }
        self.position = position;
    }

    fn check(&mut self, event: &RecordedEvent) {
        let head = self.heads.insert(event.stream, Head::at(event));
        let head = head.unwrap_or(Head::START);
        if event.version.0 != head.version.0 + 1 {
            let detail = format!("it follows version {} of its stream", head.version);
            self.find(Finding::of_event(FindingKind::VersionGap, event, detail));
        } else if let Some(detail) = mismatch(&head, event) {
            self.find(Finding::of_event(FindingKind::HashMismatch, event, detail));
        }
        if event.recorded_at < head.recorded_at {
            let detail = format!(
                "it was recorded at {}, the event before it at {}",
                event.recorded_at, head.recorded_at
            );
            self.find(Finding::of_event(FindingKind::TimeBackwards, event, detail));
        }
    }

    /// Goes on behind a row that does not make an event.
    fn skip(&mut self, row: UnreadableRow) {
        if let (Some(stream), Some(version)) = (row.stream, row.version) {
            let head = self.heads.entry(stream).or_insert(Head::START);
            head.version = Version(version);
            head.hash = Hash::ZERO;
        }
        self.find(Finding {
            kind: FindingKind::UnreadableRow,
            cart_id: row.stream,
            version: row.version.map(Version),
            position: Some(row.position),
            detail: row.reason,
        });
    }

    /// Whether the index by stream and version leads to every event up to here, and to no other.
    fn check_index(&self) -> Result<(), VerifyError> {
        let mut entries = 0;
        let mut last: Option<Entry> = None;
        // Of the entries, the last one that belongs to an event that was looked at.
        let mut known: Option<Entry> = None;
        loop {
            self.course.go_on()?;
            let page = match self.file.index(last, BATCH) {
                Ok(page) => page,
                Err(error) => {
                    self.find(Finding::at_large(
                        FindingKind::DamagedIndex,
                        error.to_string(),
                    ));
                    return Ok(());
                }
            };
            let Some(end) = page.last() else { break };
            if last.is_some_and(|last| (end.stream, end.version) <= (last.stream, last.version)) {
                // Asked for what follows, a damaged index could give the same entries for ever.
                let detail = "its entries are not in order".to_owned();
                self.find(Finding::at_large(FindingKind::DamagedIndex, detail));
                return Ok(());
            }
            last = Some(*end);
            for entry in page {
                if entry.position > self.position {
                    continue;
                }
                entries += 1;
                if let Some(before) = known
                    && before.stream != entry.stream
                {
                    self.check_last_entry(&before);
                }
                known = Some(entry);
            }
        }
        if let Some(known) = known {
            self.check_last_entry(&known);
        }
        if entries != self.events {
            let detail = format!("it has {entries} entries for {} events", self.events);
            self.find(Finding::at_large(FindingKind::DamagedIndex, detail));
        }
        Ok(())
    }

    /// The last entry of a stream has to lead to the stream's last event.
    fn check_last_entry(&self, entry: &Entry) {
        let head = self.heads.get(&entry.stream);
        if head.is_none_or(|head| head.version.0 != entry.version) {
            self.find(Finding {
                kind: FindingKind::DamagedIndex,
                cart_id: Some(entry.stream),
                version: head.map(|head| head.version),
                position: Some(entry.position),
                detail: format!("the index ends the stream at version {}", entry.version),
            });
        }
    }

    fn damaged(&self, reason: &str) {
        self.find(Finding::at_large(
            FindingKind::DamagedLog,
            format!(
                "the log cannot be read after position {}: {reason}",
                self.position
            ),
        ));
    }

    fn find(&self, finding: Finding) {
        self.course.find(finding);
    }
}

/// Why `event` is not the one that was recorded behind `head`, if it is not.
fn mismatch(head: &Head, event: &RecordedEvent) -> Option<String> {
    let texts = [&*event.name, &*event.data, &*event.metadata];
    if texts.iter().any(|text| text.contains('\n')) {
        return Some("it holds a line feed, which no event is recorded with".to_owned());
    }
    if head.hash == Hash::ZERO && head.version.0 > 0 {
        // What it is chained to could not be read, which has been told.
        return None;
    }
    let hash = chained_hash(head.hash, event);
    (hash != event.hash).then(|| {
        format!(
            "its hash is {}, and what is recorded here gives {hash}: it was altered, or an event before it",
            event.hash
        )
    })
}
