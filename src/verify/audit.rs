//! Reads the log row by row and checks each event against the one before it in its stream.

use super::tree::TreeAudit;
use super::{Finding, FindingKind, VerifyContext, VerifyError, VerifyTarget};
use crate::log::{
    Hash, Head, IndexEntry, LogAudit, LogDigest, LogHead, Position, RecordedEvent, UnreadableRow,
    Version, chained_hash,
};
use crate::proof::TreeHead;
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};
use uuid::Uuid;

/// How many rows are read in one transaction, which blocks the checkpoint of the write-ahead log.
const BATCH: usize = 8_192;

/// What the auditor sends.
pub(super) enum Read {
    Batch {
        events: Vec<RecordedEvent>,
        /// Whether no row between them was unreadable.
        complete: bool,
    },
    /// The requested position has been reached, or no more can be read.
    Done,
}

pub(super) struct Auditor<'a> {
    file: Box<dyn LogAudit>,
    context: &'a VerifyContext<'a>,
    /// The last event of each stream; with [`Hash::ZERO`] where that row was unreadable.
    heads: HashMap<Uuid, Head>,
    position: Position,
    events: u64,
    /// Over the events that could be read.
    digest: LogDigest,
    /// Whether each row was an event.
    is_readable: bool,
    expected: Option<LogHead>,
    /// The digest at the expected position.
    found: Option<LogHead>,
    tree: TreeAudit,
    views: &'a Path,
    /// Whether the file cannot be read further.
    broken: bool,
}

