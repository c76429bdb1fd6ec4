//! The [`Sequencer`] of JetStream.

use super::messages::SecretRecord;
use super::session::Session;
use super::settings::JetStreamSettings;
use super::stream::Stream;
use super::writer::Writer;
use super::{ENGINE, notes, tail};
use crate::log::shared::{
    Rounds, Sequence, SequencedCommit, SequencedOutcome, Sequencer, SequencerError,
};
use crate::log::{Commit, Hash};
use crate::nats::{Conditions, Published, RETRY_AFTER, publish};
use async_trait::async_trait;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The least time between two entries that serve as barriers: they are kept for ever.
const TICKS_APART: Duration = Duration::from_millis(50);
/// Pause before hints are subscribed to again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// A log in JetStream, over one connection.
pub(super) struct JetStreamSequencer {
    session: Arc<Session>,
    writer: Writer,
    rounds: Rounds,
    /// When the last barrier of its own was stored.
    ticked: AsyncMutex<Option<Instant>>,
    listener: JoinHandle<()>,
}

impl Drop for JetStreamSequencer {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl JetStreamSequencer {
    /// Serves the log in `stream`.
    pub fn start(stream: Stream, settings: JetStreamSettings) -> JetStreamSequencer {
        let session = Arc::new(Session::new(stream, settings));
        JetStreamSequencer {
            listener: tokio::spawn(listen(session.clone())),
            session,
            writer: Writer::default(),
            rounds: Rounds::default(),
            ticked: AsyncMutex::default(),
        }
    }

    /// The record of the secret's digest: its sequence, 0 without one, and the digest.
    async fn secret_record(&self) -> Result<(u64, Option<Hash>), SequencerError> {
        let subject = self.session.stream.subjects.secret();
        let found = self
            .session
            .stream
            .last_of(subject, self.session.deadline());
        let found = found.await.map_err(SequencerError::Unavailable)?;
        let Some((sequence, payload)) = found else {
            return Ok((0, None));
        };
        let record = serde_json::from_slice::<SecretRecord>(&payload);
        let record = record.map_err(|error| SequencerError::Unreadable {
            sequence: Sequence(sequence),
            reason: format!("it must have the digest of the secret: {error}"),
        })?;
        Ok((sequence, Some(record.secret_digest)))
    }
}

/// Raises what is known by what other nodes announce.
async fn listen(session: Arc<Session>) {
    loop {
        let subject = session.stream.subjects.reached();
        if let Ok(mut hints) = session.api().client.subscribe(subject).await {
            while let Some(hint) = hints.next().await {
                let reached = std::str::from_utf8(&hint.payload).ok();
                if let Some(reached) = reached.and_then(|reached| reached.parse().ok()) {
                    session.reached(reached);
                }
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// Why commits were not acknowledged, if one was not.
fn first_failure(outcomes: &[SequencedOutcome]) -> Option<String> {
    outcomes.iter().find_map(|outcome| match outcome {
        SequencedOutcome::Unknown(reason) => Some(reason.clone()),
        _ => None,
    })
}

#[async_trait]
impl Sequencer for JetStreamSequencer {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn identity(&self) -> Uuid {
        self.session.stream.identity
    }

    async fn append(&self, commits: &[Commit]) -> Vec<SequencedOutcome> {
        let round = self.rounds.begin();
        let group = self.writer.append(&self.session, commits).await;
        if let Some(reached) = group.reached {
            round.end(reached);
            self.session.announce(reached).await;
        }
        self.session
            .set_writer_trouble(first_failure(&group.outcomes));
        group.outcomes
    }

    async fn tail(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<SequencedCommit>, SequencerError> {
        let read = tail::read(&self.session, after.0 + 1, limit).await;
        let trouble = read.as_ref().err().map(ToString::to_string);
        self.session.set_reader_trouble(trouble);
        if let Ok(commits) = &read {
            self.writer.note(commits);
        }
        read
    }

    async fn news(&self, after: Sequence) -> Sequence {
        let mut known = self.session.known_changes();
        let reached = known.wait_for(|reached| *reached > after.0).await;
        Sequence(*reached.expect("the sender lives as long as this sequencer"))
    }

    /// The next group of commits, if one follows at once, or an entry of its own.
    async fn barrier(&self) -> Result<Sequence, SequencerError> {
        if let Some(reached) = self.rounds.next().await {
            return Ok(Sequence(reached));
        }
        let mut ticked = self.ticked.lock().await;
        if let Some(last) = *ticked {
            tokio::time::sleep_until((last + TICKS_APART).into()).await;
        }
        let tick = self.session.tick(self.session.deadline()).await;
        *ticked = Some(Instant::now());
        self.session
            .set_writer_trouble(tick.as_ref().err().cloned());
        let sequence = tick.map_err(SequencerError::Unavailable)?;
        self.session.announce(sequence).await;
        Ok(Sequence(sequence))
    }

    async fn secret_digest(&self) -> Result<Option<[u8; 32]>, SequencerError> {
        Ok(self.secret_record().await?.1.map(|digest| digest.0))
    }

    async fn record_secret_digest(
        &self,
        digest: [u8; 32],
        replace: bool,
    ) -> Result<[u8; 32], SequencerError> {
        let deadline = self.session.deadline();
        loop {
            let (sequence, recorded) = self.secret_record().await?;
            match recorded {
                Some(recorded) if recorded.0 == digest || !replace => return Ok(recorded.0),
                _ => {}
            }
            let record = SecretRecord {
                secret_digest: Hash(digest),
                id: Uuid::now_v7(),
            };
            let payload = serde_json::to_vec(&record).expect("plain data");
            let conditions = Conditions {
                last_of_subject: Some(sequence),
                ..Conditions::default()
            };
            let subject = self.session.stream.subjects.secret();
            let api = self.session.api();
            match publish(api, subject, conditions, payload.into()).await {
                Published::Stored { .. } => return Ok(digest),
                Published::Refused(reason) => return Err(SequencerError::Unavailable(reason)),
                // What is recorded now tells.
                _ if Instant::now() < deadline => tokio::time::sleep(RETRY_AFTER).await,
                _ => {
                    let reason = "cannot record the digest of the secret: no answer from NATS";
                    return Err(SequencerError::Unavailable(reason.to_owned()));
                }
            }
        }
    }

    async fn note(&self) -> Result<Option<String>, SequencerError> {
        let read = notes::read(&self.session).await;
        Ok(read.map_err(SequencerError::Unavailable)?.1)
    }

    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, SequencerError> {
        let replaced = notes::replace(&self.session, last, next).await;
        replaced.map_err(SequencerError::Unavailable)
    }

    async fn health(&self) -> Result<(), String> {
        use async_nats::connection::State;
        if self.session.api().client.connection_state() != State::Connected {
            return Err("JetStream: there is no connection to any of the servers".to_owned());
        }
        match self.session.trouble() {
            Some(reason) => Err(format!("JetStream: {reason}")),
            None => Ok(()),
        }
    }
}
