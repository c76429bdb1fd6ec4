//! The stream: created by the first start, and checked by every one.

use super::api::{Api, Failure, Silence};
use super::messages::{LogRecord, Subjects};
use super::publish::{Conditions, Published, publish};
use super::settings::JetStreamSettings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The format of the log's messages.
const FORMAT: u32 = 1;
/// How long the servers recognize a repeated message. Longer than a node repeats one.
const RECOGNIZED_FOR: Duration = Duration::from_mins(2);
/// Pause before a request is repeated that no leader has answered.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(100);

/// There is no stream of that name.
pub(super) const NO_STREAM: u16 = 10_059;
/// There is no such message.
const NO_MESSAGE: u16 = 10_037;

/// The settings that a stream must have, each with what another value would do.
fn required() -> [(&'static str, Value, &'static str); 17] {
    let deletes = "commits would be deleted";
    let alters = "commits could be altered";
    [
        ("retention", json!("limits"), deletes),
        (
            "storage",
            json!("file"),
            "commits would be lost in a restart",
        ),
        ("max_msgs", json!(-1), deletes),
        ("max_bytes", json!(-1), deletes),
        ("max_age", json!(0), deletes),
        ("max_msgs_per_subject", json!(-1), deletes),
        ("allow_msg_ttl", json!(false), deletes),
        ("max_msg_size", json!(-1), "commits would be refused"),
        ("sealed", json!(false), "commits would be refused"),
        ("no_ack", json!(false), "commits would not be acknowledged"),
        ("deny_delete", json!(true), "commits could be deleted"),
        ("deny_purge", json!(true), "commits could be deleted"),
        (
            "allow_rollup_hdrs",
            json!(false),
            "commits could be deleted",
        ),
        ("allow_msg_counter", json!(false), alters),
        ("allow_msg_schedules", json!(false), alters),
        ("allow_direct", json!(true), "nodes could not read"),
        (
            "mirror_direct",
            json!(false),
            "nodes could read what is not acknowledged",
        ),
    ]
}

/// What there must be none of.
const ABSENT: [&str; 4] = ["mirror", "sources", "subject_transform", "republish"];

#[derive(Debug, Deserialize)]
struct Info {
    config: Value,
    created: String,
    state: State,
}

#[derive(Debug, Deserialize)]
struct State {
    last_seq: u64,
}

#[derive(Deserialize)]
struct Got {
    message: GotMessage,
}

#[derive(Deserialize)]
pub(super) struct GotMessage {
    pub seq: u64,
    subject: String,
    #[serde(default)]
    data: String,
}

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
        let deadline = Instant::now() + settings.timeout;
        let found = retrying(deadline, || info(&api, name)).await;
        let info = match found {
            Ok(info) => info,
            Err(failure) if failure.is(NO_STREAM) => {
                if !creates {
                    return Ok(None);
                }
                create(&api, settings, &subjects, deadline).await?;
                let created = retrying(deadline, || info(&api, name)).await;
                created.map_err(Failure::reason)?
            }
            Err(failure) => return Err(failure.reason()),
        };
        check(&info.config, settings, &subjects)?;
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

async fn info(api: &Api, name: &str) -> Result<Info, Failure> {
    api.ask(&format!("STREAM.INFO.{name}"), &json!({})).await
}

/// Creates the stream, unless another node does so at the same time.
async fn create(
    api: &Api,
    settings: &JetStreamSettings,
    subjects: &Subjects,
    deadline: Instant,
) -> Result<(), String> {
    let name = &settings.stream;
    let mut config = json!({
        "name": name,
        "description": "The event log of cartlog: never delete or edit its messages.",
        "subjects": [subjects.all()],
        "num_replicas": settings.replicas,
        "max_consumers": -1,
        "discard": "new",
        "duplicate_window": RECOGNIZED_FOR.as_nanos() as u64,
    });
    for (key, value, _) in required() {
        config[key] = value;
    }
    let subject = format!("STREAM.CREATE.{name}");
    let created = retrying(deadline, || api.ask::<Value>(&subject, &config)).await;
    match created {
        Ok(_) => {
            tracing::info!(
                stream = name,
                replicas = settings.replicas,
                "created the log's stream in JetStream; check that every server has sync_interval: \
                 always, which they do not tell clients"
            );
            Ok(())
        }
        // Another node was first, or the first attempt had no answer: its settings are checked.
        Err(failure) => match info(api, name).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "cannot create the stream {name}: {}",
                failure.reason()
            )),
        },
    }
}

/// Refuses a stream that would not keep the log as it must be kept.
fn check(config: &Value, settings: &JetStreamSettings, subjects: &Subjects) -> Result<(), String> {
    let name = &settings.stream;
    let wrong = |key: &str, found: &Value, wanted: &Value, why: &str| {
        Err(format!(
            "the stream {name} has {key} = {found}, but must have {wanted}: {why}; correct it \
             (`nats stream edit {name}`) or set log.jetstream.stream to another name"
        ))
    };
    for (key, wanted, why) in required() {
        let found = match &config[key] {
            Value::Null if wanted == json!(0) => &json!(0),
            Value::Null => &json!(false),
            found => found,
        };
        if *found != wanted {
            return wrong(key, found, &wanted, why);
        }
    }
    for key in ABSENT {
        let found = &config[key];
        if !found.is_null() && *found != json!([]) {
            return wrong(key, found, &json!(null), "it must have the commits alone");
        }
    }
    if config["persist_mode"] == "async" {
        let why = "acknowledged commits could be lost";
        return wrong(
            "persist_mode",
            &config["persist_mode"],
            &json!("default"),
            why,
        );
    }
    let all = json!([subjects.all()]);
    if config["subjects"] != all {
        let why = "they follow from log.jetstream.subject_prefix";
        return wrong("subjects", &config["subjects"], &all, why);
    }
    let replicas = config["num_replicas"].as_u64().unwrap_or(1);
    if replicas < settings.replicas as u64 {
        let why = "log.jetstream.replicas asks for them";
        return wrong(
            "num_replicas",
            &json!(replicas),
            &json!(settings.replicas),
            why,
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

/// The message that the leader gives for `request`, with its payload.
pub(super) async fn get(
    api: &Api,
    name: &str,
    request: &Value,
    deadline: Instant,
) -> Result<Option<(GotMessage, Vec<u8>)>, Failure> {
    let subject = format!("STREAM.MSG.GET.{name}");
    match retrying(deadline, || api.ask::<Got>(&subject, request)).await {
        Ok(got) => {
            let payload = STANDARD.decode(&got.message.data).map_err(|error| {
                Failure::Silence(Silence::Unknown(format!("unexpected answer: {error}")))
            })?;
            Ok(Some((got.message, payload)))
        }
        Err(failure) if failure.is(NO_MESSAGE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Repeats `request` as long as it has no answer.
pub(super) async fn retrying<T, F: Future<Output = Result<T, Failure>>>(
    deadline: Instant,
    mut request: impl FnMut() -> F,
) -> Result<T, Failure> {
    loop {
        match request().await {
            Err(failure) if Instant::now() < deadline && failure.is_temporary() => {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            answer => return answer,
        }
    }
}
