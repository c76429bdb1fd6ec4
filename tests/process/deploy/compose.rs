//! `deploy/compose.yaml` and the files that it mounts.

use super::{DATA, configuration, example_key, image, python, read, text, yaml};
use cartlog::config::Engine;
use cartlog_testkit::repository;
use serde_json::{Map, Value, json};
use std::process::Command;

const FILE: &str = "deploy/compose.yaml";
const NODE: &str = "cartlog:0.1.0";
/// What the documentation sets TRACES_ENDPOINT to.
const COLLECTOR: &str = "http://jaeger:4318";

fn compose() -> Value {
    yaml(FILE).remove(0)
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

/// The nodes of cartlog, by name.
fn nodes(compose: &Value) -> Vec<(&String, &Value)> {
    services(compose)
        .iter()
        .filter(|(_, service)| service["image"] == NODE)
        .collect()
}

/// A value with its variables, such as `${SECRET:-}`, replaced by examples.
fn interpolated(value: &str) -> String {
    let mut result = String::new();
    let mut rest = value;
    let key = example_key();
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').expect("the end of a variable");
        result.push_str(before);
        let name = variable.split(':').next().unwrap_or_default();
        result.push_str(match name {
            "OPERATOR_TOKEN" => "0123456789abcdef0123456789abcdef",
            "SECRET" => "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "PROOF_KEY" => &key,
            "POSTGRES_PASSWORD" => "password",
            "TRACES_ENDPOINT" => COLLECTOR,
            "TRACES_SAMPLE" => "0.5",
            other => panic!("the documentation does not name {other}"),
        });
        rest = after;
    }
    result + rest
}

/// The schema is that of compose-go (Apache-2.0), commit e70e961c3a3a.
///
/// Contract (service): The Compose file fits the schema of the Compose specification.
#[test]
#[ignore = "needs the Python of schemathesis"]
fn compose_file_fits_the_schema() {
    let script = "import json, sys, yaml, jsonschema_rs
validator = jsonschema_rs.validator_for(json.load(open(sys.argv[1])))
document = yaml.safe_load(open(sys.argv[2]))
for error in validator.iter_errors(document): print(error)
document['services']['cartlog']['read_onyl'] = True
assert not validator.is_valid(document), 'the schema allows anything'";
    let schema = "tests/process/deploy/compose-spec.json";
    assert_eq!(python(script, &[schema, FILE]), "");
}

/// Contract (service): Every container of the Compose file is read-only, without capabilities, and
/// limited, and only loopback has a port.
#[test]
#[ignore = "needs the Python of schemathesis"]
fn compose_services_are_hardened() {
    let compose = compose();
    for (name, service) in services(&compose) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        let options = &service["security_opt"];
        assert_eq!(options, &json!(["no-new-privileges:true"]), "{name}");
        for limit in ["mem_limit", "cpus", "pids_limit"] {
            assert!(!service[limit].is_null(), "{limit} of {name}");
        }
        assert!(service["privileged"].is_null(), "{name}");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(text(port).starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

/// Contract (service): The service accepts all settings of the Compose file, and its files are on
/// the volume.
#[test]
#[ignore = "needs the Python of schemathesis"]
fn compose_nodes_have_accepted_settings_and_a_volume() {
    let compose = compose();
    let mut engines = Vec::new();
    for (name, node) in nodes(&compose) {
        let environment = node["environment"].as_object().unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| (name.clone(), interpolated(text(value))));
        let config = configuration(environment.collect());
        assert!(config.server.behind_proxy, "{name}");
        let traces = config.trace_settings().expect("traces");
        assert_eq!(traces.url.as_str(), format!("{COLLECTOR}/v1/traces"));
        let volume = text(&node["volumes"][0]);
        let (volume, place) = volume.split_once(':').unwrap();
        assert_eq!(place, DATA, "{name}");
        assert!(compose["volumes"].get(volume).is_some(), "{volume}");
        assert_eq!(node["user"], "65532:65532", "{name}");
        let check = node["healthcheck"]["test"].as_array().unwrap();
        assert_eq!(check[0], "CMD");
        assert_eq!(check[1..], image::health_check());
        engines.push((text(&node["profiles"][0]).to_owned(), config.log.engine));
    }
    let of = |profile: &str, engine: Engine| {
        let found = engines.iter();
        found.filter(|it| it.0 == profile && it.1 == engine).count()
    };
    assert_eq!(of("single", Engine::Sqlite), 1);
    assert_eq!(of("postgres", Engine::Postgres), 3);
    assert_eq!(of("nats", Engine::JetStream), 3);
    assert_eq!(engines.len(), 7);
}

/// Proxy and Prometheus know every node, and every mounted file exists.
#[test]
#[ignore = "needs the Python of schemathesis"]
fn compose_proxy_and_prometheus_know_all_nodes() {
    let compose = compose();
    let proxy = read("deploy/compose/haproxy.cfg");
    let prometheus = yaml("deploy/prometheus/prometheus.yaml").remove(0);
    let scraped = &prometheus["scrape_configs"][0]["dns_sd_configs"][0]["names"];
    let scraped: Vec<&str> = scraped.as_array().unwrap().iter().map(text).collect();
    let mut names: Vec<&str> = nodes(&compose)
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    for name in &names {
        assert!(proxy.contains(&format!(" {name}:8080 ")), "{name}");
    }
    assert_eq!(proxy.matches(":8080 cookie").count(), names.len());
    names.sort_unstable();
    let mut sorted = scraped.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names);
    for (name, config) in compose["configs"].as_object().unwrap() {
        let file = repository().join("deploy").join(text(&config["file"]));
        assert!(file.exists(), "{name}");
    }
    for (name, service) in services(&compose) {
        for mount in service["configs"].as_array().into_iter().flatten() {
            let source = text(&mount["source"]);
            assert!(
                compose["configs"].get(source).is_some(),
                "{source} of {name}"
            );
        }
    }
    let nats: Vec<&str> = services(&compose)
        .values()
        .filter_map(|service| service["environment"]["SERVER_NAME"].as_str())
        .collect();
    let routes = read("deploy/compose/nats.conf");
    assert_eq!(nats.len(), 3);
    for server in nats {
        assert!(
            routes.contains(&format!("nats://{server}:6222")),
            "{server}"
        );
    }
}

/// Contract (service): The Compose file has a collector of traces under the name that the
/// documentation gives to the nodes. It runs only if it is asked for.
#[test]
#[ignore = "needs the Python of schemathesis"]
fn compose_profile_has_a_collector_of_traces() {
    let compose = compose();
    let collector = &services(&compose)["jaeger"];
    assert_eq!(collector["profiles"], json!(["traces"]));
    let page = read("docs/deployment.md");
    assert!(page.contains(&format!("export TRACES_ENDPOINT={COLLECTOR}")));
}

/// The programs themselves accept the mounted files.
#[test]
#[ignore = "needs haproxy and nats-server"]
fn compose_proxy_and_nats_files_are_valid() {
    let path = std::env::var("PATH").unwrap_or_default();
    let haproxy = Command::new("haproxy")
        .env("PATH", format!("{path}:/usr/sbin"))
        .current_dir(repository())
        .args(["-c", "-f", "deploy/compose/haproxy.cfg"])
        .output()
        .unwrap();
    assert!(haproxy.status.success(), "{haproxy:?}");
    let nats = Command::new(repository().join("target/nats-venv/bin/nats-server"))
        .env("SERVER_NAME", "nats1")
        .current_dir(repository())
        .args(["-t", "-c", "deploy/compose/nats.conf"])
        .output()
        .unwrap();
    assert!(nats.status.success(), "{nats:?}");
}
