//! The stream: created by the first start, and checked by every one.

use super::messages::{LogRecord, Subjects};
use super::settings::JetStreamSettings;
use crate::nats::{
    Api, Conditions, Failure, NO_STREAM, Published, RETRY_AFTER, StreamSettings, check, create,
    get, info, publish, retrying,
};
use bytes::Bytes;
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The format of the log's messages.
const FORMAT: u32 = 1;
/// How long the servers recognize a repeated message. Longer than a node repeats one.
const RECOGNIZED_FOR: Duration = Duration::from_mins(2);

/// The stream of one log.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub api: Api,
    pub name: String,
    pub subjects: Subjects,
    /// When the stream was created, as the servers write it: another one of that name has another
    /// time.
    pub created: String,
    pub identity: Uuid,
}

impl Stream {
    /// The stream of `settings`, created if `creates` and there is none; `None` if there is none.
    /// The error says in one line what is wrong and what to do.
    pub async fn open(
        api: Api,
        settings: &JetStreamSettings,
        creates: bool,
    ) -> Result<Option<Stream>, String> {
        let (name, subjects) = (&settings.stream, Subjects::of(&settings.subject_prefix));
        let stream = StreamSettings {
            name,
            subjects: subjects.all(),
            replicas: settings.replicas,
            name_key: "log.jetstream.stream",
            subjects_key: "log.jetstream.subject_prefix",
            replicas_key: "log.jetstream.replicas",
        };
        let deadline = Instant::now() + settings.timeout;
        let found = retrying(deadline, || info(&api, name)).await;
        let info = match found {
            Ok(info) => info,
            Err(failure) if failure.is(NO_STREAM) => {
                if !creates {
                    return Ok(None);
                }
                create_log(&api, &stream, deadline).await?;
                let created = retrying(deadline, || info(&api, name)).await;
                created.map_err(Failure::reason)?
            }
            Err(failure) => return Err(failure.reason()),
        };
        check(&info.config, &stream)?;
        let identity = match identity(&api, name, &subjects, deadline).await? {
            Some(identity) => identity,
            None if !creates => return Ok(None),
            None => record_identity(&api, name, &subjects, deadline).await?,
        };
        Ok(Some(Stream {
            api,
            name: name.clone(),
            subjects,
            created: info.created,
            identity,
        }))
    }

    /// The sequence of the last message, as the leader says. It may be behind for as long as a
    /// leader does not know that another one was elected.
    pub async fn last_sequence(&self) -> Result<u64, String> {
        let info = info(&self.api, &self.name).await.map_err(Failure::reason)?;
        if info.created != self.created {
            return Err(format!(
                "the stream {} was deleted and created again: restart cartlog if that is intended",
                self.name
            ));
        }
        Ok(info.state.last_seq)
    }

    /// The last message of `subject` that the leader has: its sequence and its payload.
    pub async fn last_of(
        &self,
        subject: String,
        deadline: Instant,
    ) -> Result<Option<(u64, Vec<u8>)>, String> {
        let request = json!({ "last_by_subj": subject });
        let found = get(&self.api, &self.name, &request, deadline).await;
        let found = found.map_err(Failure::reason)?;
        Ok(found.map(|(message, payload)| (message.seq, payload)))
    }
}

/// Creates the stream of a log, unless another node does so at the same time.
async fn create_log(
    api: &Api,
    stream: &StreamSettings<'_>,
    deadline: Instant,
) -> Result<(), String> {
    let description = "The event log of cartlog: never delete or edit its messages.";
    let window = RECOGNIZED_FOR.as_nanos() as u64;
    let more = [
        ("description", json!(description)),
        ("duplicate_window", json!(window)),
    ];
    if create(api, stream, &more, deadline).await? {
        tracing::info!(
            stream = stream.name,
            replicas = stream.replicas,
            "created the log's stream in JetStream; check that every server has sync_interval: \
             always, which they do not tell clients"
        );
    }
    Ok(())
}

/// The log's id, in the first message of the stream.
async fn identity(
    api: &Api,
    name: &str,
    subjects: &Subjects,
    deadline: Instant,
) -> Result<Option<Uuid>, String> {
    let first = get(api, name, &json!({ "seq": 1 }), deadline).await;
    let Some((message, payload)) = first.map_err(Failure::reason)? else {
        return Ok(None);
    };
    let record = serde_json::from_slice(&payload).ok();
    let record: LogRecord = record.filter(|_| message.subject == subjects.log()).ok_or_else(|| {
        format!(
            "the stream {name} has messages of something else: set log.jetstream.stream to a name \
             of its own"
        )
    })?;
    if record.format != FORMAT {
        return Err(format!(
            "the log has format {}, but must have format {FORMAT}: it was created by another \
             version of cartlog, use that one or a later one",
            record.format
        ));
    }
    Ok(Some(record.log_id))
}

/// Writes the first message, unless another node does so at the same time and is first.
async fn record_identity(
    api: &Api,
    name: &str,
    subjects: &Subjects,
    deadline: Instant,
) -> Result<Uuid, String> {
    let record = LogRecord {
        format: FORMAT,
        log_id: Uuid::now_v7(),
    };
    let payload: Bytes = serde_json::to_vec(&record).expect("plain data").into();
    let conditions = Conditions {
        last_of_stream: Some(0),
        ..Conditions::default()
    };
    loop {
        let published = publish(api, subjects.log(), conditions, payload.clone()).await;
        let reason = match published {
            Published::Refused(reason) => return Err(reason),
            Published::NotReceived(reason) | Published::Unknown(reason) => reason,
            // The first message is there: this one or another one.
            _ => String::new(),
        };
        if let Some(identity) = identity(api, name, subjects, deadline).await? {
            return Ok(identity);
        }
        if Instant::now() >= deadline {
            return Err(format!(
                "cannot write the first message of the stream {name}: {reason}"
            ));
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}
