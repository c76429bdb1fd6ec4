//! A stream that keeps every message as it was stored: created at the first start, and checked at
//! every one.

use super::api::{Api, Failure, Silence};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Pause before a request is repeated that no leader has answered.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(100);

/// There is no stream of that name.
pub(crate) const NO_STREAM: u16 = 10_059;
/// There is no such message.
const NO_MESSAGE: u16 = 10_037;

/// A stream as the configuration has it.
#[derive(Debug, Clone)]
pub(crate) struct StreamSettings<'a> {
    pub name: &'a str,
    /// The one pattern of all of its subjects.
    pub subjects: String,
    /// On how many servers it must be kept at least.
    pub replicas: usize,
    /// The keys of these settings in the configuration, for messages.
    pub name_key: &'static str,
    pub subjects_key: &'static str,
    pub replicas_key: &'static str,
}

/// What the servers tell about a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    pub config: Value,
    /// When the stream was created, as the servers write it: another one of that name has another
    /// time.
    pub created: String,
    pub state: State,
}

#[derive(Debug, Deserialize)]
pub(crate) struct State {
    pub last_seq: u64,
}

#[derive(Deserialize)]
struct Got {
    message: GotMessage,
}

#[derive(Deserialize)]
pub(crate) struct GotMessage {
    pub seq: u64,
    pub subject: String,
    #[serde(default)]
    data: String,
}

/// The settings that a stream must have, each with what another value would do.
fn required() -> [(&'static str, Value, &'static str); 17] {
    let deletes = "messages would be deleted";
    let alters = "messages could be altered";
    [
        ("retention", json!("limits"), deletes),
        (
            "storage",
            json!("file"),
            "messages would be lost in a restart",
        ),
        ("max_msgs", json!(-1), deletes),
        ("max_bytes", json!(-1), deletes),
        ("max_age", json!(0), deletes),
        ("max_msgs_per_subject", json!(-1), deletes),
        ("allow_msg_ttl", json!(false), deletes),
        ("max_msg_size", json!(-1), "messages would be refused"),
        ("sealed", json!(false), "messages would be refused"),
        ("no_ack", json!(false), "messages would not be acknowledged"),
        ("deny_delete", json!(true), "messages could be deleted"),
        ("deny_purge", json!(true), "messages could be deleted"),
        (
            "allow_rollup_hdrs",
            json!(false),
            "messages could be deleted",
        ),
        ("allow_msg_counter", json!(false), alters),
        ("allow_msg_schedules", json!(false), alters),
        ("allow_direct", json!(true), "readers could not read"),
        (
            "mirror_direct",
            json!(false),
            "readers could read what is not acknowledged",
        ),
    ]
}

/// What there must be none of.
const ABSENT: [&str; 4] = ["mirror", "sources", "subject_transform", "republish"];

pub(crate) async fn info(api: &Api, name: &str) -> Result<Info, Failure> {
    api.ask(&format!("STREAM.INFO.{name}"), &json!({})).await
}

/// Creates the stream, with what `more` adds to its settings, unless another node does so at the
/// same time. Returns whether this node has created it.
pub(crate) async fn create(
    api: &Api,
    settings: &StreamSettings<'_>,
    more: &[(&str, Value)],
    deadline: Instant,
) -> Result<bool, String> {
    let name = settings.name;
    let mut config = json!({
        "name": name,
        "subjects": [settings.subjects],
        "num_replicas": settings.replicas,
        "max_consumers": -1,
        "discard": "new",
    });
    for (key, value, _) in required() {
        config[key] = value;
    }
    for (key, value) in more {
        config[*key] = value.clone();
    }
    let subject = format!("STREAM.CREATE.{name}");
    let created = retrying(deadline, || api.ask::<Value>(&subject, &config)).await;
    match created {
        Ok(_) => Ok(true),
        // Another node was first, or the first attempt had no answer: its settings are checked.
        Err(failure) => match info(api, name).await {
            Ok(_) => Ok(false),
            Err(_) => Err(format!(
                "cannot create the stream {name}: {}",
                failure.reason()
            )),
        },
    }
}

/// Refuses a stream that would not keep its messages as they were stored.
pub(crate) fn check(config: &Value, settings: &StreamSettings<'_>) -> Result<(), String> {
    let (name, name_key) = (settings.name, settings.name_key);
    let wrong = |key: &str, found: &Value, wanted: &Value, why: &str| {
        Err(format!(
            "the stream {name} has {key} = {found}, but must have {wanted}: {why}; correct it \
             (`nats stream edit {name}`) or set {name_key} to another name"
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
            return wrong(
                key,
                found,
                &json!(null),
                "it must have its own messages alone",
            );
        }
    }
    if config["persist_mode"] == "async" {
        let why = "acknowledged messages could be lost";
        return wrong(
            "persist_mode",
            &config["persist_mode"],
            &json!("default"),
            why,
        );
    }
    let all = json!([settings.subjects]);
    if config["subjects"] != all {
        let why = format!("they follow from {}", settings.subjects_key);
        return wrong("subjects", &config["subjects"], &all, &why);
    }
    let replicas = config["num_replicas"].as_u64().unwrap_or(1);
    if replicas < settings.replicas as u64 {
        let why = format!("{} asks for them", settings.replicas_key);
        return wrong(
            "num_replicas",
            &json!(replicas),
            &json!(settings.replicas),
            &why,
        );
    }
    Ok(())
}

/// The message that the leader gives for `request`, with its payload.
pub(crate) async fn get(
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
pub(crate) async fn retrying<T, F: Future<Output = Result<T, Failure>>>(
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