impl Auditor<'_> {
    pub(super) fn new<'a>(
        file: Box<dyn LogAudit>,
        target: &'a VerifyTarget,
        checkpoints: Vec<TreeHead>,
        context: &'a VerifyContext<'a>,
    ) -> Auditor<'a> {
        let digest = LogDigest::default();
        Auditor {
            file,
            context,
            heads: HashMap::new(),
            position: Position(0),
            events: 0,
            found: Some(digest.head()),
            digest,
            is_readable: true,
            expected: target.expected_head,
            tree: TreeAudit::new(checkpoints),
            views: &target.views,
            broken: false,
        }
    }

    /// Reads up to each of the `wanted` positions and sends what it reads, then checks the file as
    /// a whole. Ends early when the receiver is gone.
    pub(super) fn run(
        mut self,
        wanted: &Receiver<Position>,
        send: &SyncSender<Read>,
    ) -> Result<(), VerifyError> {
        while let Ok(until) = wanted.recv() {
            while self.position < until {
                self.context.check_stop()?;
                let Some(read) = self.read(until) else { break };
                if send.send(read).is_err() {
                    return Ok(());
                }
            }
            if send.send(Read::Done).is_err() {
                return Ok(());
            }
        }
        self.check_expected();
        self.tree.finish(&*self.file, self.views, self.context);
        if !self.broken {
            self.check_index()?;
        }
        match self.file.check_storage() {
            Ok(complaints) => {
                for complaint in complaints {
                    self.find(Finding::general(FindingKind::DamagedLog, complaint));
                }
            }
            Err(error) => self.damaged(&error.to_string()),
        }
        let stopped = || self.context.check_stop().is_err();
        self.file.compare_copy(&stopped, &mut |position, detail| {
            self.find(Finding {
                position: Some(position),
                ..Finding::general(FindingKind::DamagedLog, detail)
            });
        })?;
        Ok(())
    }

    /// The next rows up to `until`; `None` if they cannot be read.
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
                self.find(Finding::general(FindingKind::LogCutOff, detail));
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
                    self.add_to_digest(&event);
                    self.tree.add(event.position, Some(event.hash));
                    self.check(&event);
                    events.push(event);
                }
                Err(row) => {
                    complete = false;
                    self.tree.add(row.position, None);
                    self.skip(row);
                }
            }
        }
        if self.position <= before {
            // A damaged file could give the same rows again and again: a position cycle.
            self.position = before;
            self.damaged("the next rows are not in the order of their positions");
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
                ..Finding::general(
                    FindingKind::PositionGap,
                    format!("there is no event from position {expected} up to here"),
                )
            });
        }
        self.position = position;
    }

    fn add_to_digest(&mut self, event: &RecordedEvent) {
        self.digest.add(event.position, event.hash);
        if self
            .expected
            .is_some_and(|expected| expected.position == event.position)
        {
            self.found = Some(self.digest.head());
        }
    }

    /// Reports the head, and compares the log up to the expected position with what is expected.
    fn check_expected(&self) {
        let head = (self.is_readable && !self.broken).then(|| self.digest.head());
        self.context.update(|status| status.head = head);
        let Some(expected) = self.expected else {
            return;
        };
        let found = self
            .found
            .filter(|found| found.position == expected.position);
        let (kind, detail) = match found {
            Some(found) if found == expected => return,
            Some(found) => {
                let detail = format!(
                    "the events up to here give the hash {}, and {} is expected: one of them was \
                     altered, removed, added or moved",
                    found.hash, expected.hash
                );
                (FindingKind::HistoryDiffers, detail)
            }
            None if self.position < expected.position => {
                let missing = expected.position.0 - self.position.0;
                let detail = format!(
                    "an event is expected here, and the log ends at {}: {missing} are missing",
                    self.position
                );
                (FindingKind::LogCutOff, detail)
            }
            None => {
                let detail = "an event is expected here, and there is none that can be read";
                (FindingKind::HistoryDiffers, detail.to_owned())
            }
        };
        self.find(Finding {
            position: Some(expected.position),
            ..Finding::general(kind, detail)
        });
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

    /// Continues after a row that is no event.
    fn skip(&mut self, row: UnreadableRow) {
        self.is_readable = false;
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

    /// Checks that the index by stream and version has every event up to here, and no other.
    fn check_index(&self) -> Result<(), VerifyError> {
        let mut entries = 0;
        let mut last: Option<IndexEntry> = None;
        // The last entry so far of an event that was checked.
        let mut known: Option<IndexEntry> = None;
        loop {
            self.context.check_stop()?;
            let page = match self.file.read_index(last, BATCH) {
                Ok(page) => page,
                Err(error) => {
                    self.find(Finding::general(
                        FindingKind::DamagedIndex,
                        error.to_string(),
                    ));
                    return Ok(());
                }
            };
            let Some(end) = page.last() else { break };
            if last.is_some_and(|last| (end.stream, end.version) <= (last.stream, last.version)) {
                // A damaged index could give the same entries again and again.
                let detail = "its entries are not in order".to_owned();
                self.find(Finding::general(FindingKind::DamagedIndex, detail));
                return Ok(());
            }
            last = Some(*end);
            // Newer streams may be behind the end by now: a log that grows must not keep this busy.
            let is_end = page.len() < BATCH;
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
            if is_end {
                break;
            }
        }
        if let Some(known) = known {
            self.check_last_entry(&known);
        }
        if entries != self.events {
            let detail = format!("it has {entries} entries for {} events", self.events);
            self.find(Finding::general(FindingKind::DamagedIndex, detail));
        }
        Ok(())
    }

    /// Checks that the last entry of a stream leads to its last event.
    fn check_last_entry(&self, entry: &IndexEntry) {
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
        self.find(Finding::general(
            FindingKind::DamagedLog,
            format!(
                "the log cannot be read after position {}: {reason}",
                self.position
            ),
        ));
    }

    fn find(&self, finding: Finding) {
        self.context.find(finding);
    }
}

/// Why `event` is not the one that was recorded after `head`, if it is not.
fn mismatch(head: &Head, event: &RecordedEvent) -> Option<String> {
    let texts = [&*event.name, &*event.data, &*event.metadata];
    if texts.iter().any(|text| text.contains('\n')) {
        return Some("it contains a line feed, which no recorded event does".to_owned());
    }
    if head.hash == Hash::ZERO && head.version.0 > 0 {
        // Its predecessor could not be read, which is a finding already.
        return None;
    }
    let hash = chained_hash(head.hash, event);
    (hash != event.hash).then(|| {
        format!(
            "its hash is {}, and what is recorded here gives {hash}: it was altered, or an \
             event before it",
            event.hash
        )
    })
}
