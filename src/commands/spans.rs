//! The spans of a sampled command: the command, each decision, and each append with its group.

use super::context::{CommandContext, SpanParent};
use super::{CommandError, Handled};
use crate::log::{AppendError, Appended};
use crate::traces::{Span, SpanContext, Tracer};
use std::time::Instant;

/// The spans of a command that is running.
#[derive(Debug)]
pub(super) struct CommandSpans {
    started: Instant,
    parent: SpanParent,
    command: SpanContext,
    phases: Vec<Span>,
}

impl CommandSpans {
    /// Begins the spans of a sampled command; none if `tracer` is off.
    pub fn begin(tracer: &Tracer, context: &CommandContext) -> Option<CommandSpans> {
        let parent = context.span.filter(|_| tracer.is_on())?;
        Some(CommandSpans {
            started: Instant::now(),
            parent,
            command: SpanContext::of_command(parent.context().trace_id, context.command_id),
            phases: Vec::new(),
        })
    }

    /// Adds a decision that began at `started`.
    pub fn decided(&mut self, started: Instant) {
        let context = self.command.child();
        let span = Span::since(started, context, Some(self.command), "decide");
        self.phases.push(span);
    }

    /// Adds an append that began at `started`.
    pub fn appended(&mut self, started: Instant, outcome: &Result<Appended, AppendError>) {
        let context = self.command.child();
        let mut span = Span::since(started, context, Some(self.command), "append");
        match outcome {
            Ok(appended) => {
                span = span.with("cartlog.position", appended.position.0);
                if appended.group > 0 {
                    span = span.with("cartlog.group.commits", appended.group as u64);
                }
            }
            Err(error) => span.failure = Some(error.to_string()),
        }
        self.phases.push(span);
    }

    /// Records all spans. A step of a background process that another node has taken already
    /// writes nothing, and has no spans: they would have the ids of the other node's.
    pub fn end<S, R: std::error::Error>(
        self,
        tracer: &Tracer,
        context: &CommandContext,
        outcome: &Result<Handled<S>, CommandError<R>>,
    ) {
        let parent = self.parent.context();
        let mut span = Span::since(self.started, self.command, Some(parent), context.command)
            .with("cartlog.command", context.command)
            .with("cartlog.command.id", context.command_id.to_string())
            .with("cartlog.actor", context.actor);
        match outcome {
            Ok(handled) => {
                if let Some(position) = handled.position {
                    span = span.with("cartlog.position", position.0);
                }
            }
            // The shopper's part, not a failure of the service.
            Err(CommandError::Refused(refusal)) => {
                span = span.with("cartlog.refusal", refusal.to_string());
            }
            Err(error) => span.failure = Some(error.to_string()),
        }
        if let SpanParent::Cause(cause) = self.parent {
            if !matches!(outcome, Ok(handled) if handled.position.is_some()) {
                return;
            }
            span.link = Some(cause);
        }
        for phase in self.phases {
            tracer.record(phase);
        }
        tracer.record(span);
    }
}
