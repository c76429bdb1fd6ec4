//! The decider pattern (Jérémie Chassaing) as one trait.
//!
//! A command and a state give events, an event and a state give the next state, and nothing else
//! changes the state. Any [`Decider`] gets storage, optimistic concurrency, idempotency and
//! replays from [`crate::commands`], which knows no model.

use crate::timestamp::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use uuid::Uuid;

/// A model whose state is the fold of its events.
pub trait Decider: Send + Sync + 'static {
    /// A request, named in the imperative.
    type Command: Send + Sync;
    /// A fact, named in the past tense.
    type Event: Event;
    /// The fold of the events of one stream.
    type State: Clone + Send + Sync;
    /// Why a command is refused: a value that names the rule.
    type Refusal: std::error::Error + Send + Sync;

    /// The state of a stream without events.
    fn initial() -> Self::State;

    /// The events of `command` in `state`, or why it is refused. No events means that there is
    /// nothing to do. Reads only its arguments.
    fn decide(
        &self,
        state: &Self::State,
        command: &Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Applies one event. It never fails, because a recorded event cannot be refused. It has no
    /// `self`, because history must not depend on the current configuration.
    fn evolve(state: &mut Self::State, event: &Self::Event, context: &EventContext<'_>);

    /// The version of the event of the same stream that `command` reacts to, such as the one that
    /// an undo reverses.
    fn cause(_state: &Self::State, _command: &Self::Command) -> Option<u64> {
        None
    }

    /// The approximate size of `state` in bytes, by which the stream cache evicts.
    fn weight(state: &Self::State) -> usize;
}

/// When an event was recorded and by which command.
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

/// An event of a model with its context.
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

/// Folds `history` from the initial state.
pub fn fold<'a, D: Decider>(
    history: impl IntoIterator<Item = &'a DecodedEvent<D::Event>>,
) -> D::State {
    history
        .into_iter()
        .fold(D::initial(), |mut state, decoded| {
            D::evolve(&mut state, &decoded.event, &decoded.context());
            state
        })
}

/// An event's stored form. Its name and schema version are the storage format: data written under
/// them stays readable forever.
pub trait Event: Sized + Clone + Send + Sync {
    /// The names of all events of the model.
    const NAMES: &'static [&'static str];

    /// The event's name in the log, in the past tense.
    fn name(&self) -> &'static str;

    /// The version of the shape of [`Event::data`], from 1.
    fn schema(&self) -> u32;

    /// The event's data as one line of JSON.
    fn data(&self) -> String;

    /// The event stored under `name` and `schema`; an old shape is upcast.
    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent>;
}

/// An event in the log that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    /// No event of that name, or no such schema version of it, is known to this program.
    #[error("no event {name} with schema {schema} is known; was it written by a newer program?")]
    Unknown { name: String, schema: u32 },
    /// The data is not what its name and schema promise.
    #[error("the data of an event {name} with schema {schema} cannot be read: {reason}")]
    Malformed {
        name: String,
        schema: u32,
        reason: String,
    },
}

impl UnreadableEvent {
    /// No event is known under `name` and `schema`.
    pub fn unknown(name: &str, schema: u32) -> UnreadableEvent {
        UnreadableEvent::Unknown {
            name: name.to_owned(),
            schema,
        }
    }

    /// The data under `name` and `schema` cannot be read for `reason`.
    pub fn malformed(name: &str, schema: u32, reason: &dyn fmt::Display) -> UnreadableEvent {
        UnreadableEvent::Malformed {
            name: name.to_owned(),
            schema,
            reason: reason.to_string(),
        }
    }
}

/// The stored form of an event's `data`: one line of JSON.
pub fn event_to_json<T: Serialize>(data: &T) -> String {
    serde_json::to_string(data).expect("an event's data has string keys only")
}

/// The event's data in `json`.
pub fn event_from_json<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(json)
}
