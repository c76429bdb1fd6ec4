//! The program from the outside: command line, start and shutdown, logs, subcommands, upgrades.
//! Fault injection is in `tests/faults/`.

mod background_errors;
mod backups;
mod clickhouse;
mod closed_pipes;
mod conformance;
mod definitions;
mod deploy;
mod documented;
mod downloads;
mod expect;
mod healthcheck;
mod insights;
mod logs;
mod own_files;
mod paths;
mod progress;
mod prometheus;
mod proxies;
mod recover;
mod reload;
mod secret;
mod shutdown;
mod simulate;
mod standards;
mod starts;
mod systemd;
mod transfer;
mod upgrade;
