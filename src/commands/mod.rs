//! The write side: load a stream, decide on it, append, and retry after a lost race.
//!
//! Concurrency is optimistic. A command is decided on the stream's folded events, and its own
//! events are appended at the version that it was decided on. When another writer wins the race
//! for that version, the handler folds the events that it missed and decides again. Any
//! [`Decider`] can be handled: nothing here knows carts.
//!
//! Folded streams are cached, and another process may have appended since. A decision to write is
//! safe, because the log checks the version. A decision to write nothing (a refusal, nothing to
//! do, an unknown stream) is repeated on fresh events before it is returned. So a stream is loaded
//! as this node has it, however old that is.

mod cached_stream;
mod context;
mod idempotency;
mod meter;
mod spans;

pub use context::{CommandContext, Condition, SpanParent};
pub use idempotency::{IdempotencyKey, KeyDigests};
pub use meter::Meter;

use crate::cache;
use crate::decider::Decider;
use crate::history::{CommitMetadata, EventRef, HistoryError};
use crate::log::{AppendError, Appended, Commit, EventLog, Head, NewEvent, Position, Version};
use crate::timestamp::Timestamp;
use crate::traces::Tracer;
use cached_stream::{ByteWeighter, CacheEntry, CachedStream, Slot};
use quick_cache::sync::Cache;
use spans::CommandSpans;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The outcome of a command that was not refused.
#[derive(Debug, Clone)]
pub struct Handled<S> {
    /// The state right after the command's events.
    pub state: Arc<S>,
    pub version: Version,
    /// The position of the command's last event; `None` if there was nothing to do.
    pub position: Option<Position>,
    /// Whether this repeats the outcome of an earlier request under the same idempotency key.
    pub replayed: bool,
    /// Over all attempts.
    pub decide_time: Duration,
    pub append_time: Duration,
}

/// Why a command failed. Nothing was written, except perhaps after `Unknown`.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<R: std::error::Error> {
    #[error(transparent)]
    Refused(R),
    /// The stream does not exist, or the sender may not access it: a client cannot tell which.
    #[error("stream not found")]
    NotFound,
    #[error("the stream is at version {current}, which the condition does not allow")]
    VersionMismatch { current: Version },
    #[error("the idempotency key was already used for another request")]
    KeyReused,
    #[error(transparent)]
    History(HistoryError),
    #[error("nothing was written: {0}")]
    NotWritten(String),
    #[error("cannot tell whether the command was written: {0}")]
    Unknown(String),
    #[error("the log's queue of commits is full")]
    Overloaded,
}

impl<R: std::error::Error> From<HistoryError> for CommandError<R> {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::OtherModel { .. } => CommandError::NotFound,
            error => CommandError::History(error),
        }
    }
}

/// Executes the commands of one model on one log.
pub struct CommandHandler<D: Decider> {
    model: D,
    log: Arc<dyn EventLog>,
    streams: Cache<Uuid, CacheEntry<D>, ByteWeighter>,
    meter: Meter,
    tracer: Tracer,
    snapshots: Box<Snapshots<D::State>>,
}

/// Finds a state of a stream before a version, and the version it is at: a replay starts there
/// instead of at the first event. The state may be one that is only read.
pub type Snapshots<S> = dyn Fn(Uuid, Version) -> Option<(S, Version)> + Send + Sync;

/// The result of deciding a command on a folded stream, before anything is written.
enum Verdict<E> {
    Write {
        events: Vec<E>,
        /// The version of the event of this stream that they react to.
        cause: Option<u64>,
    },
    NothingToDo,
    Replay {
        version: Version,
        position: Position,
    },
}

impl<D: Decider> CommandHandler<D> {
    /// Executes commands on `log` with a stream cache of about `cache_bytes`.
    pub fn new(model: D, log: Arc<dyn EventLog>, cache_bytes: u64) -> Self {
        CommandHandler {
            model,
            log,
            streams: Cache::with_weighter(cache::slots(cache_bytes), cache_bytes, ByteWeighter),
            meter: Meter::of(&[]),
            tracer: Tracer::default(),
            snapshots: Box::new(|_, _| None),
        }
    }

    /// Counts commands with `meter`.
    pub fn counted_by(self, meter: Meter) -> Self {
        CommandHandler { meter, ..self }
    }

    /// The model, with the configured rules.
    pub fn model(&self) -> &D {
        &self.model
    }

    /// Records spans with `tracer`.
    pub fn traced_by(self, tracer: Tracer) -> Self {
        CommandHandler { tracer, ..self }
    }

