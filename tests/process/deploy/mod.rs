//! The files of `deploy/` and the Dockerfile against what the service accepts. The image is built
//! and run; no engine runs the others here: what is checked is what the service relies on.

mod compose;
mod container;
mod deb;
mod image;
mod kubernetes;
mod running;

use cartlog::config::Config;
use cartlog_testkit::repository;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// The volume of the image.
const DATA: &str = "/data";

fn read(file: &str) -> String {
    fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What the Python of schemathesis, which has parsers of YAML and of JSON Schema, prints.
fn python(script: &str, arguments: &[&str]) -> String {
    let output = Command::new(repository().join("target/schemathesis/bin/python"))
        .current_dir(repository())
        .args(["-c", script])
        .args(arguments)
        .output()
        .expect("Python runs; tests/all installs schemathesis");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The documents of a YAML file.
fn yaml(file: &str) -> Vec<Value> {
    let script = "import json, sys, yaml
print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    serde_json::from_str(&python(script, &[file])).unwrap()
}

/// The configuration of a service in the image that gets `environment`. Fails unless the service
/// accepts it and keeps all of its files on the volume.
fn configuration(environment: Vec<(String, String)>) -> Config {
    let with_image: Vec<_> = image::environment()
        .into_iter()
        .filter(|(name, _)| name.starts_with("CARTLOG_"))
        .chain(environment)
        .collect();
    let config = Config::from_sources(None, with_image).expect("accepted settings");
    let replica = config.log.replica_path();
    for path in [
        &config.log.path,
        &replica,
        &config.views.path,
        &config.security.secret_path,
        &config.proof.key_path,
    ] {
        let place = image::working_folder().join(path);
        assert!(place.starts_with(DATA), "{}", place.display());
    }
    config
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A key that nodes of one log share.
fn example_key() -> String {
    let key = cartlog::proof::SigningKey::new("shop.example/log", [1; 32]);
    key.to_text().trim().to_owned()
}
