//! Appending commits.

use super::messages::{StoredMessage, encode};
use super::reader::last_of;
use super::session::{RESEND_AFTER, Session};
use crate::log::shared::{HistoryHash, Sequence, SequencedCommit, SequencedOutcome, commit_id};
use crate::log::{Commit, Hash, Version};
use crate::nats::{Conditions, Published, RETRY_AFTER, publish};
use bytes::Bytes;
use futures_util::future::join_all;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many ends of streams are cached, at about 100 bytes each. Another one is read from the
/// server before the first commit to its stream.
const CACHED_ENDS: usize = 65_536;
/// How long a server may lack the commit that this node's next one follows.
const BEHIND_FOR: Duration = Duration::from_secs(1);

/// The last commit of a stream.
#[derive(Debug, Clone, Copy)]
struct End {
    sequence: u64,
    version: Version,
    hash: Hash,
}

impl End {
    fn of(commit: &SequencedCommit) -> Option<(Uuid, End)> {
        let last = commit.events.last()?;
        let end = End {
            sequence: commit.sequence.0,
            version: last.version,
            hash: last.hash,
        };
        Some((last.stream, end))
    }
}

/// What a commit must find.
enum Expected {
    /// The last message of its subject at this sequence; 0 for none.
    Last(u64),
    /// Its stream has moved on to this sequence, or never was where the commit expects it.
    MovedOn(u64),
}

/// What a group of commits came to.
pub(super) struct Group {
    pub outcomes: Vec<SequencedOutcome>,
    /// The last sequence that was given to a commit of this group, and to no earlier attempt.
    pub reached: Option<u64>,
}

/// Appends commits, of which it caches where they belong.
pub(super) struct Writer {
    ends: Cache<Uuid, End>,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer {
            ends: Cache::new(CACHED_ENDS),
        }
    }
}

impl Writer {
    /// Notes the ends of streams in commits that were read.
    pub fn note(&self, commits: &[SequencedCommit]) {
        for (stream, end) in commits.iter().filter_map(End::of) {
            self.ends.insert(stream, end);
        }
    }

    /// Appends the commits: those of different streams at the same time, those of one stream one
    /// after the other.
    pub async fn append(&self, session: &Session, commits: &[Commit]) -> Group {
        let deadline = session.deadline();
        let mut outcomes: Vec<Option<SequencedOutcome>> = vec![None; commits.len()];
        let mut reached = None;
        for wave in waves(commits) {
            let appends = wave
                .iter()
                .map(|place| self.append_one(session, &commits[*place], deadline));
            for (place, (outcome, is_repeat)) in wave.iter().zip(join_all(appends).await) {
                if let SequencedOutcome::Accepted { sequence, .. } = outcome
                    && !is_repeat
                {
                    reached = reached.max(Some(sequence.0));
                }
                outcomes[*place] = Some(outcome);
            }
        }
        let unanswered = || SequencedOutcome::Unknown("it was not sent".to_owned());
        Group {
            outcomes: outcomes
                .into_iter()
                .map(|outcome| outcome.unwrap_or_else(unanswered))
                .collect(),
            reached,
        }
    }

