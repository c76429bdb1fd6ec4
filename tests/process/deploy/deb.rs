//! The Debian package: what is in it, and that dpkg installs it and removes it again.

use cartlog_testkit::process::program;
use cartlog_testkit::repository;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs dpkg on the system below `root`, without its scripts' chroot.
fn dpkg(root: &Path, arguments: &[&str]) {
    let output = Command::new("dpkg")
        .arg(format!("--root={}", root.display()))
        .args([
            "--force-not-root",
            "--force-script-chrootless",
            "--force-depends",
        ])
        .args(arguments)
        .output()
        .expect("dpkg runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
}

/// Builds the package of the program under test in `folder`, and returns its path.
fn build(folder: &Path) -> PathBuf {
    let built = Command::new(repository().join("deploy/deb/build"))
        .args([program().as_path(), folder])
        .env("DEB_COMPRESSION", "none")
        .output()
        .expect("the script runs");
    let text = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{text}");
    let packages = fs::read_dir(folder).unwrap();
    let package = packages.map(|it| it.unwrap().path()).next();
    package.expect("a package")
}

/// What `dpkg-deb` prints about `package`.
fn shown(package: &Path, arguments: &[&str]) -> String {
    let mut tool = Command::new("dpkg-deb");
    tool.arg(arguments[0]).arg(package).args(&arguments[1..]);
    let output = tool.output().expect("dpkg-deb runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Contract (service): The Debian package installs the program, its units and its configuration,
/// and removing it keeps the configuration.
#[test]
#[ignore = "needs dpkg"]
fn debian_package_is_installed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let package = build(folder.path());
    let name = package.file_name().unwrap().to_str().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(name.starts_with(&format!("cartlog_{version}_")), "{name}");

    let depends = shown(&package, &["--field", "Depends"]);
    assert!(depends.starts_with("libc6 (>= 2."), "{depends}");
    assert!(depends.contains("libgcc-s1"), "{depends}");
    for line in shown(&package, &["--contents"]).lines() {
        let is_program = line.ends_with(" ./usr/bin/cartlog");
        let mode = match line.as_bytes()[0] {
            b'd' => "drwxr-xr-x",
            _ if is_program => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert!(line.starts_with(&format!("{mode} root/root ")), "{line}");
    }
    let scripts = folder.path().join("scripts");
    shown(&package, &["--control", scripts.to_str().unwrap()]);
    for script in ["postinst", "prerm"] {
        let found = fs::read(scripts.join(script)).expect(script);
        let own = fs::read(repository().join("deploy/deb").join(script));
        assert_eq!(found, own.unwrap(), "{script}");
    }

    let root = folder.path().join("root");
    for needed in [
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/dpkg/triggers",
    ] {
        fs::create_dir_all(root.join(needed)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    dpkg(&root, &["--install", package.to_str().unwrap()]);
    let installed = root.join("usr/bin/cartlog");
    let shown = Command::new(&installed).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains(version));
    let own = |path: &str| fs::read(repository().join(path)).unwrap();
    let read = |path: &str| fs::read(root.join(path)).expect(path);
    for unit in [
        "cartlog.service",
        "cartlog-backup.service",
        "cartlog-backup.timer",
    ] {
        let found = read(&format!("usr/lib/systemd/system/{unit}"));
        assert_eq!(found, own(&format!("deploy/{unit}")));
    }
    assert_eq!(read("etc/cartlog/config.toml"), own("config.toml"));

    dpkg(&root, &["--remove", "cartlog"]);
    assert!(!installed.exists());
    assert!(root.join("etc/cartlog/config.toml").exists());
}

/// Two builds of one commit are the same package.
#[test]
#[ignore = "needs dpkg"]
fn debian_package_is_built_the_same_again() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let packages = folders.each_ref().map(|folder| build(folder.path()));
    let [one, other] = packages.map(|package| fs::read(package).unwrap());
    assert!(one == other, "the packages differ");
}
