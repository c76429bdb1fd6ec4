//! Reading the log in the order of its sequences.

use super::reader::{Page, page};
use super::session::Session;
use crate::log::shared::{Sequence, SequencedCommit, SequencerError};
use std::time::{Duration, Instant};

/// After so long without an answer of the leader, it is asked whether there is anything new: the
/// server that the node is connected to may be cut off.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);
/// How long copies may lack what is known to be there.
const BEHIND_FOR: Duration = Duration::from_secs(1);
/// Pause before a copy is asked again.
const REREAD_AFTER: Duration = Duration::from_millis(2);
/// How often a commit is read that copies have lost. The servers choose a copy at random: if one of
/// three has it, the chance that it is never chosen is one in 17,000.
const TRIES: u32 = 24;

/// At most `limit` commits from the sequence `from` on. Empty only if the log is not known to have
/// more.
pub(super) async fn read(
    session: &Session,
    from: u64,
    limit: usize,
) -> Result<Vec<SequencedCommit>, SequencerError> {
    session.cover().await.map_err(SequencerError::Unavailable)?;
    let deadline = Instant::now() + BEHIND_FOR;
    let mut fault: Option<Fault> = None;
    let mut faults = 0;
    loop {
        let found = read_page(session, from, limit).await?;
        session.reached(found.last);
        if found.commits.len() > 1 {
            report(fault);
            return Ok(found.commits);
        }
        confirm(session).await?;
        if let Some(reason) = found.fault {
            let sequence = from + found.commits.len() as u64;
            fault = Some(Fault { sequence, reason });
            faults += 1;
            if faults < TRIES {
                continue;
            }
        }
        if !found.commits.is_empty() {
            return Ok(found.commits);
        }
        if from > session.known() && fault.is_none() {
            return Ok(Vec::new());
        }
        if faults >= TRIES || Instant::now() >= deadline {
            return lacking(session, from, fault).await;
        }
        tokio::time::sleep(REREAD_AFTER).await;
    }
}

/// A commit that a copy lacks, or has damaged.
struct Fault {
    sequence: u64,
    reason: String,
}

/// One copy had a fault, and another one did not.
fn report(fault: Option<Fault>) {
    if let Some(Fault { sequence, reason }) = fault {
        tracing::error!(
            sequence,
            reason,
            "a NATS server has lost a commit that another one still has: repair its copy"
        );
    }
}

async fn read_page(session: &Session, from: u64, limit: usize) -> Result<Page, SequencerError> {
    let (client, stream) = (&session.api().client, &session.stream.name);
    match page(client, stream, from, limit).await {
        Ok(page) => Ok(page),
        Err(reason) => {
            session.unanswered().await;
            let reason = session.api().last_error.explain(reason);
            Err(SequencerError::Unavailable(reason))
        }
    }
}

/// Asks the leader how far the log is, unless it has answered something just now.
async fn confirm(session: &Session) -> Result<(), SequencerError> {
    if session.has_answered_within(CONFIRM_AFTER) {
        return Ok(());
    }
    match session.stream.last_sequence().await {
        Ok(last) => {
            session.answered();
            session.reached(last);
            Ok(())
        }
        Err(reason) => {
            session.unanswered().await;
            Err(SequencerError::Unavailable(reason))
        }
    }
}

/// Why the commit at `from` is on no server that answers; or nothing, if the log ends before it.
async fn lacking(
    session: &Session,
    from: u64,
    fault: Option<Fault>,
) -> Result<Vec<SequencedCommit>, SequencerError> {
    let end = session.tick(session.deadline()).await;
    let end = end.map_err(SequencerError::Unavailable)?;
    if end <= from {
        // The log was restored from a backup, or created again.
        session.shortened_to(end);
        return Ok(Vec::new());
    }
    Err(match fault {
        Some(Fault { reason, .. }) => SequencerError::Unreadable {
            sequence: Sequence(from),
            reason: format!("{reason}; no server that answers has it intact"),
        },
        None => SequencerError::Unavailable(format!(
            "no server that answers has the commit at sequence {from} yet"
        )),
    })
}
