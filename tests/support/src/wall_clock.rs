//! Programs whose wall clock is shifted, by the Debian package faketime.

use std::path::Path;
use std::process::Command;

/// Makes `program` run under faketime, which reads the shift from `FAKETIME` in its environment.
/// The monotonic clock stays true, so that durations are measured correctly.
pub fn shift_wall_clock(program: &mut Command) -> &mut Command {
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
