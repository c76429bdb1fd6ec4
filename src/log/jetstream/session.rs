//! What the parts of one open log share: the connection, how far the log is known to be, and
//! whether the servers answer.

use super::settings::JetStreamSettings;
use super::stream::Stream;
use crate::log::shared::raise;
use crate::nats::{Api, Conditions, Published, RETRY_AFTER, publish};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, watch};
use uuid::Uuid;

/// After so long without an answer of a leader another server is connected to: this one may be cut
/// off from the others.
const MOVE_AFTER: Duration = Duration::from_secs(3);
/// Pause before a message that is in flight is sent again.
pub(super) const RESEND_AFTER: Duration = Duration::from_millis(2);
/// How long an announcement to other nodes may take.
const ANNOUNCE_WITHIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Session {
    pub stream: Stream,
    pub settings: JetStreamSettings,
    /// The newest sequence that the log is known to have.
    known: watch::Sender<u64>,
    /// Set once an entry of this session covers everything that any node was ever given.
    covered: OnceCell<()>,
    contact: Mutex<Contact>,
}

#[derive(Debug)]
struct Contact {
    /// When a leader has answered last.
    answered: Instant,
    /// When the connection was moved to another server last.
    moved: Instant,
    /// Why the last append failed, and the last read.
    writer: Option<String>,
    reader: Option<String>,
}

impl Session {
    pub fn new(stream: Stream, settings: JetStreamSettings) -> Session {
        let now = Instant::now();
        Session {
            stream,
            settings,
            known: watch::Sender::new(0),
            covered: OnceCell::new(),
            contact: Mutex::new(Contact {
                answered: now,
                moved: now,
                writer: None,
                reader: None,
            }),
        }
    }

    pub fn api(&self) -> &Api {
        &self.stream.api
    }

    /// When a request that begins now is given up.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }

    pub fn known(&self) -> u64 {
        *self.known.borrow()
    }

    pub fn known_changes(&self) -> watch::Receiver<u64> {
        self.known.subscribe()
    }

    /// The log has reached `sequence`.
    pub fn reached(&self, sequence: u64) {
        self.known.send_if_modified(|known| raise(known, sequence));
    }

    /// The log ends at `sequence`, although it was known to be longer.
    pub fn shortened_to(&self, sequence: u64) {
        self.known.send_replace(sequence);
    }

    /// Tells other nodes what the log has reached. A hint: it may be lost.
    pub async fn announce(&self, sequence: u64) {
        let subject = self.stream.subjects.reached();
        let sent = self
            .api()
            .client
            .publish(subject, sequence.to_string().into());
        let _ = tokio::time::timeout(ANNOUNCE_WITHIN, sent).await;
    }

    /// A leader has answered.
    pub fn answered(&self) {
        self.contact().answered = Instant::now();
    }

    /// Whether a leader has answered within that time.
    pub fn has_answered_within(&self, time: Duration) -> bool {
        self.contact().answered.elapsed() < time
    }

    /// No leader has answered a request. After a while another server is connected to.
    pub async fn unanswered(&self) {
        let is_due = {
            let contact = self.contact();
            contact.answered.elapsed() >= MOVE_AFTER && contact.moved.elapsed() >= MOVE_AFTER
        };
        if !is_due {
            return;
        }
        self.contact().moved = Instant::now();
        tracing::debug!("connecting to another NATS server");
        let moving = self.api().client.force_reconnect();
        let _ = tokio::time::timeout(ANNOUNCE_WITHIN, moving).await;
    }

    pub fn set_writer_trouble(&self, reason: Option<String>) {
        self.contact().writer = reason;
    }

    pub fn set_reader_trouble(&self, reason: Option<String>) {
        self.contact().reader = reason;
    }

    /// Why the log cannot be used at the moment.
    pub fn trouble(&self) -> Option<String> {
        let contact = self.contact();
        contact.reader.clone().or_else(|| contact.writer.clone())
    }

    /// Makes sure that [`known`](Self::known) covers every commit that a node was ever given, so
    /// that a log which has become shorter is distinguished from a server that is behind.
    pub async fn cover(&self) -> Result<(), String> {
        let ticking = || async { self.tick(self.deadline()).await.map(|_| ()) };
        self.covered.get_or_try_init(ticking).await.copied()
    }

    /// Stores an empty entry, whose sequence covers everything that was acknowledged before.
    pub async fn tick(&self, deadline: Instant) -> Result<u64, String> {
        loop {
            // Of its own for each attempt, so that an old one is no answer to a new one.
            let id = Uuid::now_v7().to_string();
            let subject = self.stream.subjects.tick();
            let published = publish(self.api(), subject, Conditions::default(), id.into()).await;
            let reason = match published {
                Published::Stored { sequence, .. } => {
                    self.answered();
                    self.reached(sequence);
                    return Ok(sequence);
                }
                Published::Refused(reason) => return Err(reason),
                Published::NotReceived(reason) | Published::Unknown(reason) => reason,
                Published::InFlight | Published::OtherLast { .. } => "it is in flight".to_owned(),
            };
            self.unanswered().await;
            if Instant::now() >= deadline {
                return Err(reason);
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    fn contact(&self) -> MutexGuard<'_, Contact> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
