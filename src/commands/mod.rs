//! The write side: load, decide, append.
//!
//! A command is decided on the stream's folded events and its own events are appended at the
//! version that it was decided on. Whoever loses that race folds what was missed and decides
//! again. Nothing here knows carts: any [`Decider`] gets the same.
//!
//! The folded streams are cached, and a cached one may be behind the log (another process may
//! append). So a decision to write is safe, since the log checks the version; and a decision not
//! to write (a refusal, nothing to do, an unknown stream) is taken again on a fresh fold before it
//! is answered.

mod folded;
mod id;
mod idempotency;
mod meter;

pub use idempotency::IdempotencyKey;
pub use meter::Meter;

use crate::cache;
use crate::decider::Decider;
use crate::history::{CommitMetadata, HistoryError};
use crate::log::{AppendError, Commit, EventLog, Head, NewEvent, Position, Version};
use crate::timestamp::Timestamp;
use folded::{Folded, Place, PlaceWeight, Slot};
use id::new_command_id;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What comes with a command and is not the model's business.
#[derive(Debug, Clone)]
pub struct CommandContext {
    /// The command's name, for the metadata of its events.
    pub command: &'static str,
    pub command_id: Uuid,
    pub actor: &'static str,
    pub correlation_id: Option<Uuid>,
    /// 32 hexadecimal digits, after W3C Trace Context.
    pub trace_id: Option<String>,
    pub key: Option<IdempotencyKey>,
    /// Where the command may be decided; anywhere if it says nothing.
    pub if_match: Option<Condition>,
}

impl CommandContext {
    /// A command called `command`, sent by `actor`, of which there is nothing more to say.
    pub fn new(command: &'static str, actor: &'static str) -> CommandContext {
        CommandContext {
            command,
            command_id: new_command_id(),
            actor,
            correlation_id: None,
            trace_id: None,
            key: None,
            if_match: None,
        }
    }
}

/// The versions of a stream at which a command may be decided (`If-Match`, RFC 9110).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Any,
    OneOf(Vec<Version>),
}

impl Condition {
    fn allows(&self, current: Version) -> bool {
        match self {
            Condition::Any => true,
            Condition::OneOf(versions) => versions.contains(&current),
        }
    }
}

/// A command that was carried out, now or the first time that it came.
#[derive(Debug, Clone)]
pub struct Handled<S> {
    /// The state right after the command's events.
    pub state: Arc<S>,
    pub version: Version,
    /// Where the command's last event is; `None` if there was nothing to do.
    pub position: Option<Position>,
    /// Whether this is the answer to an earlier request under the same idempotency key.
    pub replayed: bool,
    /// How long it took to decide and, apart from that, to append.
    pub decide_time: Duration,
    pub append_time: Duration,
}

/// Why a command was not carried out. Nothing was written, save perhaps after `Unknown`.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<R: std::error::Error> {
    #[error(transparent)]
    Refused(R),
    /// The stream does not exist, or the sender may not touch it: the same to whoever asks.
    #[error("there is no such stream")]
    NotFound,
    #[error("the stream is at version {current}, not at the one asked for")]
    VersionMismatch { current: Version },
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("nothing was written: {0}")]
    NotWritten(String),
    #[error("it is not known whether the command was written: {0}")]
    Unknown(String),
    #[error("too many commands wait for the log")]
    Overloaded,
}

/// Handles the commands of one model on one log.
pub struct CommandHandler<D: Decider> {
    model: D,
    log: Arc<dyn EventLog>,
    streams: Cache<Uuid, Place<D>, PlaceWeight>,
    meter: Meter,
}

/// What a folded stream says to a command before anything is written.
enum Verdict<E> {
    Write(Vec<E>),
    NothingToDo,
    Replay {
        version: Version,
        position: Position,
    },
}

