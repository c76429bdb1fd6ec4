//! A log that several nodes share: an engine orders the commits, and each node keeps a replica.
//!
//! [`Sequencer`] is the port of such an engine, and [`SharedLog`] the log over it, the same for all
//! engines. This module names none.

mod administration;
mod appender;
mod audit;
mod barriers;
mod blocking;
mod follower;
mod gauges;
mod heads;
mod progress;
mod rounds;
mod sequencer;
mod settings;
mod shared_log;
mod stored_events;
mod worker;

pub use administration::SharedAdministration;
pub(super) use rounds::{Rounds, raise};
pub use sequencer::{
    HistoryHash, Sequence, SequencedCommit, SequencedOutcome, Sequencer, SequencerConnector,
    SequencerError, chained, commit_id,
};
pub use settings::SharedLogSettings;
pub use shared_log::SharedLog;
pub(super) use stored_events::{decode_events, encode_events};
