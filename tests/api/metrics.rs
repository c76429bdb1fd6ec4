//! `/metrics`, parsed as a Prometheus server does.

use cartlog_testkit::TestApp;
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The samples of one scrape, by name and labels.
struct Scraped(BTreeMap<String, String>);

impl Scraped {
    async fn of(app: &TestApp) -> Scraped {
        let answer = app.get("/metrics").await.expect(200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4")
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let scraped = Scraped(parsed(std::str::from_utf8(&answer.body).unwrap()));
        scraped.check_histograms();
        scraped
    }

    #[track_caller]
    fn at(&self, sample: &str) -> u64 {
        let value = self.0.get(sample);
        let value = value.unwrap_or_else(|| panic!("no {sample}"));
        value.parse().expect("a whole number")
    }

    #[track_caller]
    fn seconds(&self, sample: &str) -> f64 {
        self.0[sample].parse().expect("a number")
    }

    fn commands(&self, command: &str, outcome: &str) -> u64 {
        self.at(&format!(
            "cartlog_commands_total{{command=\"{command}\",outcome=\"{outcome}\"}}"
        ))
    }

    /// The total over all commands and outcomes.
    fn all_commands(&self) -> u64 {
        let commands = self.0.keys();
        commands
            .filter(|sample| sample.starts_with("cartlog_commands_total{"))
            .map(|sample| self.at(sample))
            .sum()
    }

    /// Buckets are cumulative, and the last one equals the count.
    fn check_histograms(&self) {
        let counts: Vec<&str> = self
            .0
            .keys()
            .filter_map(|sample| sample.strip_suffix("_count"))
            .collect();
        assert_eq!(counts.len(), 4, "{counts:?}");
        for name in counts {
            let prefix = format!("{name}_bucket{{le=\"");
            let buckets = self.0.keys().filter_map(|sample| {
                let bound = sample.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                Some((bound.parse().unwrap(), self.at(sample)))
            });
            let mut buckets: Vec<(f64, u64)> = buckets.collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by_key(|bucket| bucket.1), "{name}");
            let (bound, holds) = *buckets.last().unwrap();
            assert!(bound.is_infinite(), "{name}");
            assert_eq!(holds, self.at(&format!("{name}_count")));
        }
    }
}

/// Parses Prometheus's text format. Each sample must belong to a declared family and be unique.
fn parsed(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'));
    let mut families = BTreeSet::new();
    let mut helped = BTreeSet::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!words.is_empty() && helped.insert(name), "{line}");
        } else if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(helped.contains(name) && families.insert(name), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"];
            let family = of_histogram
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            assert!(families.contains(family), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let known = samples.insert(sample.to_owned(), value.to_owned());
            assert_eq!(known, None, "{line}");
        }
    }
    samples
}

/// Contract (service): `GET /metrics`
/// Contract (records): `/metrics` counts conflicts, replays, lag, streams and sizes.
#[tokio::test]
async fn commands_are_counted_by_kind_and_outcome() {
    let app = TestApp::start();
    let before = Scraped::of(&app).await;
    assert_eq!(before.all_commands(), 0);
    assert_eq!(before.at("cartlog_log_head"), 0);

    let cart = app.open_cart().await;
    cart.add("teapot", 2).await.expect(201);
    cart.add("teapot", 1).await.expect(200);
    let [first, again, other] =
        [2, 2, 3].map(|quantity| cart.add("glass-teapot", quantity).key("k"));
    let added = first.await.expect(201);
    let replayed = again.await.expect(201);
    assert_eq!(replayed.body, added.body);
    other.await.expect_problem(422, "idempotency-key-reused");
    cart.set("teapot", 3).await.expect(200);
    cart.add("teapot", 1).if_match(1).await.expect(412);
    cart.add("teapot", 1).token("wrong").await.expect(404);
    let empty = app.open_cart().await;
    empty
        .check_out(1, 0, "c")
        .await
        .expect_problem(409, "empty-cart");
    cart.get_at_least(4).await.expect(200);

    let after = Scraped::of(&app).await;
    for (command, outcome, times) in [
        ("open_cart", "written", 2),
        ("add_item", "written", 3),
        ("add_item", "replayed", 1),
        ("add_item", "key_reused", 1),
        ("add_item", "version_mismatch", 1),
        ("add_item", "not_found", 1),
        ("set_quantity", "unchanged", 1),
        ("checkout", "refused", 1),
    ] {
        let counted = after.commands(command, outcome);
        assert_eq!(counted, times, "{command} {outcome}");
    }
    assert_eq!(after.all_commands(), 11);
    assert_eq!(after.at("cartlog_command_decide_seconds_count"), 11);
    assert_eq!(after.at("cartlog_command_append_seconds_count"), 5);
    assert!(after.seconds("cartlog_command_append_seconds_sum") > 0.0);
    assert_eq!(after.at("cartlog_log_group_commits_count"), 5);
    assert_eq!(after.at("cartlog_log_group_commits_sum"), 5);
    assert_eq!(after.at("cartlog_log_sync_seconds_count"), 5);
    assert!(after.seconds("cartlog_log_sync_seconds_sum") > 0.0);
    assert_eq!(after.at("cartlog_conflicts_retried_total"), 0);
    assert_eq!(after.at("cartlog_log_head"), 5);
}

