//! The manifests of `deploy/kubernetes/`.

use super::{DATA, configuration, example_key, python, text, yaml};
use cartlog::config::{Config, Engine};
use cartlog_testkit::TestApp;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The folder of the copies in the pod that makes them.
const BACKUPS: &str = "/backups";

/// A manifest with a workload, a budget, a service and a network policy.
struct Manifest {
    workload: Value,
    budget: Value,
    service: Value,
    policy: Value,
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
            policy: take("NetworkPolicy"),
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
            &self.policy["spec"]["podSelector"]["matchLabels"],
        ] {
            assert_eq!(selector, labels);
        }
        let port = &self.container()["ports"][0];
        assert_eq!(self.service["spec"]["ports"][0]["targetPort"], port["name"]);
        assert_eq!(port["containerPort"], 8080);
    }

    /// Lets in requests of two namespaces to the one port, and out what the service needs.
    fn check_policy(&self, database: Option<u64>) {
        let spec = &self.policy["spec"];
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
        let ingress = spec["ingress"].as_array().unwrap();
        assert_eq!(ingress.len(), 1);
        assert_eq!(ingress[0]["from"].as_array().map(Vec::len), Some(2));
        let port = &self.container()["ports"][0]["name"];
        let http = json!([{ "protocol": "TCP", "port": port }]);
        assert_eq!(ingress[0]["ports"], http);
        let mut open: Vec<(&str, u64)> = Vec::new();
        for rule in spec["egress"].as_array().unwrap() {
            assert!(rule["to"].is_array(), "anywhere: {rule}");
            for port in rule["ports"].as_array().expect("ports") {
                open.push((text(&port["protocol"]), port["port"].as_u64().unwrap()));
            }
        }
        let database = database.map(|port| ("TCP", port));
        let needed = [("UDP", 53), ("TCP", 53)];
        let needed = needed.into_iter().chain(database).chain([("TCP", 443)]);
        assert_eq!(open, needed.collect::<Vec<_>>());
    }

    fn check_security(&self) {
        check_security(self.pod());
        assert_eq!(self.pod()["securityContext"]["fsGroup"], 65532);
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

/// A pod that fits the "restricted" standard of pod security.
fn check_security(pod: &Value) {
    let context = &pod["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    for id in ["runAsUser", "runAsGroup"] {
        assert_eq!(context[id], 65532, "{id}");
    }
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let of = |kind: &str| pod[kind].as_array().into_iter().flatten();
    for container in of("initContainers").chain(of("containers")) {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
}

/// Contract (service): Kubernetes knows every name in the manifests.
#[test]
#[ignore = "needs the Python of schemathesis"]
fn manifests_fit_the_schema_of_kubernetes() {
    let script = "import json, sys, yaml, jsonschema_rs
schema = json.load(open(sys.argv[1]))
for file in sys.argv[2:]:
    for document in yaml.safe_load_all(open(file)):
        (name,) = [name for name in schema['$defs'] if name.endswith('.' + document['kind'])]
        validator = jsonschema_rs.validator_for({**schema, '$ref': '#/$defs/' + name})
        validator.validate(document)
        document['spec']['podSelektor'] = {}
        assert not validator.is_valid(document), 'the schema allows anything'
        print(document['kind'])";
    let schema = "tests/process/deploy/kubernetes-schema.json";
    let file = |name: &str| format!("deploy/kubernetes/{name}.yaml");
    let files = ["embedded", "shared", "backup"].map(file);
    let arguments: Vec<&str> = [schema]
        .into_iter()
        .chain(files.iter().map(|it| &**it))
        .collect();
    assert_eq!(python(script, &arguments).lines().count(), 11);
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
    manifest.check_policy(None);
    check_probes(&manifest).await;
    assert_eq!(manifest.workload["spec"]["replicas"], 1);
    assert_eq!(manifest.configuration().log.engine, Engine::Sqlite);
    let claim = &manifest.workload["spec"]["volumeClaimTemplates"][0];
    let volume = manifest.volume_at(DATA).expect("a volume");
    assert_eq!(claim["metadata"]["name"], volume);
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
}

/// Contract (service): The manifest for a shared log has three pods, of which one at a time goes.
#[tokio::test]
#[ignore = "needs the Python of schemathesis"]
async fn shared_manifest_runs_three_pods_over_one_log() {
    let manifest = Manifest::read("shared", "Deployment");
    manifest.check_selectors();
    manifest.check_security();
    manifest.check_policy(Some(5432));
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

/// The words of a command of the container, for a pod named `pod`, with `folder` in place of the
/// root of its file system.
fn words(command: &Value, pod: &str, folder: &Path) -> Vec<String> {
    let backups = folder.join(&BACKUPS[1..]);
    let words = command.as_array().unwrap().iter();
    words
        .map(|word| text(word).replace("$(BACKUP)", pod))
        .map(|word| word.replace(BACKUPS, backups.to_str().unwrap()))
        .collect()
}

/// Contract (service): The job of the manifest for backups, which runs on the machine of the
/// service with its volume, copies log and keys while the service runs, and removes old copies
/// only.
#[tokio::test]
#[ignore = "needs the Python of schemathesis"]
async fn backup_manifest_copies_log_and_keys_beside_the_service() {
    let documents = yaml("deploy/kubernetes/backup.yaml");
    let [claim, job, policy] = &documents[..] else {
        panic!("a claim, a job and a policy");
    };
    let template = &job["spec"]["jobTemplate"]["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    let pod = &template["spec"];
    check_security(pod);
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    assert!(policy["spec"]["egress"].is_null() && policy["spec"]["ingress"].is_null());

    // Beside the one pod of the StatefulSet, with its claim, and without its requests.
    let service = Manifest::read("embedded", "StatefulSet");
    let own = &service.workload["spec"]["template"]["metadata"]["labels"];
    assert_ne!(labels, own);
    let affinity = &pod["affinity"]["podAffinity"];
    let beside = &affinity["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(&beside["labelSelector"]["matchLabels"], own);
    assert_eq!(beside["topologyKey"], "kubernetes.io/hostname");
    let name = |value: &Value| text(&value["metadata"]["name"]).to_owned();
    let of_pod = &service.workload["spec"]["volumeClaimTemplates"][0];
    let claimed = |place: usize| &pod["volumes"][place]["persistentVolumeClaim"]["claimName"];
    let expected = format!("{}-{}-0", name(of_pod), name(&service.workload));
    assert_eq!(claimed(0), &expected);
    assert_eq!(claimed(1), &name(claim));

    let container = &pod["initContainers"][0];
    assert_eq!(container["image"], service.container()["image"]);
    let variable = &container["env"][1];
    let bind = |value: &Value| {
        (
            text(&value["name"]).to_owned(),
            text(&value["value"]).to_owned(),
        )
    };
    // Without an operator token.
    configuration(vec![bind(variable)]);
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join(&BACKUPS[1..]);
    fs::create_dir(&backups).unwrap();
    let program = ServiceProcess::run(command(folder.path(), &["serve"]));
    let opened = reqwest::Client::new()
        .post(format!("http://{}/api/carts", program.address))
        .send();
    assert_eq!(opened.await.unwrap().status(), 201);
    let run = |pod: &str| {
        let words = words(&container["args"], pod, folder.path());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run_to_exit(command(folder.path(), &words));
        assert!(output.status.success(), "{output:?}");
    };
    run("cartlog-backup-1");
    run("cartlog-backup-2");
    // File systems have one, which is root's.
    fs::create_dir(backups.join("lost+found")).unwrap();
    for file in ["cartlog-backup-1.db", "cartlog-backup-1.keys", "lost+found"] {
        let old = Command::new("touch")
            .args(["-d", "16 days ago", file])
            .current_dir(&backups)
            .status();
        assert!(old.unwrap().success());
    }
    let prune = words(&pod["containers"][0]["command"], "", folder.path());
    let pruned = Command::new(&prune[0]).args(&prune[1..]).status();
    assert!(pruned.unwrap().success());
    let mut kept: Vec<_> = fs::read_dir(&backups)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    let expected = ["cartlog-backup-2.db", "cartlog-backup-2.keys", "lost+found"];
    assert_eq!(kept, expected);

    // The copy is good.
    let restored = tempfile::tempdir().unwrap();
    let data = restored.path().join("data");
    let keys = backups.join("cartlog-backup-2.keys");
    let moved = Command::new("mv").arg(keys).arg(&data).status();
    assert!(moved.unwrap().success());
    let copy = backups.join("cartlog-backup-2.db");
    fs::copy(copy, data.join("events.db")).unwrap();
    let verified = run_to_exit(command(restored.path(), &["verify"]));
    assert!(verified.status.success(), "{verified:?}");
}
