//! The program: the command line and the allocator.

use clap::Parser;
use std::process::ExitCode;

/// Commands allocate many small strings on one thread and free them on another; the C library's
/// allocator is slow at that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cartlog::cli::run(&cartlog::cli::Arguments::parse())
}
