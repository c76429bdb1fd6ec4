//! The audit of a node's replica, and its comparison with what the engine has.

use super::blocking::runtime;
use super::sequencer::{Sequence, SequencedCommit, Sequencer, SequencerConnector};
use crate::log::{Hash, IndexEntry, LogAudit, Position, ReadError, RecordedEvent, UnreadableRow};
use std::sync::Arc;
use uuid::Uuid;

/// How many commits are compared at a time.
const BATCH: usize = 2_000;

/// Reads the replica, and compares it with the engine.
pub(super) struct SharedAudit {
    replica: Box<dyn LogAudit>,
    connector: Arc<dyn SequencerConnector>,
}

impl SharedAudit {
    pub(super) fn new(
        replica: Box<dyn LogAudit>,
        connector: Arc<dyn SequencerConnector>,
    ) -> SharedAudit {
        SharedAudit { replica, connector }
    }

    async fn compare(
        &self,
        stopped: &dyn Fn() -> bool,
        differs: &mut dyn FnMut(Position, String),
    ) -> Result<(), ReadError> {
        let connected = self.connector.connect_existing().await;
        let connected = connected.map_err(|error| ReadError(error.to_string()))?;
        let Some(sequencer) = connected else {
            return Err(ReadError("the engine has no log any more".to_owned()));
        };
        let end = self.replica.end()?;
        let (mut sequence, mut previous) = (Sequence(0), Hash::ZERO);
        let mut position = Position(0);
        while position < end && !stopped() {
            let commits = read(&*sequencer, sequence).await?;
            if commits.is_empty() {
                let detail = format!("the engine has no events after {position}");
                differs(Position(position.0 + 1), detail);
                return Ok(());
            }
            for commit in &commits {
                if commit.sequence.0 != sequence.0 + 1 {
                    let (found, expected) = (commit.sequence, sequence.0 + 1);
                    let detail = format!("the engine has sequence {found} in place of {expected}");
                    differs(Position(position.0 + 1), detail);
                    return Ok(());
                }
                sequence = commit.sequence;
                let follows = commit.follows(previous);
                previous = commit.history.hash();
                if !follows {
                    let detail =
                        format!("the hash of the engine does not match at sequence {sequence}");
                    differs(Position(position.0 + 1), detail);
                    return Ok(());
                }
            }
            let events: Vec<_> = commits.iter().flat_map(|commit| &commit.events).collect();
            let rows = self.replica.read(position, events.len())?;
            let mut rows = rows.into_iter();
            for event in events {
                position.0 += 1;
                if position > end {
                    return Ok(());
                }
                let is_equal = match rows.next() {
                    Some(Ok(own)) => {
                        let expected = RecordedEvent {
                            position,
                            ..event.clone()
                        };
                        own == expected
                    }
                    Some(Err(_)) | None => false,
                };
                if !is_equal {
                    let (version, stream) = (event.version, event.stream);
                    let detail = format!(
                        "the engine has version {version} of stream {stream} here, the replica \
                         something else"
                    );
                    differs(position, detail);
                }
            }
        }
        Ok(())
    }
}

async fn read(
    sequencer: &dyn Sequencer,
    after: Sequence,
) -> Result<Vec<SequencedCommit>, ReadError> {
    let read = sequencer.tail(after, BATCH).await;
    read.map_err(|error| ReadError(error.to_string()))
}

impl LogAudit for SharedAudit {
    fn identity(&self) -> Uuid {
        self.replica.identity()
    }

    fn end(&self) -> Result<Position, ReadError> {
        self.replica.end()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Result<RecordedEvent, UnreadableRow>>, ReadError> {
        self.replica.read(after, limit)
    }

    fn read_index(
        &self,
        after: Option<IndexEntry>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, ReadError> {
        self.replica.read_index(after, limit)
    }

    fn check_storage(&self) -> Result<Vec<String>, ReadError> {
        self.replica.check_storage()
    }

    /// Must not be called inside of a runtime.
    fn compare_copy(
        &self,
        stopped: &dyn Fn() -> bool,
        differs: &mut dyn FnMut(Position, String),
    ) -> Result<(), ReadError> {
        runtime().block_on(self.compare(stopped, differs))
    }
}
