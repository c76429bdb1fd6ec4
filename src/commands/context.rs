//! What accompanies a command: who sent it, in reaction to what, and under which conditions.

use super::IdempotencyKey;
use crate::history::EventRef;
use crate::id::new_id;
use crate::log::Version;
use crate::timestamp::Timestamp;
use crate::traces::SpanContext;
use uuid::Uuid;

/// What accompanies a command and does not concern the model.
#[derive(Debug, Clone)]
pub struct CommandContext {
    /// The command's name, for the metadata of its events.
    pub command: &'static str,
    pub command_id: Uuid,
    pub actor: &'static str,
    pub correlation_id: Option<Uuid>,
    /// 32 hexadecimal digits, after W3C Trace Context.
    pub trace_id: Option<String>,
    /// The span that the command's is part of; `None` if it is not sampled.
    pub span: Option<SpanParent>,
    /// The event that the command reacts to.
    pub cause: Option<EventRef>,
    pub key: Option<IdempotencyKey>,
    /// The versions at which the command may be decided; `None` allows any.
    pub if_match: Option<Condition>,
    /// The time of its events; `None` for the time at which they are written. Only a simulation has
    /// another one, and never before the stream's last event.
    pub recorded_at: Option<Timestamp>,
}

/// Where the span of a command belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanParent {
    /// The request that sent the command.
    Request(SpanContext),
    /// The command that wrote the event to which this one reacts. It is linked, too.
    Cause(SpanContext),
}

impl SpanParent {
    pub(super) fn context(self) -> SpanContext {
        match self {
            SpanParent::Request(context) | SpanParent::Cause(context) => context,
        }
    }
}

impl CommandContext {
    /// A command called `command`, sent by `actor`, without key, condition or trace.
    pub fn new(command: &'static str, actor: &'static str) -> CommandContext {
        CommandContext {
            command,
            command_id: new_id(),
            actor,
            correlation_id: None,
            trace_id: None,
            span: None,
            cause: None,
            key: None,
            if_match: None,
            recorded_at: None,
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
    pub(super) fn allows(&self, current: Version) -> bool {
        match self {
            Condition::Any => true,
            Condition::OneOf(versions) => versions.contains(&current),
        }
    }
}
