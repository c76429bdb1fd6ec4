//! The metrics of one service: a Prometheus registry, the gauges that are set on each scrape, and
//! the totals that the operations page needs.

use crate::build;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Metric, MetricFamily};
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
                "How long ago the oldest event that the view has not applied was written; up to \
                 0.2 when idle.",
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

    /// What has been counted since the start of the process.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.registry.gather())
    }

    /// All metrics in Prometheus's text format.
    pub fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// What has been counted since the start of the process.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Commands that a rule refused.
    pub refused: u64,
    /// Responses with a status of 5xx.
    pub errors: u64,
    /// What was refused because a limit was reached.
    pub shed: u64,
    /// The time until a command's events were durable.
    pub append: Buckets,
    /// Size of the log's file and of its write-ahead log; `None` if it is not known.
    pub log_bytes: Option<u64>,
    /// Size of the log's write-ahead log.
    pub log_wal_bytes: Option<u64>,
    /// Size of the views' file and of its write-ahead log.
    pub views_bytes: Option<u64>,
    /// Free space on the disk that has least; `None` if it is not known.
    pub free_bytes: Option<u64>,
}

impl Totals {
    fn of(families: &[MetricFamily]) -> Totals {
        let family = |name| {
            let found = families.iter().find(|family| family.name() == name);
            found.map_or(&[][..], MetricFamily::get_metric)
        };
        let append = family("cartlog_command_append_seconds").first();
        let gauges = |name| {
            let gauges = family(name).iter();
            gauges.map(|gauge| whole(gauge.get_gauge().get_value()))
        };
        Totals {
            refused: sum(
                family("cartlog_commands_total"),
                Some(("outcome", "refused")),
            ),
            errors: sum(
                family("cartlog_http_requests_total"),
                Some(("status", "5xx")),
            ),
            shed: sum(family("cartlog_refused_total"), None),
            append: append.map(Buckets::of).unwrap_or_default(),
            log_bytes: gauges("cartlog_log_bytes").min(),
            log_wal_bytes: gauges("cartlog_log_wal_bytes").min(),
            views_bytes: gauges("cartlog_views_bytes").min(),
            free_bytes: gauges("cartlog_disk_free_bytes").min(),
        }
    }
}

/// A count or a size: the library has all values as floating-point numbers.
#[expect(clippy::cast_sign_loss, reason = "counts and sizes are not negative")]
fn whole(value: f64) -> u64 {
    value as u64
}

/// The sum of the counters that have `label`, or of all.
fn sum(counters: &[Metric], label: Option<(&str, &str)>) -> u64 {
    let counted = counters.iter().filter(|counter| {
        label.is_none_or(|(name, value)| {
            let mut labels = counter.get_label().iter();
            labels.any(|own| own.name() == name && own.value() == value)
        })
    });
    counted
        .map(|counter| whole(counter.get_counter().get_value()))
        .sum()
}

/// The buckets of a histogram of seconds: the upper bound of each, and how many values are in it.
#[derive(Debug, Clone, Default)]
pub struct Buckets(Vec<(f64, u64)>);

impl Buckets {
    fn of(histogram: &Metric) -> Buckets {
        let mut below = 0;
        let buckets = histogram.get_histogram().get_bucket().iter().map(|bucket| {
            let own = bucket.cumulative_count() - below;
            below = bucket.cumulative_count();
            (bucket.upper_bound(), own)
        });
        let mut buckets: Vec<(f64, u64)> = buckets.collect();
        // What is beyond the last bound is taken for as long as that, as Prometheus does.
        let beyond = histogram.get_histogram().get_sample_count() - below;
        buckets.extend(buckets.last().map(|(bound, _)| (*bound, beyond)));
        Buckets(buckets)
    }

    /// What was added since `earlier`, which has the same bounds or none.
    pub fn since(&self, earlier: &Buckets) -> Buckets {
        let before = earlier
            .0
            .iter()
            .map(|(_, count)| *count)
            .chain(std::iter::repeat(0));
        let own = self.0.iter().zip(before);
        Buckets(
            own.map(|((bound, count), before)| (*bound, count.saturating_sub(before)))
                .collect(),
        )
    }

    /// The value, in milliseconds, below which the share `quantile` of all values is; interpolated
    /// within its bucket, as Prometheus does. `None` without values.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let rank = (quantile * all as f64).max(f64::MIN_POSITIVE);
        let (mut below, mut least) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            let count = *count as f64;
            if below + count >= rank {
                let seconds = least + (bound - least) * (rank - below) / count;
                // To the microsecond.
                return Some((seconds * 1e6).round() / 1e3);
            }
            below += count;
            least = *bound;
        }
        None
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_interpolated_in_its_bucket() {
        let earlier = Buckets(vec![(0.001, 5), (0.002, 0), (0.004, 1)]);
        let later = Buckets(vec![(0.001, 5), (0.002, 50), (0.004, 51)]);
        let added = later.since(&earlier);
        assert_eq!(added.quantile_ms(0.5), Some(2.0));
        assert_eq!(added.quantile_ms(0.25), Some(1.5));
        assert_eq!(added.quantile_ms(0.75), Some(3.0));
        assert_eq!(later.since(&later).quantile_ms(0.5), None);
        assert_eq!(Buckets::default().quantile_ms(0.99), None);
    }

    #[test]
    fn counters_are_summed_by_label() {
        let registry = Registry::new();
        let counters = prometheus::IntCounterVec::new(
            Opts::new("cartlog_commands_total", "Commands."),
            &["command", "outcome"],
        );
        let counters = counters.unwrap();
        registry.register(Box::new(counters.clone())).unwrap();
        for (command, outcome) in [("add", "refused"), ("undo", "refused"), ("add", "written")] {
            counters.with_label_values(&[command, outcome]).inc();
        }
        assert_eq!(Totals::of(&registry.gather()).refused, 2);
    }
}
