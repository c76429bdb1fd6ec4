//! The manifests of `deploy/kubernetes/`.

use super::{DATA, configuration, example_key, text, yaml};
use cartlog::config::{Config, Engine};
use cartlog_testkit::TestApp;
use serde_json::{Value, json};
use std::path::Path;

/// A manifest with a workload, a budget and a service.
struct Manifest {
    workload: Value,
    budget: Value,
    service: Value,
}

impl Manifest {
    /// The manifest `name`, whose workload is of `kind`.
    fn read(name: &str, kind: &str) -> Manifest {
        let mut documents = yaml(&format!("deploy/kubernetes/{name}.yaml"));
        let mut take = |kind: &str| {
            let place = documents
                .iter()
                .position(|document| document["kind"] == kind);
            documents.remove(place.unwrap_or_else(|| panic!("no {kind}")))
        };
        let manifest = Manifest {
            workload: take(kind),
            budget: take("PodDisruptionBudget"),
            service: take("Service"),
        };
        assert_eq!(documents, [Value::Null; 0], "{name}");
        manifest
    }

    fn pod(&self) -> &Value {
        &self.workload["spec"]["template"]["spec"]
    }

    fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// Every selector selects the pods of the workload.
    fn check_selectors(&self) {
        let labels = &self.workload["spec"]["template"]["metadata"]["labels"];
        assert!(labels.is_object());
        for selector in [
            &self.workload["spec"]["selector"]["matchLabels"],
            &self.budget["spec"]["selector"]["matchLabels"],
            &self.service["spec"]["selector"],
        ] {
            assert_eq!(selector, labels);
        }
        let port = &self.container()["ports"][0];
        assert_eq!(self.service["spec"]["ports"][0]["targetPort"], port["name"]);
        assert_eq!(port["containerPort"], 8080);
    }

    /// Fits the "restricted" standard of pod security.
    fn check_security(&self) {
        let pod = &self.pod()["securityContext"];
        assert_eq!(pod["runAsNonRoot"], true);
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(pod[id], 65532, "{id}");
        }
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(self.pod()["automountServiceAccountToken"], false);
        let container = &self.container()["securityContext"];
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
        assert!(self.container()["resources"]["limits"]["memory"].is_string());
    }

    /// The configuration that the service makes of the environment, with examples for secrets.
    fn configuration(&self) -> Config {
        let environment = self.container()["env"].as_array().unwrap();
        let environment = environment.iter().map(|variable| {
            let name = text(&variable["name"]).to_owned();
            let value = match (&variable["value"], &variable["valueFrom"]) {
                (Value::String(value), _) => value.clone(),
                (_, from) if from["fieldRef"].is_object() => "cartlog-1".to_owned(),
                (_, from) => match text(&from["secretKeyRef"]["key"]) {
                    "operator-token" => "0123456789abcdef".repeat(2),
                    "secret" => "0123456789abcdef".repeat(4),
                    "proof-key" => example_key(),
                    key => panic!("unknown key {key}"),
                },
            };
            (name, value)
        });
        configuration(environment.collect())
    }

    /// Whether a volume is mounted at `path`, and which.
    fn volume_at(&self, path: &str) -> Option<&str> {
        let mounts = self.container()["volumeMounts"].as_array()?;
        let mount = mounts.iter().find(|mount| mount["mountPath"] == path)?;
        Some(text(&mount["name"]))
    }
}

/// The probes are endpoints that respond without a token, under the name of the pod.
async fn check_probes(manifest: &Manifest) {
    let token = ("security.operator_token", "0123456789abcdef");
    let app = TestApp::start_with(&[token]);
    for (probe, expected) in [
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ] {
        let request = &manifest.container()[probe]["httpGet"];
        assert_eq!(request["path"], expected, "{probe}");
        assert_eq!(request["port"], "http", "{probe}");
        let probed = app.get(expected).header("host", "10.0.0.7:8080");
        probed.await.expect(200);
    }
}

/// Contract (service): The manifest for the embedded log has one pod with the log on its volume.
#[tokio::test]
#[ignore = "needs the Python of schemathesis"]
async fn embedded_manifest_runs_one_pod_on_its_volume() {
    let manifest = Manifest::read("embedded", "StatefulSet");
    manifest.check_selectors();
    manifest.check_security();
    check_probes(&manifest).await;
    assert_eq!(manifest.workload["spec"]["replicas"], 1);
    assert_eq!(manifest.configuration().log.engine, Engine::Sqlite);
    let claim = &manifest.workload["spec"]["volumeClaimTemplates"][0];
    let volume = manifest.volume_at(DATA).expect("a volume");
    assert_eq!(claim["metadata"]["name"], volume);
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOncePod"]));
}

/// Contract (service): The manifest for a shared log has three pods, of which one at a time goes.
#[tokio::test]
#[ignore = "needs the Python of schemathesis"]
async fn shared_manifest_runs_three_pods_over_one_log() {
    let manifest = Manifest::read("shared", "Deployment");
    manifest.check_selectors();
    manifest.check_security();
    check_probes(&manifest).await;
    assert_eq!(manifest.workload["spec"]["replicas"], 3);
    assert_eq!(manifest.budget["spec"]["maxUnavailable"], 1);
    let config = manifest.configuration();
    assert_eq!(config.log.engine, Engine::Postgres);
    assert!(manifest.volume_at(DATA).is_some());
    let environment = manifest.container()["env"].as_array().unwrap();
    let password = environment
        .iter()
        .find(|it| it["name"] == "CARTLOG_LOG__POSTGRES__PASSWORD_FILE");
    let password = Path::new(text(&password.expect("a password")["value"]));
    let folder = password.parent().unwrap().to_str().unwrap();
    let volume = manifest.volume_at(folder).expect("the secret's volume");
    let volumes = manifest.pod()["volumes"].as_array().unwrap();
    let secret = volumes.iter().find(|it| it["name"] == volume).unwrap();
    let file = &secret["secret"]["items"][0]["path"];
    assert_eq!(password.file_name().unwrap().to_str(), file.as_str());
}
