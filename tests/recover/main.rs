//! Recovery: views that are wrong, damaged, of another definition or missing are rebuilt from the
//! log, and a verification finds the faults of log and views.

mod cycles;
mod damaged_log;
mod kept;
mod rebuild;
mod verify;
