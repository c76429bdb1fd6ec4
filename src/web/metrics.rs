//! The metrics of one service: a Prometheus registry, and the gauges that are set on each scrape.

use crate::build;
use prometheus::process_collector::ProcessCollector;
use prometheus::{GaugeVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// The metrics of one service.
pub struct Metrics {
    registry: Registry,
    head: IntGauge,
    streams: IntGauge,
    lag_events: IntGaugeVec,
    lag_seconds: GaugeVec,
}

impl Metrics {
    /// Adds the gauges, and the process's own metrics, to `registry`, where counters may be
    /// registered already.
    pub fn register_in(registry: Registry) -> prometheus::Result<Metrics> {
        let head = IntGauge::new("cartlog_log_head", "Position of the last event in the log.")?;
        let streams = IntGauge::new("cartlog_streams_open", "Number of open live streams.")?;
        let lag_events = IntGaugeVec::new(
            Opts::new(
                "cartlog_view_lag_events",
                "Number of events in the log that the view has not applied yet.",
            ),
            &["view"],
        )?;
        let lag_seconds = GaugeVec::new(
            Opts::new(
                "cartlog_view_lag_seconds",
                "Age of the oldest event that the view has not applied; up to 0.2 when idle.",
            ),
            &["view"],
        )?;
        let build_info = IntGaugeVec::new(
            Opts::new(
                "cartlog_build_info",
                "Always 1; the labels are the version and the commit of this build.",
            ),
            &["version", "commit"],
        )?;
        let labels = [build::RELEASE, build::COMMIT];
        build_info.with_label_values(&labels).set(1);
        registry.register(Box::new(build_info))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
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

    pub fn set_open_streams(&self, count: usize) {
        self.streams.set(gauge(count as u64));
    }

    pub fn set_log_head(&self, position: u64) {
        self.head.set(gauge(position));
    }

    pub fn set_view_lag(&self, view: &str, events: u64, seconds: f64) {
        let labels = [view];
        self.lag_events
            .with_label_values(&labels)
            .set(gauge(events));
        self.lag_seconds.with_label_values(&labels).set(seconds);
    }

    /// Removes the lag of all views, for when it is unknown.
    pub fn clear_view_lags(&self) {
        self.lag_events.reset();
        self.lag_seconds.reset();
    }

    /// All metrics in Prometheus's text format.
    pub fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
