//! Commits as rows of the table `commits`.

use super::link::Parameter;
use super::schema::get;
use crate::log::shared::{
    HistoryHash, Sequence, SequencedCommit, SequencedOutcome, decode_events, encode_events,
};
use crate::log::{Commit, Hash, RecordedEvent, Version};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// The parameters of `append` for a group of commits.
#[derive(Default)]
pub(super) struct Group<'a> {
    streams: Vec<Uuid>,
    first_versions: Vec<i64>,
    last_versions: Vec<i64>,
    previous_hashes: Vec<&'a [u8]>,
    hashes: Vec<&'a [u8]>,
    metadata: Vec<&'a str>,
    events: Vec<String>,
}

impl<'a> Group<'a> {
    /// The error says which commit cannot be stored, and why.
    pub fn of(commits: &'a [Commit]) -> Result<Group<'a>, String> {
        let mut group = Group::default();
        for commit in commits {
            let (first, last) = ends(commit.events());
            group.streams.push(commit.stream());
            group.first_versions.push(first.version.0.cast_signed());
            group.last_versions.push(last.version.0.cast_signed());
            group.previous_hashes.push(&commit.previous_hash().0);
            group.hashes.push(&last.hash.0);
            group.metadata.push(&first.metadata);
            group.events.push(encode_events(commit.events())?);
        }
        Ok(group)
    }

    pub fn parameters(&self) -> [Parameter<'_>; 7] {
        [
            (&self.streams, Type::UUID_ARRAY),
            (&self.first_versions, Type::INT8_ARRAY),
            (&self.last_versions, Type::INT8_ARRAY),
            (&self.previous_hashes, Type::BYTEA_ARRAY),
            (&self.hashes, Type::BYTEA_ARRAY),
            (&self.metadata, Type::TEXT_ARRAY),
            (&self.events, Type::TEXT_ARRAY),
        ]
    }
}

fn ends(events: &[RecordedEvent]) -> (&RecordedEvent, &RecordedEvent) {
    match events {
        [first, .., last] => (first, last),
        [only] => (only, only),
        [] => unreachable!("a commit has at least one event"),
    }
}

/// What `append` returned.
pub(super) struct Appended {
    pub reached: u64,
    pub outcomes: Vec<SequencedOutcome>,
}

impl Appended {
    pub fn read(row: &Row) -> Result<Appended, String> {
        let reached: i64 = get(row, 0)?;
        let sequences: Vec<Option<i64>> = get(row, 1)?;
        let chains: Vec<Option<&[u8]>> = get(row, 2)?;
        let conflicts: Vec<Option<i64>> = get(row, 3)?;
        let outcomes = sequences.into_iter().zip(chains).zip(conflicts);
        Ok(Appended {
            reached: reached.cast_unsigned(),
            outcomes: outcomes
                .map(|outcome| match outcome {
                    ((Some(sequence), Some(chain)), _) => Ok(SequencedOutcome::Accepted {
                        sequence: Sequence(sequence.cast_unsigned()),
                        history: rolling(chain)?,
                    }),
                    (_, conflict) => Ok(SequencedOutcome::Conflict {
                        through: Sequence(conflict.unwrap_or(reached).cast_unsigned()),
                    }),
                })
                .collect::<Result<_, String>>()?,
        })
    }
}

/// The columns that [`commit`] reads.
pub(super) const COLUMNS: &str = "sequence, chain, stream, first_version, metadata, events";

/// The commit in `row`, or the sequence and the reason why it cannot be read.
pub(super) fn commit(row: &Row) -> Result<SequencedCommit, (Sequence, String)> {
    let sequence: i64 = get(row, 0).map_err(|reason| (Sequence(0), reason))?;
    let sequence = Sequence(sequence.cast_unsigned());
    let unreadable = |reason| (sequence, reason);
    Ok(SequencedCommit {
        sequence,
        history: get(row, 1).and_then(rolling).map_err(unreadable)?,
        events: decode(row).map_err(unreadable)?,
    })
}

fn rolling(bytes: &[u8]) -> Result<HistoryHash, String> {
    let bytes = bytes.try_into().map_err(|_| "a hash must have 32 bytes")?;
    Ok(HistoryHash::Rolling(Hash(bytes)))
}

fn decode(row: &Row) -> Result<Vec<RecordedEvent>, String> {
    let (stream, first): (Uuid, i64) = (get(row, 2)?, get(row, 3)?);
    let metadata: Arc<str> = get::<&str>(row, 4)?.into();
    decode_events(
        stream,
        Version(first.cast_unsigned()),
        &metadata,
        get(row, 5)?,
    )
}