    /// Appends one commit, and says whether an earlier attempt was accepted instead.
    async fn append_one(
        &self,
        session: &Session,
        commit: &Commit,
        deadline: Instant,
    ) -> (SequencedOutcome, bool) {
        let payload: Bytes = match encode(commit) {
            Ok(payload) => payload.into(),
            Err(reason) => return (SequencedOutcome::NotWritten(reason), false),
        };
        let id = commit_id(commit.events()).unwrap_or(Hash::ZERO);
        let id_text = id.to_string();
        loop {
            let expected = match self.expected(session, commit, deadline).await {
                Ok(Expected::Last(sequence)) => sequence,
                Ok(Expected::MovedOn(through)) => {
                    let through = Sequence(through);
                    return (SequencedOutcome::Conflict { through }, false);
                }
                Err(reason) => return (SequencedOutcome::NotWritten(reason), false),
            };
            let conditions = Conditions {
                last_of_subject: Some(expected),
                id: Some(&id_text),
                ..Conditions::default()
            };
            let subject = session.stream.subjects.commits_of(commit.stream());
            let published = publish(session.api(), subject, conditions, payload.clone()).await;
            let (reason, pause) = match published {
                Published::Stored {
                    sequence,
                    is_repeat,
                } => {
                    session.answered();
                    return (self.accepted(session, commit, id, sequence), is_repeat);
                }
                // A leader that does not know yet that another one was elected may be behind, and
                // one whose copy is damaged has lost the message.
                Published::OtherLast { actual } if actual <= expected => (
                    format!(
                        "the leader of the stream does not find the commit at sequence {expected}: \
                         it is behind, or its copy is damaged (docs/cluster.md, a flipped bit)"
                    ),
                    RETRY_AFTER,
                ),
                Published::OtherLast { actual } => {
                    session.answered();
                    session.reached(actual);
                    let through = Sequence(actual);
                    return (SequencedOutcome::Conflict { through }, false);
                }
                Published::InFlight => (
                    "another commit of the stream is in flight".to_owned(),
                    RESEND_AFTER,
                ),
                Published::NotReceived(reason) => {
                    session.unanswered().await;
                    (reason, RETRY_AFTER)
                }
                Published::Refused(reason) => return (SequencedOutcome::NotWritten(reason), false),
                Published::Unknown(reason) => {
                    session.unanswered().await;
                    return (SequencedOutcome::Unknown(reason), false);
                }
            };
            if Instant::now() >= deadline {
                return (SequencedOutcome::NotWritten(reason), false);
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn accepted(
        &self,
        session: &Session,
        commit: &Commit,
        id: Hash,
        sequence: u64,
    ) -> SequencedOutcome {
        session.reached(sequence);
        if let Some(last) = commit.events().last() {
            let end = End {
                sequence,
                version: last.version,
                hash: last.hash,
            };
            self.ends.insert(commit.stream(), end);
        }
        SequencedOutcome::Accepted {
            sequence: Sequence(sequence),
            history: HistoryHash::Entry(id),
        }
    }

    /// Where the stream of `commit` must end for it to be accepted.
    async fn expected(
        &self,
        session: &Session,
        commit: &Commit,
        deadline: Instant,
    ) -> Result<Expected, String> {
        if commit.expected() == Version(0) {
            return Ok(Expected::Last(0));
        }
        let stream = commit.stream();
        if let Some(end) = self.ends.get(&stream)
            && end.hash == *commit.previous_hash()
        {
            return Ok(Expected::Last(end.sequence));
        }
        let behind_until = Instant::now() + BEHIND_FOR;
        let subject = session.stream.subjects.commits_of(stream);
        loop {
            let (client, name) = (&session.api().client, &session.stream.name);
            let found = last_of(client, name, &subject).await;
            let end = found.and_then(|found| found.map(|message| end_of(&message)).transpose());
            let reason = match end {
                Ok(Some(end)) if end.hash == *commit.previous_hash() => {
                    self.ends.insert(stream, end);
                    return Ok(Expected::Last(end.sequence));
                }
                Ok(Some(end)) if end.version >= commit.expected() => {
                    return Ok(Expected::MovedOn(end.sequence));
                }
                // Either the server is behind this node, or the stream never was at that version.
                Ok(_) if Instant::now() >= behind_until => {
                    return Ok(Expected::MovedOn(session.known()));
                }
                Ok(_) => None,
                Err(reason) => Some(reason),
            };
            let pause = if let Some(reason) = reason {
                session.unanswered().await;
                if Instant::now() >= deadline {
                    return Err(reason);
                }
                RETRY_AFTER
            } else {
                RESEND_AFTER
            };
            tokio::time::sleep(pause).await;
        }
    }
}

fn end_of(message: &StoredMessage) -> Result<End, String> {
    let commit = message.decode()?;
    let end = End::of(&commit).map(|(_, end)| end);
    end.ok_or_else(|| format!("the message at sequence {} is no commit", message.sequence))
}

/// The places of the commits in rounds, in none of which a stream has two.
fn waves(commits: &[Commit]) -> Vec<Vec<usize>> {
    let mut waves: Vec<Vec<usize>> = Vec::new();
    let mut next_wave: HashMap<Uuid, usize> = HashMap::new();
    for (place, commit) in commits.iter().enumerate() {
        let wave = next_wave.entry(commit.stream()).or_default();
        if *wave == waves.len() {
            waves.push(Vec::new());
        }
        waves[*wave].push(place);
        *wave += 1;
    }
    waves
}
