//! The HTTP client: one signed POST, and what its outcome means.

use super::settings::WebhookSettings;
use crate::outbound::agent;
use crate::public_events::PublicEvent;
use crate::timestamp::Timestamp;
use crate::traces::{Span, SpanContext, SpanKind, Tracer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

/// More of a response is not read: nothing in it matters.
const MAX_RESPONSE: u64 = 64 * 1024;
/// The longest wait that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// How an attempt to deliver an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered 2xx.
    Delivered,
    Failed(Failure),
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For the operator.
    pub reason: String,
    pub blame: Blame,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// What a failure says something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// This event: the receiver does not accept it.
    Event,
    /// The receiver, or perhaps this event: one attempt does not show which.
    Receiver,
    /// The receiver wants no more events (410).
    Gone,
}

/// Sends events to one receiver. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    settings: Arc<WebhookSettings>,
    tracer: Tracer,
}

impl Client {
    /// Records the spans of attempts with `tracer`.
    pub fn new(settings: Arc<WebhookSettings>, tracer: Tracer) -> Client {
        Client {
            agent: agent(&settings.target, settings.timeout, settings.concurrency),
            settings,
            tracer,
        }
    }

    /// Sends `event` once. Blocks for the time limit at most.
    pub fn send(&self, event: &PublicEvent) -> Outcome {
        let started = Instant::now();
        let attempt = (event.span.filter(|_| self.tracer.is_on())).map(SpanContext::child);
        let outcome = self.post(event, attempt);
        if let Some(attempt) = attempt {
            self.record(event, started, attempt, &outcome);
        }
        outcome
    }

    /// Records the span of an attempt, as a part of the command's trace and linked to it.
    fn record(&self, event: &PublicEvent, started: Instant, attempt: SpanContext, ended: &Outcome) {
        let mut span = Span::since(started, attempt, event.span, "deliver webhook")
            .with("cartlog.webhook", self.settings.name.clone())
            .with("cartlog.event.type", event.kind.to_string())
            .with("cartlog.event.id", event.id.clone())
            .with("cartlog.position", event.position.0);
        span.kind = SpanKind::Client;
        span.link = event.span;
        if let Outcome::Failed(failure) = ended {
            span.failure = Some(failure.reason.clone());
        }
        self.tracer.record(span);
    }

    fn post(&self, event: &PublicEvent, attempt: Option<SpanContext>) -> Outcome {
        let timestamp = Timestamp::now().millis() / 1000;
        let signature = self.settings.secret.sign(&event.id, timestamp, &event.json);
        let mut request = self
            .agent
            .post(self.settings.target.url().as_str())
            .header(header::CONTENT_TYPE, "application/cloudevents+json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature);
        if let Some(attempt) = attempt {
            request = request.header("traceparent", attempt.traceparent());
        }
        match request.send(&event.json) {
            Ok(response) => outcome_of(response),
            Err(error) => Outcome::Failed(Failure {
                reason: error.to_string(),
                blame: Blame::Receiver,
                retry_after: None,
            }),
        }
    }
}

fn outcome_of(mut response: Response<Body>) -> Outcome {
    let status = response.status();
    // The status counts: what comes after it is only read so that the connection can be used again.
    let _ = response
        .body_mut()
        .with_config()
        .limit(MAX_RESPONSE)
        .read_to_vec();
    if status.is_success() {
        return Outcome::Delivered;
    }
    let blame = match status {
        StatusCode::GONE => Blame::Gone,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Blame::Receiver
        }
        status if status.is_client_error() => Blame::Event,
        _ => Blame::Receiver,
    };
    let reason = if status.is_redirection() {
        format!("the receiver answered {status}; redirects are not followed")
    } else {
        format!("the receiver answered {status}")
    };
    Outcome::Failed(Failure {
        reason,
        blame,
        retry_after: retry_after(&response, Timestamp::now()),
    })
}

/// What `Retry-After` asks for: seconds or a date (RFC 9110, 10.2.3).
fn retry_after(response: &Response<Body>, now: Timestamp) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let wait = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            let wait = date.timestamp_millis().saturating_sub(now.millis());
            Duration::from_millis(u64::try_from(wait).unwrap_or(0))
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}
