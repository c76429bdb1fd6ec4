//! The thread that sends batches of spans to the collector, and tries again while it is away.

use super::Span;
use super::otlp::{Resource, document};
use super::queue::Queue;
use crate::outbound::collector_agent;
use prometheus::IntCounter;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{StatusCode, header};
use url::Url;

/// The time limit of a request to the collector.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a failure, doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// More of a response is not read.
const MAX_RESPONSE: u64 = 64 * 1024;

/// Where traces are sent, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// The collector's address for traces.
    pub url: Url,
    /// The share of the requests without a trace of their own that is sampled.
    pub sample: f64,
    /// The name of this node.
    pub node: String,
}

pub(super) struct Exporter {
    agent: Agent,
    url: Url,
    resource: Resource,
    queue: Arc<Queue>,
    exported: IntCounter,
    dropped: IntCounter,
    /// Whether the last request failed.
    is_failing: bool,
}

enum Failure {
    /// The collector may take the batch later.
    Passing(String),
    /// The collector does not accept the batch.
    Rejected(String),
}

impl Exporter {
    pub fn new(
        settings: TraceSettings,
        queue: Arc<Queue>,
        exported: IntCounter,
        dropped: IntCounter,
    ) -> Exporter {
        Exporter {
            agent: collector_agent(&settings.url, TIMEOUT),
            url: settings.url,
            resource: Resource::new(settings.node),
            queue,
            exported,
            dropped,
            is_failing: false,
        }
    }

    /// Exports until the queue is closed and empty.
    pub fn run(mut self) {
        while let Some(batch) = self.queue.next_batch() {
            self.deliver(&batch);
        }
    }

    /// Sends `batch` until the collector has accepted or rejected it. Once the queue is closed, it
    /// is tried once more.
    fn deliver(&mut self, batch: &[Span]) {
        let body = document(&self.resource, batch);
        let mut pause = FIRST_PAUSE;
        let mut is_last = false;
        loop {
            let reason = match self.send(&body) {
                Ok(()) => {
                    self.exported.inc_by(batch.len() as u64);
                    if std::mem::take(&mut self.is_failing) {
                        tracing::info!(
                            collector = self.collector(),
                            "the collector takes traces again"
                        );
                    }
                    return;
                }
                Err(Failure::Rejected(reason)) => {
                    self.fail(&reason, "the spans are dropped");
                    break;
                }
                Err(Failure::Passing(reason)) => reason,
            };
            self.fail(&reason, "retrying; requests do not wait for it");
            if is_last {
                break;
            }
            is_last = self.queue.pause(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.dropped.inc_by(batch.len() as u64);
    }

    /// Warns of the first of several failures.
    fn fail(&mut self, reason: &str, consequence: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            let collector = self.collector();
            tracing::warn!(
                collector,
                reason,
                "the export of traces failed: {consequence}"
            );
        }
    }

    /// Where the collector is. Its path may contain a token.
    fn collector(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn send(&self, body: &[u8]) -> Result<(), Failure> {
        let sent = self
            .agent
            .post(self.url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .send(body);
        let mut response = sent.map_err(|error| Failure::Passing(error.to_string()))?;
        let status = response.status();
        // Only read so that the connection can be used again.
        let body = response.body_mut().with_config().limit(MAX_RESPONSE);
        let _ = body.read_to_vec();
        match status {
            status if status.is_success() => Ok(()),
            // The statuses that OTLP says to retry.
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Err(Failure::Passing(format!("the collector answered {status}")))
            }
            status => Err(Failure::Rejected(format!(
                "the collector answered {status}"
            ))),
        }
    }
}
