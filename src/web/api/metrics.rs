//! `/metrics`: the service in numbers, for Prometheus.
//!
//! What happens is counted where it happens; how things stand is looked at when somebody asks.

use crate::views;
use crate::web::api::operator::Operator;
use crate::web::api::views::Lags;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::problem::Problem;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use prometheus::{GaugeVec, IntGauge, IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/metrics").get(list, describe_list)]
}

/// The numbers of one service.
pub struct Metrics {
    registry: Registry,
    head: IntGauge,
    streams: IntGauge,
    lag_events: IntGaugeVec,
    lag_seconds: GaugeVec,
}

impl Metrics {
    /// What is registered in `registry` already, and how things stand.
    pub fn beside(registry: Registry) -> prometheus::Result<Metrics> {
        let head = IntGauge::new("cartlog_log_head", "The position of the log's last event.")?;
        let streams = IntGauge::new("cartlog_streams_open", "Live streams that are open.")?;
        let lag_events = IntGaugeVec::new(
            Opts::new(
                "cartlog_view_lag_events",
                "How many events of the log are not in the view yet.",
            ),
            &["view"],
        )?;
        let lag_seconds = GaugeVec::new(
            Opts::new(
                "cartlog_view_lag_seconds",
                "For how long the first event that is not in the view has been in the log: up to 0.2 where nobody asks.",
            ),
            &["view"],
        )?;
        registry.register(Box::new(head.clone()))?;
        registry.register(Box::new(streams.clone()))?;
        registry.register(Box::new(lag_events.clone()))?;
        registry.register(Box::new(lag_seconds.clone()))?;
        Ok(Metrics {
            registry,
            head,
            streams,
            lag_events,
            lag_seconds,
        })
    }

    /// Looks how things stand. A lag that cannot be known is left out, and the rest still told: it
    /// is when something is wrong that an operator reads this.
    async fn look(&self, state: &AppState) {
        self.streams.set(gauge(state.streams.open() as u64));
        match Lags::of(state).await {
            Ok(lags) => {
                self.head.set(gauge(lags.head.0));
                for view in views::all() {
                    let lag = lags.of_view(view.name());
                    let view = [view.name()];
                    let seconds = std::time::Duration::from_millis(lag.millis).as_secs_f64();
                    self.lag_events
                        .with_label_values(&view)
                        .set(gauge(lag.events));
                    self.lag_seconds.with_label_values(&view).set(seconds);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "how far the views are behind cannot be told");
                self.lag_events.reset();
                self.lag_seconds.reset();
            }
        }
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// All numbers of the service, in Prometheus's text format.
async fn list(_: Operator, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let metrics = &state.metrics;
    metrics.look(&state).await;
    let text = TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .map_err(Problem::internal)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type(TEXT_FORMAT)
        .body(text))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getMetrics", "Get metrics for Prometheus")
        .description(
            "Commands by kind and outcome, the time to decide and to append, group commit sizes, \
             conflicts, view lag, open streams and the size of the log. Counters reset with the \
             process.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "Metrics in Prometheus's text format.")
        .text_content("text/plain", Some(include_str!("examples/metrics.txt")))
        .with_headers(&[Header::CacheControl])
}
