//! The program from the outside: command line, start and shutdown, logs, subcommands, upgrades.
//! Fault injection is in `tests/faults/`.

mod closed_pipes;
mod conformance;
mod definitions;
mod documented;
mod insights;
mod logs;
mod own_files;
mod paths;
mod progress;
mod recover;
mod secret;
mod shutdown;
mod simulate;
mod starts;
mod transfer;
mod upgrade;
