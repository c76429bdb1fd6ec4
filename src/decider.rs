//! What event sourcing is, in one trait.
//!
//! A [`Decider`] is a model without a machine: a command and a state give events, an event and a
//! state give the next state, and nothing else ever changes anything. The names are those of
//! Jérémie Chassaing's decider pattern. Whatever implements it gets storage, optimistic
//! concurrency, idempotency and replays from [`crate::commands`], which knows no model.

use crate::timestamp::Timestamp;
use uuid::Uuid;

/// A model whose state is the fold of its events.
pub trait Decider: Send + Sync + 'static {
    /// What somebody wants, in the imperative.
    type Command: Send + Sync;
    /// What has happened, in the past tense.
    type Event: Event;
    /// What the events of one stream add up to.
    type State: Clone + Send + Sync;
    /// Why a command is not carried out: a value that names the rule.
    type Refusal: std::error::Error + Send + Sync;

    /// The state of a stream in which nothing has happened yet.
    fn initial() -> Self::State;

    /// The events that `command` leads to in `state`, or why it is refused. No events means that
    /// there is nothing to do. Reads nothing but its arguments.
    fn decide(
        &self,
        state: &Self::State,
        command: &Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Applies one event. Total: what is in the log has happened, so there is nothing to refuse.
    /// It has no `self`, since history must not depend on today's configuration.
    fn evolve(state: &mut Self::State, event: &Self::Event, context: &EventContext<'_>);

    /// About how many bytes `state` holds in memory, by which the cache of folded streams is bounded.
    fn weight(state: &Self::State) -> usize;
}

/// When an event came to be and by which command: what the log keeps beside the event's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventContext<'a> {
    /// The event's place in its stream, from 1.
    pub version: u64,
    /// When the event was recorded.
    pub at: Timestamp,
    /// The name of the command that caused it.
    pub command: &'a str,
    /// The command that caused it; the events of one command share it.
    pub command_id: Uuid,
}

/// An event with its moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedEvent<E> {
    pub version: u64,
    pub at: Timestamp,
    pub command: String,
    pub command_id: Uuid,
    pub event: E,
}

impl<E> DecodedEvent<E> {
    pub fn context(&self) -> EventContext<'_> {
        EventContext {
            version: self.version,
            at: self.at,
            command: &self.command,
            command_id: self.command_id,
        }
    }
}

/// The state that `history` adds up to, from nothing.
pub fn fold<'a, D: Decider>(
    history: impl IntoIterator<Item = &'a DecodedEvent<D::Event>>,
) -> D::State {
    history
        .into_iter()
        .fold(D::initial(), |mut state, happened| {
            D::evolve(&mut state, &happened.event, &happened.context());
            state
        })
}

/// An event's stored form. Its name and the version of its shape are the storage format: what is
/// once written under them is read for ever.
pub trait Event: Sized + Clone + Send + Sync {
    /// The event's name in the log, in the past tense.
    fn name(&self) -> &'static str;

    /// The version of the shape of [`Event::data`], from 1.
    fn schema(&self) -> u32;

    /// The event's data as one line of JSON.
    fn data(&self) -> String;

    /// The event that was stored under `name` and `schema`, an older shape made current.
    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent>;
}

/// An event in the log that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    /// No event of that name, or no such schema version of it, is known to this program.
    #[error("no event {name} with schema {schema} is known: was it written by a newer program?")]
    Unknown { name: String, schema: u32 },
    /// The data is not what its name and schema promise.
    #[error("the data of an event {name} with schema {schema} cannot be read: {reason}")]
    Malformed {
        name: String,
        schema: u32,
        reason: String,
    },
}
