//! The last line of an export. It counts and identifies what comes before it, so that a part of an
//! export is not taken for all of it.

use crate::log::{Hash, LogHead, Position};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The type of the closing line. Event types of the model have no dot in their names.
const TYPE: &str = "cartlog.export.completed.v1";

/// What an export has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportSummary {
    /// The identity of the exported log.
    pub log_id: Uuid,
    pub events: u64,
    /// Position and digest of the last event.
    pub head: LogHead,
}

/// A CloudEvent like the lines before it: readers that choose events by type pass over it.
#[derive(Serialize, Deserialize)]
struct ClosingLine {
    specversion: String,
    /// The position of the last event.
    id: String,
    /// The log, as `urn:uuid:<id>`.
    source: String,
    #[serde(rename = "type")]
    kind: String,
    datacontenttype: String,
    data: ClosingData,
}

#[derive(Serialize, Deserialize)]
struct ClosingData {
    log_id: Uuid,
    events: u64,
    position: u64,
    /// See [`LogHead::hash`].
    hash: Hash,
}

impl ExportSummary {
    /// The closing line, without a line feed.
    pub fn to_line(self) -> String {
        let line = ClosingLine {
            specversion: "1.0".to_owned(),
            id: self.head.position.to_string(),
            source: self.log_id.urn().to_string(),
            kind: TYPE.to_owned(),
            datacontenttype: "application/json".to_owned(),
            data: ClosingData {
                log_id: self.log_id,
                events: self.events,
                position: self.head.position.0,
                hash: self.head.hash,
            },
        };
        serde_json::to_string(&line).expect("strings and numbers become JSON")
    }

    /// Reads a closing line; `None` if `line` is something else.
    pub(super) fn of_line(line: &[u8]) -> Option<ExportSummary> {
        let line: ClosingLine = serde_json::from_slice(line).ok()?;
        (line.kind == TYPE).then_some(ExportSummary {
            log_id: line.data.log_id,
            events: line.data.events,
            head: LogHead {
                position: Position(line.data.position),
                hash: line.data.hash,
            },
        })
    }
}
