//! Programs whose clock on the wall is set off, by the Debian package faketime.

use std::path::Path;
use std::process::Command;

/// Lets `program` run with its clock off by what the environment says further; what measures time
/// goes on as ever.
pub fn run_off(program: &mut Command) -> &mut Command {
    let library = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ]
    .into_iter()
    .find(|library| Path::new(library).exists())
    .expect("the Debian package faketime");
    program
        .env("LD_PRELOAD", library)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
}
