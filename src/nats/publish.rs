//! Publishing a message, and what the servers answer.

use super::api::{Api, Failure, Silence, read};
use async_nats::HeaderMap;
use bytes::Bytes;
use serde::Deserialize;

/// The sequence of the subject's last message is another one than expected.
const WRONG_SEQUENCE: u16 = 10_071;
/// Another message with the same subject is on its way through the servers, also one that was just
/// acknowledged.
const SUBJECT_IN_FLIGHT: u16 = 10_164;
/// A message with the same id is on its way through the servers.
const ID_IN_FLIGHT: u16 = 10_158;
/// The leader could not store what the other servers may have stored.
const NOT_STORED: u16 = 10_077;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Published {
    Stored {
        sequence: u64,
        /// Whether it was stored by an earlier attempt with the same id.
        is_repeat: bool,
    },
    /// The last message of the subject is another one, `actual`. Nothing was stored.
    OtherLast { actual: u64 },
    /// Nothing was stored, and the same message may be accepted soon.
    InFlight,
    /// Nothing was stored; there may be a leader soon.
    NotReceived(String),
    /// Nothing was stored, nor would be by another attempt.
    Refused(String),
    /// It may have been stored, or may still be.
    Unknown(String),
}

#[derive(Deserialize)]
struct Acknowledgement {
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

/// What a message is stored under, beside its subject.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions<'a> {
    /// The sequence of the subject's last message; 0 for none.
    pub last_of_subject: Option<u64>,
    /// The sequence of the stream's last message.
    pub last_of_stream: Option<u64>,
    /// A message with the same id is stored once.
    pub id: Option<&'a str>,
}

impl Conditions<'_> {
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(sequence) = self.last_of_subject {
            headers.insert("Nats-Expected-Last-Subject-Sequence", sequence.to_string());
        }
        if let Some(sequence) = self.last_of_stream {
            headers.insert("Nats-Expected-Last-Sequence", sequence.to_string());
        }
        if let Some(id) = self.id {
            headers.insert("Nats-Msg-Id", id);
        }
        headers
    }
}

/// Publishes one message and waits for its acknowledgement.
pub(crate) async fn publish(
    api: &Api,
    subject: String,
    conditions: Conditions<'_>,
    payload: Bytes,
) -> Published {
    let headers = conditions.headers();
    if let Err(reason) = check_size(api, "commit", &headers, &payload) {
        return Published::Refused(reason);
    }
    match api.send(subject, headers, payload).await {
        Ok(answer) => outcome(&answer.payload),
        Err(Silence::NotReceived(reason)) => Published::NotReceived(reason),
        Err(Silence::Unknown(reason)) => Published::Unknown(reason),
    }
}

/// Refuses a message that is larger than the servers accept. It has a `what`, such as a commit.
pub(crate) fn check_size(
    api: &Api,
    what: &str,
    headers: &HeaderMap,
    payload: &Bytes,
) -> Result<(), String> {
    // As it is counted on the wire: a line for each header, around them a line and an empty one.
    let lines = headers.iter().map(|(name, values)| {
        let name = name.to_string().len();
        values
            .iter()
            .map(|value| name + value.as_str().len() + 4)
            .sum::<usize>()
    });
    let size = payload.len() + lines.sum::<usize>() + "NATS/1.0\r\n\r\n".len();
    let most = api.client.max_payload();
    if size > most {
        return Err(format!(
            "the {what} has {size} bytes as a message, and the servers accept {most} (max_payload)"
        ));
    }
    Ok(())
}

/// What the answer in `payload` says about the message.
pub(crate) fn outcome(payload: &[u8]) -> Published {
    match read::<Acknowledgement>(payload) {
        Ok(Acknowledgement { seq, duplicate }) => Published::Stored {
            sequence: seq,
            is_repeat: duplicate,
        },
        Err(Failure::Silence(silence)) => Published::Unknown(silence.reason()),
        Err(Failure::Refused(error)) => match error.err_code {
            WRONG_SEQUENCE => match actual(&error.description) {
                Some(actual) => Published::OtherLast { actual },
                None => Published::InFlight,
            },
            SUBJECT_IN_FLIGHT | ID_IN_FLIGHT => Published::InFlight,
            NOT_STORED => Published::Unknown(Failure::Refused(error).reason()),
            _ if error.code == 503 => Published::NotReceived(Failure::Refused(error).reason()),
            _ => Published::Refused(Failure::Refused(error).reason()),
        },
    }
}

/// The sequence at the end of "wrong last sequence: 7".
fn actual(description: &str) -> Option<u64> {
    description.rsplit(' ').next()?.parse().ok()
}
