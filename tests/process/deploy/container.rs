//! The image, built by buildah from the program under test, and run in it as a container engine
//! would: a read-only root, one volume, the user and the environment of the image, no privileges.

use cartlog_testkit::process::program;
use cartlog_testkit::repository;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The commit that the label of the image names.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

const TAG: &str = "cartlog:test";

/// The user of the image.
pub const USER: u32 = 65532;

/// Arguments: root, volume, pairs of a file and its place in the root, `--`, user, program and its
/// arguments. It is replaced by the program, so that signals reach it.
const RUN: &str = r#"root=$1 volume=$2; shift 2
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$volume" "$root/data"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
user=$2; shift 2
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@""#;

/// A container that can be run again and again; its volume stays.
pub struct Container {
    folder: TempDir,
    root: PathBuf,
    /// The configuration of the image, in Docker's format.
    pub config: Value,
}

impl Container {
    /// Builds the stage `run` of the Dockerfile. Its build stage is replaced by the same files,
    /// made by the same script from the program under test: the base image cannot be fetched
    /// everywhere.
    pub fn build() -> Container {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut assemble = Command::new(repository().join("deploy/image/assemble"));
        run(assemble.arg(program()).arg(at("stage/image")));
        let (dockerfile, context) = (repository().join("Dockerfile"), at("empty"));
        let dockerfile = dockerfile.display().to_string();
        let (commit, stage) = (format!("COMMIT={COMMIT}"), format!("build={}", at("stage")));
        let buildah = |arguments: &[&str]| {
            // Images of its own, on any file system.
            let mut command = Command::new("buildah");
            command.args(["--storage-driver", "vfs", "--root", &at("images")]);
            run(command.args(["--runroot", &at("run")]).args(arguments))
        };
        let fixed = "build --quiet --isolation chroot --format docker --target run --tag";
        let mut build: Vec<&str> = fixed.split(' ').collect();
        build.extend([TAG, "--build-arg", &commit, "--build-context", &stage]);
        build.extend(["--file", &dockerfile, &context]);
        fs::create_dir(&context).unwrap();
        buildah(&build);
        let root = buildah(&["mount", &buildah(&["from", TAG])]);
        let inspected = buildah(&["inspect", "--type", "image", TAG]);
        let mut inspected: Value = serde_json::from_str(&inspected).unwrap();

        fs::create_dir(at("volume")).unwrap();
        fs::set_permissions(at("volume"), fs::Permissions::from_mode(0o700)).unwrap();
        chown(at("volume"), Some(USER), Some(USER)).expect("these tests run as root");
        Container {
            root: root.into(),
            config: inspected["Docker"]["config"].take(),
            folder,
        }
    }

    /// The file system of the container, before the first run that of the image.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn volume(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    /// Writes a file that a run can mount.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The image's entry point with `arguments` and the image's environment, each file of `mounts`
    /// at its path. The network is that of the machine.
    pub fn command(&self, arguments: &[&str], mounts: &[(&Path, &str)]) -> Command {
        // What an engine makes in the container before its root is read-only.
        for folder in ["proc", "dev", "etc"] {
            fs::create_dir_all(self.root.join(folder)).unwrap();
        }
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", RUN, "sh"]);
        command.arg(&self.root).arg(self.volume());
        for (file, place) in mounts {
            let inside = self.root.join(place.trim_start_matches('/'));
            let _ = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(inside)
                .unwrap();
            command.arg(file).arg(place);
        }
        let user = self.config["User"].as_str().expect("a user");
        command
            .args(["--", user])
            .args(self.list("/Entrypoint"))
            .args(arguments);
        command.env_clear();
        for variable in self.list("/Env") {
            let (name, value) = variable.split_once('=').expect("a value");
            command.env(name, value);
        }
        command
    }

    /// The list of texts at a place such as `/Cmd` of the image's configuration.
    pub fn list(&self, place: &str) -> Vec<&str> {
        let list = self.config.pointer(place).and_then(Value::as_array);
        list.expect(place).iter().map(super::text).collect()
    }
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