    /// Starts replays at `snapshots`.
    pub fn with_snapshots(self, snapshots: Box<Snapshots<D::State>>) -> Self {
        CommandHandler { snapshots, ..self }
    }

    /// Executes `command` on `stream` if the sender `may` access the stream in its current state.
    ///
    /// Commands on one stream queue here instead of racing at the log, because a conflict costs a
    /// second decision. Other processes still race.
    ///
    /// Cancel safe: after the future is dropped, the command may have been written or not.
    pub async fn handle(
        &self,
        stream: Uuid,
        command: &D::Command,
        context: &CommandContext,
        may: impl Fn(&D::State) -> bool,
    ) -> Result<Handled<D::State>, CommandError<D::Refusal>> {
        let mut measured = self.meter.begin(context.command);
        let timings = &mut measured.timings;
        timings.spans = CommandSpans::begin(&self.tracer, context);
        let handled = self
            .load_decide_append(stream, command, context, may, timings)
            .await;
        if let Some(spans) = measured.timings.spans.take() {
            spans.end(&self.tracer, context, &handled);
        }
        measured.end(&handled);
        handled
    }

    async fn load_decide_append(
        &self,
        stream: Uuid,
        command: &D::Command,
        context: &CommandContext,
        may: impl Fn(&D::State) -> bool,
        timings: &mut Timings,
    ) -> Result<Handled<D::State>, CommandError<D::Refusal>> {
        let slot = self.slot(stream);
        let mut cached = slot.lock().await;
        // Taken out of the cache, so that a dropped future leaves no half-updated stream there.
        let mut loaded = match cached.take() {
            Some(loaded) => loaded,
            None => CachedStream::load(&*self.log, stream).await?,
        };
        // Whether `loaded` has all that was acknowledged before this command was decided.
        let mut fresh = false;
        loop {
            let started = Instant::now();
            let verdict = self.verdict(&loaded, command, context, &may);
            timings.decide += started.elapsed();
            timings.decisions += 1;
            if let Some(spans) = &mut timings.spans {
                spans.decided(started);
            }
            let outcome = match verdict {
                Ok(Verdict::Write { events, cause }) => {
                    let started = Instant::now();
                    let cause = context
                        .cause
                        .or(cause.map(|version| EventRef { stream, version }));
                    let written = self
                        .write(&mut loaded, stream, context, cause, events)
                        .await;
                    timings.append += started.elapsed();
                    timings.appends += 1;
                    if let Some(spans) = &mut timings.spans {
                        spans.appended(started, &written);
                    }
                    match written {
                        Ok(appended) => Ok(loaded.handled(Some(appended.position), timings)),
                        Err(AppendError::Conflict { .. }) => {
                            timings.conflicts += 1;
                            loaded.catch_up_on_conflict(&*self.log, stream).await?;
                            continue;
                        }
                        Err(AppendError::Unknown(why)) => return Err(CommandError::Unknown(why)),
                        Err(AppendError::NotWritten(why)) => Err(CommandError::NotWritten(why)),
                        Err(AppendError::Full) => Err(CommandError::Overloaded),
                    }
                }
                Ok(Verdict::Replay { version, position }) => {
                    self.replay(&loaded, stream, version, position, timings)
                        .await
                }
                Ok(Verdict::NothingToDo) | Err(_) if !fresh => {
                    loaded.catch_up(&*self.log, stream).await?;
                    fresh = true;
                    continue;
                }
                Ok(Verdict::NothingToDo) => Ok(loaded.handled(None, timings)),
                Err(error) => Err(error),
            };
            self.put_back(stream, &slot, &mut cached, loaded);
            return outcome;
        }
    }

    /// The state of `stream` as of everything acknowledged so far.
    pub async fn state(&self, stream: Uuid) -> Result<(Arc<D::State>, Version), HistoryError> {
        let slot = self.slot(stream);
        let mut cached = slot.lock().await;
        // Taken out of the cache, so that a dropped future leaves no half-updated stream there.
        let mut loaded = cached.take().unwrap_or_else(CachedStream::empty);
        loaded.catch_up(&*self.log, stream).await?;
        let state = (loaded.state.clone(), loaded.head.version);
        self.put_back(stream, &slot, &mut cached, loaded);
        Ok(state)
    }

