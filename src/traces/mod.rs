//! Traces: spans of sampled requests and of what they cause, sent to a collector of OpenTelemetry
//! (OTLP over HTTP, JSON encoding).
//!
//! A span is recorded once, when it ends, and a background thread exports it. Recording never
//! waits: a full queue drops the span, and a metric counts it.
//!
//! A command's span has an id that every node can derive from the log
//! ([`SpanContext::of_command`]). So what follows from an event later, on any node, is linked to
//! the command that wrote it.

mod context;
mod exporter;
mod otlp;
mod queue;

pub use context::SpanContext;
pub use exporter::TraceSettings;

use crate::background::Background;
use exporter::Exporter;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use queue::Queue;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a shutdown waits for the last spans.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// What a span does, by the numbers of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(Cow<'static, str>),
    Number(u64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Value {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    pub context: SpanContext,
    /// The id of the span that this one is part of.
    pub parent: Option<[u8; 8]>,
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    started: u64,
    ended: u64,
    pub attributes: Vec<(&'static str, Value)>,
    /// The command that caused it.
    pub link: Option<SpanContext>,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Span {
    /// A span from `started` until now.
    pub fn since(
        started: Instant,
        context: SpanContext,
        parent: Option<SpanContext>,
        name: impl Into<Cow<'static, str>>,
    ) -> Span {
        Span::between((started, Instant::now()), context, parent, name)
    }

    /// A span from the first to the second of `times`.
    pub fn between(
        times: (Instant, Instant),
        context: SpanContext,
        parent: Option<SpanContext>,
        name: impl Into<Cow<'static, str>>,
    ) -> Span {
        let now = (Instant::now(), SystemTime::now());
        Span {
            context,
            parent: parent.map(|parent| parent.span_id),
            name: name.into(),
            kind: SpanKind::Internal,
            started: unix_nanos(times.0, now),
            ended: unix_nanos(times.1, now),
            attributes: Vec::new(),
            link: None,
            failure: None,
        }
    }

    /// With the attribute `key`.
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Span {
        self.attributes.push((key, value.into()));
        self
    }
}

/// Nanoseconds from 1970 to `instant`. Both times of a span take the same `now`: otherwise a clock
/// that is set between them, or a pause, could end the span before its start.
fn unix_nanos(instant: Instant, now: (Instant, SystemTime)) -> u64 {
    let at = now.1 - now.0.saturating_duration_since(instant);
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Decides what is sampled, and takes the spans. Cheap to clone; the default is off.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    sample: f64,
    queue: Arc<Queue>,
    dropped: IntCounter,
}

impl Tracer {
    /// The context of the span of a request. The decision of `parent`, the sender's span, counts;
    /// without one, a share of the requests is sampled. `None` if this one is not.
    pub fn sample(&self, parent: Option<SpanContext>) -> Option<SpanContext> {
        let recorder = self.0.as_ref()?;
        match parent {
            Some(parent) if parent.is_sampled => Some(parent.child()),
            Some(_) => None,
            None => (fastrand::f64() < recorder.sample).then(SpanContext::new_root),
        }
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Takes `span`, or drops it if too many are waiting. Never blocks.
    pub fn record(&self, span: Span) {
        if let Some(recorder) = &self.0
            && !recorder.queue.push(span)
        {
            recorder.dropped.inc();
        }
    }
}

/// The tracer of a service, and the thread that exports.
#[derive(Debug)]
pub struct Traces {
    pub tracer: Tracer,
    exporter: Option<(Arc<Queue>, Background)>,
}

/// Why traces could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    #[error("cannot start the export of traces: {0}")]
    Thread(#[from] std::io::Error),
    #[error("cannot register the metrics of traces: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Traces {
    /// Exports to the collector in `settings`; without settings nothing is traced. The metrics are
    /// added to `registry`.
    pub fn start(
        settings: Option<TraceSettings>,
        registry: &Registry,
    ) -> Result<Traces, TracesError> {
        let Some(settings) = settings else {
            return Ok(Traces {
                tracer: Tracer::default(),
                exporter: None,
            });
        };
        let spans = IntCounterVec::new(
            Opts::new(
                "cartlog_trace_spans_total",
                "Number of spans exported to the collector, and of those dropped because too many \
                 were waiting, the collector rejected them, or the service ended before.",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(spans.clone()))?;
        let dropped = spans.with_label_values(&["dropped"]);
        let exported = spans.with_label_values(&["exported"]);
        let queue = Arc::new(Queue::default());
        let recorder = Recorder {
            sample: settings.sample,
            queue: queue.clone(),
            dropped: dropped.clone(),
        };
        let exporter = Exporter::new(settings, queue.clone(), exported, dropped);
        let thread = Background::spawn_yielding("trace export", move || {
            exporter.run();
            Ok(())
        })?;
        Ok(Traces {
            tracer: Tracer(Some(Arc::new(recorder))),
            exporter: Some((queue, thread)),
        })
    }

    /// Exports what is waiting. A collector that hangs does not hold up the shutdown.
    pub async fn flush(self) {
        let Some((queue, mut thread)) = self.exporter else {
            return;
        };
        queue.close();
        if tokio::time::timeout(FLUSH_WITHIN, thread.ended())
            .await
            .is_ok()
        {
            thread.join();
        } else {
            tracing::warn!("the collector of traces hangs; the last spans are lost");
        }
    }
}
