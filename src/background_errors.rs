//! What went wrong in the background lately: the warnings and errors that the parts of the service
//! log, kept in memory for the operator. Requests that failed have a list of their own.

use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// How many are kept: the newest.
const KEPT: usize = 50;
/// The parts that serve requests, and report what fails to their clients.
const OF_REQUESTS: [&str; 2] = ["web", "requests"];
/// The length of a detail, in characters.
const LONGEST_DETAIL: usize = 500;

/// A warning or an error of a part of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BackgroundError {
    /// When it was reported last.
    pub at: Timestamp,
    /// When it was reported first, with the same message and details.
    pub first_at: Timestamp,
    /// How often it was reported.
    pub count: u64,
    pub severity: Severity,
    /// The part of the service, such as `webhooks` or `views`.
    pub part: String,
    pub message: String,
    /// What the line in the service's log says beside the message, such as the `reason`.
    pub details: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    Error,
}

/// The warnings and errors so far. A layer of the subscriber, which gets all lines of the log.
/// Clones share them.
#[derive(Debug, Clone, Default)]
pub struct BackgroundErrors(Arc<Mutex<VecDeque<BackgroundError>>>);

impl BackgroundErrors {
    /// Adds `error`, or counts it if it is known.
    fn add(&self, mut error: BackgroundError) {
        let mut kept = self.kept();
        let is_same = |known: &BackgroundError| {
            (&known.part, &known.message, &known.details)
                == (&error.part, &error.message, &error.details)
        };
        if let Some(place) = kept.iter().position(is_same)
            && let Some(known) = kept.remove(place)
        {
            error.count += known.count;
            error.first_at = known.first_at;
        }
        kept.push_front(error);
        kept.truncate(KEPT);
    }

    /// The newest first.
    pub fn list(&self) -> Vec<BackgroundError> {
        self.kept().iter().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<BackgroundError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for BackgroundErrors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let severity = match *event.metadata().level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            _ => return,
        };
        let part = part(event.metadata().target());
        if OF_REQUESTS.contains(&&*part) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let now = Timestamp::now();
        self.add(BackgroundError {
            at: now,
            first_at: now,
            count: 1,
            severity,
            part,
            message: line.message,
            details: line.details,
        });
    }
}

/// The part that logs under `target`, its module: `order process` for `cartlog::order_process`.
fn part(target: &str) -> String {
    let part = target.split("::").nth(1).unwrap_or("service");
    part.replace('_', " ")
}

/// The message and the other fields of an event.
#[derive(Default)]
struct Line {
    message: String,
    details: BTreeMap<String, String>,
}

impl Line {
    fn add(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            text.clone_into(&mut self.message);
            return;
        }
        // `failure.reason` is the reason.
        let name = field.name().rsplit('.').next().unwrap_or_default();
        let text = text.chars().take(LONGEST_DETAIL).collect();
        self.details.insert(name.to_owned(), text);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = write!(text, "{value:?}");
        self.add(field, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::prelude::*;

    #[test]
    fn warnings_and_errors_are_kept_and_repeats_counted() {
        let errors = BackgroundErrors::default();
        let subscriber = tracing_subscriber::registry().with(errors.clone());
        tracing::subscriber::with_default(subscriber, || {
            let failure = std::io::Error::other("disk full");
            for _ in 0..3 {
                tracing::warn!(
                    target: "cartlog::order_process", %failure, order = 7, "a step failed"
                );
                tracing::error!(target: "cartlog::webhooks::run", reason = "torn", "stopped");
            }
            tracing::info!(target: "cartlog::views", "recovered");
            tracing::warn!(target: "cartlog::web::http::shed", "requests refused");
            tracing::error!(target: "cartlog::requests", "failed");
        });
        let kept = errors.list();
        assert_eq!(kept.len(), 2, "{kept:?}");
        let (webhook, step) = (&kept[0], &kept[1]);
        assert_eq!(
            (&*webhook.part, webhook.severity),
            ("webhooks", Severity::Error)
        );
        assert_eq!((&*webhook.message, webhook.count), ("stopped", 3));
        assert_eq!(
            (&*step.part, step.severity),
            ("order process", Severity::Warning)
        );
        assert_eq!(step.details["failure"], "disk full");
        assert_eq!(step.details["order"], "7");
        assert!(step.first_at <= step.at);
    }

    #[test]
    fn the_newest_are_kept_without_what_is_too_long() {
        let errors = BackgroundErrors::default();
        let subscriber = tracing_subscriber::registry().with(errors.clone());
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..60 {
                let reason = format!("{number}{}", "ä".repeat(2_000));
                tracing::warn!(target: "cartlog::log", reason, "failed");
            }
        });
        let kept = errors.list();
        assert_eq!(kept.len(), KEPT);
        assert!(kept[0].details["reason"].starts_with("59"));
        assert_eq!(kept[0].details["reason"].chars().count(), LONGEST_DETAIL);
    }
}