    fn verdict(
        &self,
        loaded: &CachedStream<D>,
        command: &D::Command,
        context: &CommandContext,
        may: &impl Fn(&D::State) -> bool,
    ) -> Result<Verdict<D::Event>, CommandError<D::Refusal>> {
        if !may(&loaded.state) {
            return Err(CommandError::NotFound);
        }
        if let Some((version, position)) = receipt(loaded, context)? {
            return Ok(Verdict::Replay { version, position });
        }
        let current = loaded.head.version;
        let allowed = context
            .if_match
            .as_ref()
            .is_none_or(|condition| condition.allows(current));
        if !allowed {
            return Err(CommandError::VersionMismatch { current });
        }
        let events = self
            .model
            .decide(&loaded.state, command)
            .map_err(CommandError::Refused)?;
        Ok(if events.is_empty() {
            Verdict::NothingToDo
        } else {
            Verdict::Write {
                events,
                cause: D::cause(&loaded.state, command),
            }
        })
    }

    /// Appends `events` after the stream's head, and folds them once they are durable.
    async fn write(
        &self,
        loaded: &mut CachedStream<D>,
        stream: Uuid,
        context: &CommandContext,
        cause: Option<EventRef>,
        events: Vec<D::Event>,
    ) -> Result<Appended, AppendError> {
        let metadata = CommitMetadata {
            command: context.command.into(),
            command_id: context.command_id,
            actor: context.actor.into(),
            correlation_id: context.correlation_id,
            trace_id: context.trace_id.as_deref().map(Into::into),
            sampled: context.span.is_some() && self.tracer.is_on(),
            cause,
            key: context.key.map(|key| key.keyed.key),
            request: context.key.map(|key| key.keyed.request),
        };
        let commit = Commit::new(
            stream,
            loaded.head,
            context.recorded_at.unwrap_or_else(Timestamp::now),
            metadata.to_json(),
            events.iter().map(NewEvent::of).collect(),
        );
        let head = Head::at(commit.events().last().expect("a commit has an event"));
        let appended = self.log.append(commit).await?;
        loaded.advance(&events, &metadata, head, appended.position);
        Ok(appended)
    }

    /// The outcome of the first request under the same key.
    async fn replay(
        &self,
        loaded: &CachedStream<D>,
        stream: Uuid,
        version: Version,
        position: Position,
        timings: &Timings,
    ) -> Result<Handled<D::State>, CommandError<D::Refusal>> {
        let mut handled = if version == loaded.head.version {
            loaded.handled(Some(position), timings)
        } else {
            let start = (self.snapshots)(stream, version);
            CachedStream::<D>::load_until(&*self.log, stream, start, version)
                .await?
                .handled(Some(position), timings)
        };
        handled.replayed = true;
        Ok(handled)
    }

    fn slot(&self, stream: Uuid) -> Arc<Slot<D>> {
        self.streams
            .get_or_insert_with(&stream, || {
                Ok::<_, std::convert::Infallible>(CacheEntry::of(Arc::default()))
            })
            .unwrap_or_else(|never| match never {})
            .slot
    }

    /// Returns `loaded` to the cache, unless the stream does not exist.
    fn put_back(
        &self,
        stream: Uuid,
        slot: &Arc<Slot<D>>,
        cached: &mut Option<CachedStream<D>>,
        loaded: CachedStream<D>,
    ) {
        if loaded.head.version == Version(0) {
            self.streams.remove(&stream);
            return;
        }
        let outgrown = slot.is_outgrown_by(&loaded);
        *cached = Some(loaded);
        if outgrown {
            self.streams.insert(stream, CacheEntry::of(slot.clone()));
        }
    }
}

/// The version and position of the command that used the key of `context`, if one did.
fn receipt<D: Decider>(
    loaded: &CachedStream<D>,
    context: &CommandContext,
) -> Result<Option<(Version, Position)>, CommandError<D::Refusal>> {
    let Some(key) = context.key else {
        return Ok(None);
    };
    let found = [key.keyed, key.unkeyed]
        .into_iter()
        .find_map(|form| Some((form.request, loaded.receipts.get(&form.key)?)));
    match found {
        None => Ok(None),
        Some((request, receipt)) if receipt.request != request => Err(CommandError::KeyReused),
        Some((_, receipt)) => Ok(Some((receipt.version, receipt.position))),
    }
}

/// The duration of a command's phases and the number of attempts.
#[derive(Debug, Default)]
struct Timings {
    decide: Duration,
    decisions: u64,
    append: Duration,
    appends: u64,
    conflicts: u64,
    /// Of a sampled command.
    spans: Option<CommandSpans>,
}
