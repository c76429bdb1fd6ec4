//! Recovery: views that are wrong, damaged, of another definition or gone are made again from the
//! log, and whatever is wrong with log or views is found and named.

mod damaged_log;
mod kept;
mod rebuild;
mod verify;
