//! How the operator sees the mirror.

use super::settings::MirrorSettings;
use crate::log::Position;
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// `current`: the stream has the whole log. `publishing`: it is behind, and this node sends events.
/// `standing_by`: another node does, and this one takes over if that one stops. `waiting`: the
/// servers cannot be used, which is tried again; `last_error` says why. `refused`: the stream is
/// not a mirror of this log; `last_error` says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "MirrorState")]
pub enum MirrorActivity {
    Current,
    Publishing,
    StandingBy,
    Waiting,
    Refused,
}

/// The state of the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorStatus {
    pub activity: MirrorActivity,
    /// Up to this position the stream is known to have the log; `None` until it has been read.
    pub position: Option<Position>,
    /// When the oldest event was written that the stream is not known to have. Before the stream
    /// has been read, when the service started.
    pub oldest: Option<Timestamp>,
    /// Why nothing is mirrored at the moment.
    pub last_error: Option<String>,
}

impl MirrorStatus {
    /// The status before the servers were asked for the first time.
    pub(super) fn starting() -> MirrorStatus {
        MirrorStatus {
            activity: MirrorActivity::Waiting,
            position: None,
            oldest: Some(Timestamp::now()),
            last_error: None,
        }
    }

    /// How long ago the oldest event that is not mirrored was written; zero without one.
    pub fn lag(&self) -> Duration {
        self.oldest
            .map_or(Duration::ZERO, |oldest| oldest.until(Timestamp::now()))
    }
}

/// A running mirror.
#[derive(Debug, Clone)]
pub struct MirrorHandle {
    pub settings: Arc<MirrorSettings>,
    pub(super) status: watch::Receiver<MirrorStatus>,
}

impl MirrorHandle {
    /// The state now.
    pub fn status(&self) -> MirrorStatus {
        self.status.borrow().clone()
    }

    /// The state and its changes.
    pub fn changes(&self) -> watch::Receiver<MirrorStatus> {
        self.status.clone()
    }
}