impl<D: Decider> CommandHandler<D> {
    /// Handles commands on `log` and keeps folded streams of about `cache_bytes` in memory.
    pub fn new(model: D, log: Arc<dyn EventLog>, cache_bytes: u64) -> Self {
        CommandHandler {
            model,
            log,
            streams: Cache::with_weighter(cache::slots(cache_bytes), cache_bytes, PlaceWeight),
            meter: Meter::of(&[]),
        }
    }

    /// Counts commands by `meter` from now on.
    pub fn counted_by(self, meter: Meter) -> Self {
        CommandHandler { meter, ..self }
    }

    /// Carries out `command` on `stream`, if the sender `may` touch what it finds there.
    ///
    /// Commands on one stream wait for each other here instead of racing at the log: a conflict
    /// costs a second decision, a queue costs nothing. Other processes still race.
    ///
    /// Dropping the future is safe at any point. The command may then have been written or not.
    pub async fn handle(
        &self,
        stream: Uuid,
        command: &D::Command,
        context: &CommandContext,
        may: impl Fn(&D::State) -> bool,
    ) -> Result<Handled<D::State>, CommandError<D::Refusal>> {
        let mut measured = self.meter.begin(context.command);
        let times = &mut measured.times;
        let handled = self
            .load_decide_append(stream, command, context, may, times)
            .await;
        measured.end(&handled);
        handled
    }

    async fn load_decide_append(
        &self,
        stream: Uuid,
        command: &D::Command,
        context: &CommandContext,
        may: impl Fn(&D::State) -> bool,
        times: &mut Times,
    ) -> Result<Handled<D::State>, CommandError<D::Refusal>> {
        let slot = self.slot(stream);
        let mut cached = slot.lock().await;
        // Taken out, so that a future dropped in the middle leaves no fold that may be wrong.
        let (mut folded, mut fresh) = match cached.take() {
            Some(folded) => (folded, false),
            None => (Folded::load(&*self.log, stream).await?, true),
        };
        loop {
            let started = Instant::now();
            let verdict = self.verdict(&folded, command, context, &may);
            times.decide += started.elapsed();
            times.decisions += 1;
            let outcome = match verdict {
                Ok(Verdict::Write(events)) => {
                    let started = Instant::now();
                    let written = self.write(&mut folded, stream, context, events).await;
                    times.append += started.elapsed();
                    times.appends += 1;
                    match written {
                        Ok(position) => Ok(folded.handled(Some(position), times)),
                        Err(AppendError::Conflict { .. }) => {
                            times.conflicts += 1;
                            folded.catch_up(&*self.log, stream).await?;
                            fresh = true;
                            continue;
                        }
                        Err(AppendError::Unknown(why)) => return Err(CommandError::Unknown(why)),
                        Err(AppendError::NotWritten(why)) => Err(CommandError::NotWritten(why)),
                        Err(AppendError::Full) => Err(CommandError::Overloaded),
                    }
                }
                Ok(Verdict::Replay { version, position }) => {
                    self.replay(&folded, stream, version, position, times).await
                }
                Ok(Verdict::NothingToDo) | Err(_) if !fresh => {
                    folded.catch_up(&*self.log, stream).await?;
                    fresh = true;
                    continue;
                }
                Ok(Verdict::NothingToDo) => Ok(folded.handled(None, times)),
                Err(error) => Err(error),
            };
            self.put_back(stream, &slot, &mut cached, folded);
            return outcome;
        }
    }

    /// The state of `stream` as of everything acknowledged so far.
    pub async fn state(&self, stream: Uuid) -> Result<(Arc<D::State>, Version), HistoryError> {
        let slot = self.slot(stream);
        let mut cached = slot.lock().await;
        // Taken out, so that a future dropped in the middle leaves no fold that may be wrong.
        let mut folded = cached.take().unwrap_or_else(Folded::start);
        folded.catch_up(&*self.log, stream).await?;
        let state = (folded.state.clone(), folded.head.version);
        self.put_back(stream, &slot, &mut cached, folded);
        Ok(state)
    }

