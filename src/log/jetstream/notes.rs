//! The checkpoint that the nodes have signed last: the one message of a stream of its own, which
//! keeps no older ones.

use super::messages::Subjects;
use super::session::Session;
use crate::nats::{Conditions, Failure, NO_STREAM, Published, get, publish, retrying};
use serde_json::{Value, json};

/// The note and the sequence of its message; 0 and `None` before the first.
pub(super) async fn read(session: &Session) -> Result<(u64, Option<String>), String> {
    let request = json!({ "last_by_subj": session.stream.subjects.checkpoint() });
    let name = stream_of(session);
    match get(session.api(), &name, &request, session.deadline()).await {
        Ok(None) => Ok((0, None)),
        Ok(Some((message, payload))) => {
            let note = String::from_utf8(payload);
            let note = note.map_err(|_| "the last signed checkpoint is no text".to_owned())?;
            Ok((message.seq, Some(note)))
        }
        Err(failure) if failure.is(NO_STREAM) => Ok((0, None)),
        Err(failure) => Err(failure.reason()),
    }
}

/// Keeps `next` if the note is `last`, and returns whether it was.
pub(super) async fn replace(
    session: &Session,
    last: Option<&str>,
    next: &str,
) -> Result<bool, String> {
    let (sequence, kept) = read(session).await?;
    if kept.as_deref() != last {
        return Ok(false);
    }
    if last.is_none() {
        create(session).await?;
    }
    let conditions = Conditions {
        last_of_subject: Some(sequence),
        ..Conditions::default()
    };
    let subject = session.stream.subjects.checkpoint();
    let payload = next.to_owned().into();
    match publish(session.api(), subject, conditions, payload).await {
        Published::Stored { .. } => Ok(true),
        Published::OtherLast { .. } | Published::InFlight => Ok(false),
        Published::NotReceived(reason)
        | Published::Refused(reason)
        | Published::Unknown(reason) => Err(reason),
    }
}

fn stream_of(session: &Session) -> String {
    format!("{}_checkpoint", session.stream.name)
}

/// Creates the stream, which may exist.
async fn create(session: &Session) -> Result<(), String> {
    let (api, name) = (session.api(), stream_of(session));
    let config = json!({
        "name": name,
        "description": "The checkpoint of the log of cartlog that was signed last.",
        "subjects": [session.stream.subjects.checkpoint()],
        "num_replicas": session.settings.replicas,
        "storage": "file",
        "retention": "limits",
        "max_msgs_per_subject": 1,
        "deny_delete": true,
        "deny_purge": true,
    });
    let deadline = session.deadline();
    let subject = format!("STREAM.CREATE.{name}");
    let failed = |failure: Failure| {
        let reason = failure.reason();
        format!("cannot create the stream {name}: {reason}")
    };
    let created = retrying(deadline, || api.ask::<Value>(&subject, &config)).await;
    created.map(|_| ()).map_err(failed)
}

impl Subjects {
    /// The subject of the last signed checkpoint. Outside of the log's stream.
    fn checkpoint(&self) -> String {
        self.part("signed.checkpoint")
    }
}
