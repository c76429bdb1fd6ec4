//! The read side: what the views say against an independent count over the log, and how views are
//! proved, made anew and carried along.

mod insights;
mod journal;
