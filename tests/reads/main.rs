//! The read side: the views compared with an independent count over the log.

mod insights;
mod journal;
mod past;
