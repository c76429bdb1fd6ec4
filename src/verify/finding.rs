//! The findings of a verification.

use crate::log::{Position, RecordedEvent, Version};
use crate::views::{Difference, Differs};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use uuid::Uuid;

/// A fault and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    pub kind: FindingKind,
    pub cart_id: Option<Uuid>,
    pub version: Option<Version>,
    pub position: Option<Position>,
    /// What was found, and what was expected.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// SQLite finds the log's file damaged, or cannot read it further.
    DamagedLog,
    /// The index of streams does not match the events.
    DamagedIndex,
    /// A row of the log is no event.
    UnreadableRow,
    /// There is no event at a position between two others.
    PositionGap,
    /// A version of a stream is missing, or exists twice.
    VersionGap,
    /// An event does not match its hash.
    HashMismatch,
    /// An event was recorded earlier than the one before it in its stream.
    TimeBackwards,
    /// An event or its metadata cannot be read by this program.
    UnreadableEvent,
    /// The events of a stream do not fold to a cart.
    DoesNotFold,
    /// The views have seen more events than the log has, or more are expected.
    LogCutOff,
    /// The events up to an expected position are not the expected ones.
    HistoryDiffers,
    /// The views cannot be read.
    DamagedViews,
    /// A row of a view is missing.
    RowMissing,
    /// A row of a view that no event gives.
    RowExtra,
    /// A row of a view is not what its events give.
    RowDifferent,
}

impl FindingKind {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::DamagedLog => "damaged_log",
            FindingKind::DamagedIndex => "damaged_index",
            FindingKind::UnreadableRow => "unreadable_row",
            FindingKind::PositionGap => "position_gap",
            FindingKind::VersionGap => "version_gap",
            FindingKind::HashMismatch => "hash_mismatch",
            FindingKind::TimeBackwards => "time_backwards",
            FindingKind::UnreadableEvent => "unreadable_event",
            FindingKind::DoesNotFold => "does_not_fold",
            FindingKind::LogCutOff => "log_cut_off",
            FindingKind::HistoryDiffers => "history_differs",
            FindingKind::DamagedViews => "damaged_views",
            FindingKind::RowMissing => "row_missing",
            FindingKind::RowExtra => "row_extra",
            FindingKind::RowDifferent => "row_different",
        }
    }
}

impl Finding {
    /// A finding about the log or the views as a whole.
    pub(super) fn general(kind: FindingKind, detail: impl Into<String>) -> Finding {
        Finding {
            kind,
            cart_id: None,
            version: None,
            position: None,
            detail: detail.into(),
        }
    }

    pub(super) fn of_event(kind: FindingKind, event: &RecordedEvent, detail: String) -> Finding {
        Finding {
            kind,
            cart_id: Some(event.stream),
            version: Some(event.version),
            position: Some(event.position),
            detail,
        }
    }

    pub(super) fn of_row(difference: &Difference) -> Finding {
        let place = format!("{} {}", difference.table, difference.key);
        Finding {
            kind: match difference.difference {
                Differs::Missing => FindingKind::RowMissing,
                Differs::Extra => FindingKind::RowExtra,
                Differs::Different => FindingKind::RowDifferent,
            },
            cart_id: difference.cart_id,
            version: difference.version.map(Version),
            position: None,
            detail: format!("{}: {}", place.trim_end(), difference.detail),
        }
    }
}

/// One line: the kind, then cart, version and position if there are any, then the detail.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(cart) = self.cart_id {
            write!(f, " cart {cart}")?;
        }
        if let Some(version) = self.version {
            write!(f, " version {version}")?;
        }
        if let Some(position) = self.position {
            write!(f, " position {position}")?;
        }
        write!(f, ": {}", self.detail)
    }
}
