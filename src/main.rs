//! The program: the command line and the allocator.

use clap::Parser;
use std::process::ExitCode;

/// Commands allocate many small, short-lived texts on one thread and free them on another, which is
/// what the C library's allocator is slowest at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cartlog::cli::run(&cartlog::cli::Arguments::parse())
}