/// Contract (service): `GET /metrics`
/// Contract (records): `/metrics` counts conflicts, replays, lag, streams and sizes.
#[tokio::test]
async fn gauges_are_read_at_each_scrape() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.get_at_least(2).await.expect(200);
    app.wait_for_tables().await;
    let scraped = Scraped::of(&app).await;
    assert_eq!(scraped.at("cartlog_streams_open"), 0);
    assert_eq!(scraped.at("cartlog_log_head"), 2);
    for view in [
        "carts",
        "journal",
        "journeys",
        "products",
        "baskets",
        "activity",
        "snapshots",
        "tree",
    ] {
        for unit in ["events", "seconds"] {
            let lag = format!("cartlog_view_lag_{unit}{{view=\"{view}\"}}");
            assert_eq!(scraped.at(&lag), 0);
        }
    }
    for (name, file) in [("log", "events.db"), ("views", "views.db")] {
        // The views' file is a link to the generation that serves.
        let file = std::fs::canonicalize(app.file(file)).unwrap();
        let size = |file: &Path| std::fs::metadata(file).unwrap().len();
        let ahead = size(Path::new(&format!("{}-wal", file.display())));
        assert!(ahead > 0, "{name}");
        let whole = scraped.at(&format!("cartlog_{name}_bytes"));
        assert_eq!(whole, size(&file) + ahead);
        assert_eq!(scraped.at(&format!("cartlog_{name}_wal_bytes")), ahead);
    }
    for file in ["log", "views"] {
        let free = format!("cartlog_disk_free_bytes{{file=\"{file}\"}}");
        assert!(scraped.at(&free) > 1 << 20, "{file}");
    }

    let mut stream = cart.follow(Some(0)).await;
    stream.next().await.unwrap();
    let scraped = Scraped::of(&app).await;
    assert_eq!(scraped.at("cartlog_streams_open"), 1);
}

/// Contract (records): `/metrics` counts all responses by route, method and class of status.
#[tokio::test]
async fn responses_are_counted_by_route_and_status() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.get_at_least(2).await.expect(200);
    cart.get_at_least(2).token("wrong").await.expect(404);
    cart.add("nothing", 1)
        .await
        .expect_problem(422, "unknown-sku");
    app.get("/").await.expect(200);
    app.get("/nowhere").await.expect(404);
    app.get("/api/carts/none/items/none/none").await.expect(404);
    app.ask(Method::DELETE, "/readyz").await.expect(405);
    app.ask(Method::HEAD, "/readyz").await.expect(200);
    app.get("/api/products")
        .header("host", "other.example")
        .await
        .expect(421);
    let scraped = Scraped::of(&app).await;
    for (route, method, status, times) in [
        ("/api/carts", "POST", "2xx", 1),
        ("/api/carts/{id}", "GET", "2xx", 1),
        ("/api/carts/{id}", "GET", "4xx", 1),
        ("/api/carts/{id}/items", "POST", "4xx", 1),
        ("/", "GET", "2xx", 1),
        ("/readyz", "DELETE", "4xx", 1),
        ("/readyz", "HEAD", "2xx", 1),
        ("unmatched", "GET", "4xx", 3),
    ] {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        let sample = format!("cartlog_http_requests_total{{{labels}}}");
        assert_eq!(scraped.at(&sample), times, "{sample}");
    }
    // Before a request its own scrape is not counted.
    let own = "cartlog_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"2xx\"}";
    assert!(!scraped.0.contains_key(own));
    assert_eq!(Scraped::of(&app).await.at(own), 1);
}

/// Contract (records): `/metrics` has the process's own figures, and the version of the build.
#[tokio::test]
async fn process_and_build_are_described() {
    let app = TestApp::start();
    let scraped = Scraped::of(&app).await;
    for sample in [
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_threads",
        "process_virtual_memory_bytes",
    ] {
        assert!(scraped.seconds(sample) >= 0.0, "{sample}");
    }
    assert!(scraped.at("process_resident_memory_bytes") > 1 << 20);
    let builds: Vec<&String> = scraped
        .0
        .keys()
        .filter(|sample| sample.starts_with("cartlog_build_info{"))
        .collect();
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(builds.len(), 1);
    assert!(builds[0].contains(&version), "{builds:?}");
    assert_eq!(scraped.at(builds[0]), 1);
}

/// Contract (service): `GET /metrics`
#[tokio::test]
async fn stalled_views_report_lag_in_events_and_seconds() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.get_at_least(2).await.expect(200);
    app.wait_for_tables().await;
    let file = rusqlite::Connection::open(app.file("views.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    cart.add("teapot", 1).await.expect(200);
    cart.add("teapot", 1).await.expect(200);
    let lag = "cartlog_view_lag_events{view=\"carts\"}";
    let seconds = "cartlog_view_lag_seconds{view=\"carts\"}";
    let first = Scraped::of(&app).await;
    assert_eq!(first.at(lag), 2);
    let second = Scraped::of(&app).await;
    assert_eq!(second.at(lag), 2);
    assert!(second.seconds(seconds) >= first.seconds(seconds));
    file.execute_batch("ROLLBACK").unwrap();
    cart.get_at_least(4).await.expect(200);
    app.wait_for_tables().await;
    assert_eq!(Scraped::of(&app).await.at(lag), 0);
}

/// Contract (service): `GET /metrics`
#[tokio::test]
async fn metrics_require_the_operator_token() {
    let app = TestApp::start_with(&[("security.operator_token", "op-secret-op-secret")]);
    app.get("/metrics")
        .await
        .expect_problem(401, "operator-only");
    app.get("/metrics")
        .token("op-secret-op-secret")
        .await
        .expect(200);
}