    fn verdict(
        &self,
        folded: &Folded<D>,
        command: &D::Command,
        context: &CommandContext,
        may: &impl Fn(&D::State) -> bool,
    ) -> Result<Verdict<D::Event>, CommandError<D::Refusal>> {
        if !may(&folded.state) {
            return Err(CommandError::NotFound);
        }
        if let Some((version, position)) = receipt(folded, context)? {
            return Ok(Verdict::Replay { version, position });
        }
        let current = folded.head.version;
        let allowed = context
            .if_match
            .as_ref()
            .is_none_or(|condition| condition.allows(current));
        if !allowed {
            return Err(CommandError::VersionMismatch { current });
        }
        let events = self
            .model
            .decide(&folded.state, command)
            .map_err(CommandError::Refused)?;
        Ok(if events.is_empty() {
            Verdict::NothingToDo
        } else {
            Verdict::Write(events)
        })
    }

    /// Appends `events` behind what is folded, and folds them once they are in the log.
    async fn write(
        &self,
        folded: &mut Folded<D>,
        stream: Uuid,
        context: &CommandContext,
        events: Vec<D::Event>,
    ) -> Result<Position, AppendError> {
        let metadata = CommitMetadata {
            command: context.command.into(),
            command_id: context.command_id,
            actor: context.actor.into(),
            correlation_id: context.correlation_id,
            trace_id: context.trace_id.as_deref().map(Into::into),
            key: context.key.as_ref().map(|key| key.digest),
            request: context.key.as_ref().map(|key| key.request),
        };
        let commit = Commit::new(
            stream,
            folded.head,
            Timestamp::now(),
            metadata.to_json(),
            events.iter().map(NewEvent::of).collect(),
        );
        let head = Head::at(commit.events().last().expect("a commit has an event"));
        let appended = self.log.append(commit).await?;
        folded.advance(&events, &metadata, head, appended.position);
        Ok(appended.position)
    }

    /// The answer that the first request under the same key got.
    async fn replay(
        &self,
        folded: &Folded<D>,
        stream: Uuid,
        version: Version,
        position: Position,
        times: &Times,
    ) -> Result<Handled<D::State>, CommandError<D::Refusal>> {
        let mut handled = if version == folded.head.version {
            folded.handled(Some(position), times)
        } else {
            Folded::<D>::load_until(&*self.log, stream, version)
                .await?
                .handled(Some(position), times)
        };
        handled.replayed = true;
        Ok(handled)
    }

    fn slot(&self, stream: Uuid) -> Arc<Slot<D>> {
        self.streams
            .get_or_insert_with(&stream, || {
                Ok::<_, std::convert::Infallible>(Place::of(Arc::default()))
            })
            .unwrap_or_else(|never| match never {})
            .slot
    }

    /// Keeps `folded` for the next command; what has no events is not worth a place.
    fn put_back(
        &self,
        stream: Uuid,
        slot: &Arc<Slot<D>>,
        cached: &mut Option<Folded<D>>,
        folded: Folded<D>,
    ) {
        if folded.head.version == Version(0) {
            self.streams.remove(&stream);
            return;
        }
        let outgrown = slot.outgrown_by(&folded);
        *cached = Some(folded);
        if outgrown {
            self.streams.insert(stream, Place::of(slot.clone()));
        }
    }
}

/// Where the events are that the key of `context` came with before, if it did.
fn receipt<D: Decider>(
    folded: &Folded<D>,
    context: &CommandContext,
) -> Result<Option<(Version, Position)>, CommandError<D::Refusal>> {
    let Some(key) = &context.key else {
        return Ok(None);
    };
    match folded.receipts.get(&key.digest) {
        None => Ok(None),
        Some(receipt) if receipt.request != key.request => Err(CommandError::KeyReused),
        Some(receipt) => Ok(Some((receipt.version, receipt.position))),
    }
}

/// How long the parts of a command took, over all attempts, and how many these were.
#[derive(Debug, Default)]
struct Times {
    decide: Duration,
    decisions: u64,
    append: Duration,
    appends: u64,
    conflicts: u64,
}
