//! What Prometheus makes of the metrics, and the alerts and panels that are made of them.

use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::repository;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

/// Names that the files use, and that a service on an embedded log, without webhooks or mirror,
/// does not have.
const OTHERS: [&str; 5] = [
    "up",
    "cartlog_replica_stopped",
    "cartlog_nats_oldest_unmirrored_seconds",
    "cartlog_webhook_oldest_undelivered_seconds",
    "cartlog_webhook_parked_carts",
];

/// The metrics of a service that has executed a command.
async fn metrics() -> String {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::run(command(folder.path(), &["serve"]));
    let url = |path: &str| format!("http://{}{path}", program.address);
    let opened = reqwest::Client::new().post(url("/api/carts")).send().await;
    assert_eq!(opened.unwrap().status(), 201);
    let scraped = reqwest::get(url("/metrics")).await.unwrap();
    scraped.text().await.unwrap()
}

/// Runs `promtool`, which must find nothing.
fn promtool(arguments: &[&str], input: &str) {
    let mut tool = Command::new("promtool")
        .args(arguments)
        .current_dir(repository().join("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    // One that refuses its arguments does not read.
    let _ = tool.stdin.take().unwrap().write_all(input.as_bytes());
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// Contract (records): Names and units of the metrics follow Prometheus's conventions.
#[tokio::test]
#[ignore = "needs promtool"]
async fn promtool_finds_nothing_in_metrics() {
    promtool(&["check", "metrics"], &metrics().await);
}

/// Contract (records): The shipped alerts are valid, silent in a shop in order, and not otherwise.
#[test]
#[ignore = "needs promtool"]
fn shipped_alerts_are_valid_and_fire() {
    promtool(&["check", "rules", "--lint-fatal", "alerts.yaml"], "");
    promtool(&["test", "rules", "alerts_test.yaml"], "");
}

/// The names of metrics in `text`: words that begin like ours or Prometheus's own.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|next: char| !next.is_ascii_alphanumeric() && next != '_')
        .filter(|word| word.starts_with("cartlog_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// Contract (records): Every metric in the shipped alerts and panels exists.
#[tokio::test]
async fn shipped_alerts_and_panels_use_existing_metrics() {
    let known = names(&metrics().await);
    assert!(known.contains("cartlog_log_sync_seconds_bucket"));
    for name in ["prometheus/alerts.yaml", "grafana/cartlog.json"] {
        let text = fs::read_to_string(repository().join("deploy").join(name)).unwrap();
        let used = names(&text);
        assert!(used.len() > 5, "{name}: {used:?}");
        for metric in used {
            let exists = known.contains(&metric) || OTHERS.contains(&metric.as_str());
            assert!(exists, "{metric} in {name}");
        }
    }
}
