//! The Dockerfile.

use super::{DATA, read};
use std::path::PathBuf;

/// The instructions of the Dockerfile, each in one line.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, rest) = line.split_once(' ').expect("an instruction");
            let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
            (name.to_owned(), rest)
        })
        .collect()
}

/// The instructions of the last stage, which is the image.
fn last_stage() -> Vec<(String, String)> {
    let all = instructions();
    let begin = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    all[begin..].to_vec()
}

/// The arguments of the one instruction `name` of the image.
#[track_caller]
fn only(name: &str) -> String {
    let mut found = last_stage().into_iter().filter(|(it, _)| it == name);
    let (_, arguments) = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "one {name}");
    arguments
}

/// The command in an instruction, in the form that needs no shell.
fn without_shell(arguments: &str) -> Vec<String> {
    serde_json::from_str(arguments).expect("a list")
}

/// The environment of the image.
pub fn environment() -> Vec<(String, String)> {
    only("ENV")
        .split(' ')
        .map(|pair| {
            let (name, value) = pair.split_once('=').expect("a value");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

pub fn working_folder() -> PathBuf {
    only("WORKDIR").into()
}

/// The command of the image's health check.
pub fn health_check() -> Vec<String> {
    let check = only("HEALTHCHECK");
    let (_, command) = check.split_once("CMD ").expect("a command");
    without_shell(command)
}

/// Contract (service): The image begins from scratch and has one program, one volume, a user that
/// is not root, a health check, and the versions of program and compiler of this repository.
#[test]
fn image_has_one_program_one_volume_and_no_root() {
    let bases: Vec<String> = instructions()
        .into_iter()
        .filter_map(|(name, base)| (name == "FROM").then_some(base))
        .collect();
    let toolchain = read("rust-toolchain.toml");
    let (_, compiler) = toolchain.split_once("channel = \"").unwrap();
    let (compiler, _) = compiler.split_once('"').unwrap();
    assert_eq!(
        bases,
        [
            format!("docker.io/library/rust:{compiler}-bookworm AS build"),
            "scratch AS run".to_owned(),
        ]
    );
    assert!(read("Dockerfile").contains(&format!("RUSTUP_TOOLCHAIN={compiler}\n")));
    let program = "/usr/bin/cartlog";
    let runs = last_stage().into_iter().any(|(name, _)| name == "RUN");
    assert!(!runs, "the image has no shell to run anything");
    assert_eq!(without_shell(&only("ENTRYPOINT")), [program]);
    assert_eq!(without_shell(&only("CMD")), ["serve"]);
    assert_eq!(health_check(), [program, "healthcheck"]);
    assert_eq!(only("USER"), "65532:65532");
    assert_eq!(without_shell(&only("VOLUME")), [DATA]);
    assert_eq!(only("STOPSIGNAL"), "SIGTERM");
    assert_eq!(only("EXPOSE"), "8080");
    let labels = only("LABEL");
    for label in [
        &format!("image.version=\"{}\"", env!("CARGO_PKG_VERSION")),
        "image.licenses=\"MIT\"",
        "image.revision=\"$COMMIT\"",
    ] {
        assert!(labels.contains(label), "{label} in {labels}");
    }
    let token = "0123456789abcdef".to_owned();
    let token = ("CARTLOG_SECURITY__OPERATOR_TOKEN".to_owned(), token);
    let config = super::configuration(vec![token]);
    assert!(config.server.bind.ip().is_unspecified());
}

/// What the build reads is not excluded from it.
#[test]
fn image_build_gets_the_sources_it_needs() {
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "*"));
    for needed in [
        "Cargo.lock",
        "Cargo.toml",
        "benches",
        "config.toml",
        "deploy/image",
        "LICENSE-MIT",
        "src",
        "static",
        "tests/support",
    ] {
        assert!(
            ignored.lines().any(|line| line == format!("!{needed}")),
            "{needed}"
        );
    }
}
