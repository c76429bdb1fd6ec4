//! What Prometheus makes of the metrics, and the alerts and panels that are made of them.

use cartlog::proof::CosigningKey;
use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::repository;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

/// Names that the files use, and that a service on an embedded log does not have.
const OTHERS: [&str; 2] = ["cartlog_replica_lag_seconds", "cartlog_replica_stopped"];

/// The metrics of a service with webhook, witness, mirror and traces, which has executed a command.
async fn metrics() -> String {
    let folder = tempfile::tempdir().unwrap();
    let witness = CosigningKey::generate("witness.example/w1").unwrap();
    let mut serve = command(folder.path(), &["serve"]);
    // Nothing listens at port 1.
    for (key, value) in [
        (
            "WEBHOOKS",
            r#"[{ name = "orders", url = "http://127.0.0.1:1/",
                  secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }]"#
                .to_owned(),
        ),
        (
            "PROOF__WITNESSES",
            format!(
                r#"[{{ url = "http://127.0.0.1:1/", key = "{}" }}]"#,
                witness.verifier()
            ),
        ),
        ("NATS__SERVERS", r#"["nats://127.0.0.1:1"]"#.to_owned()),
        ("TRACES__ENDPOINT", "http://127.0.0.1:1".to_owned()),
    ] {
        serve.env(format!("CARTLOG_{key}"), value);
    }
    let program = ServiceProcess::run(serve);
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

/// The queries of the shipped panels.
fn queries() -> Vec<String> {
    let path = repository().join("deploy/grafana/cartlog.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        targets
    });
    let query = |target: &Value| target["expr"].as_str().unwrap().to_owned();
    targets.map(query).collect()
}

/// Contract (records): Prometheus accepts the queries of the shipped panels, and the labels by
/// which they group exist.
#[tokio::test]
#[ignore = "needs promtool"]
async fn shipped_panels_have_valid_queries() {
    let metrics = metrics().await;
    let has_label = |metric: &str, label: &str| {
        let mut lines = metrics.lines().filter(|line| line.starts_with(metric));
        // The first one is added by Prometheus.
        label == "instance" || lines.any(|line| line.contains(&format!("{label}=\"")))
    };
    let queries = queries();
    let mut rules = Vec::new();
    for (query, number) in queries.iter().zip(0..) {
        let expr = query.replace("$__rate_interval", "5m");
        rules.push(json!({ "record": format!("panel:{number}"), "expr": expr }));
        let known = names(query);
        for grouped in query.split("by (").skip(1) {
            let (labels, _) = grouped.split_once(')').expect("its end");
            for label in labels.split(", ") {
                let exists = known
                    .iter()
                    .any(|metric| OTHERS.contains(&metric.as_str()) || has_label(metric, label));
                assert!(exists, "{label} in {query}");
            }
        }
    }
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let rules = json!({ "groups": [{ "name": "panels", "rules": rules }] });
    fs::write(file.path(), rules.to_string()).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()], "");
}

/// Contract (records): Webhooks, witnesses, mirror and replica have panels.
#[test]
fn shipped_panels_show_every_connection() {
    let shown = names(&queries().concat());
    for part in ["webhook", "witness", "nats", "replica"] {
        let prefix = format!("cartlog_{part}_");
        let count = shown
            .iter()
            .filter(|name| name.starts_with(&prefix))
            .count();
        assert!(count >= 2, "{part}: {shown:?}");
    }
}
