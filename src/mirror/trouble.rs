//! Why the mirror stops.

/// Why publishing stopped.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another publisher was faster, or the servers took messages in another order.
    Overtaken,
    /// It is tried again.
    Temporary(String),
    /// The operator has to do something.
    Refused(String),
}
