//! Requests to JetStream's API and their answers.

use super::last_error::LastError;
use async_nats::{Client, HeaderMap, Message, Request, RequestErrorKind};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time limit for one answer. The library's default would wait on a dead connection.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_millis(1_500);

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Silence {
    /// No server has received it: for example, there is no leader at the moment.
    NotReceived(String),
    /// A server may have received it.
    Unknown(String),
}

impl Silence {
    pub fn reason(self) -> String {
        match self {
            Silence::NotReceived(reason) | Silence::Unknown(reason) => reason,
        }
    }
}

/// An error that JetStream answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ApiError {
    /// As in HTTP.
    pub code: u16,
    #[serde(default)]
    pub err_code: u16,
    #[serde(default)]
    pub description: String,
}

/// Why a request to the API failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Silence(Silence),
    Refused(ApiError),
}

impl Failure {
    pub fn reason(self) -> String {
        match self {
            Failure::Silence(silence) => silence.reason(),
            Failure::Refused(error) => {
                format!(
                    "JetStream: {} (error {})",
                    error.description, error.err_code
                )
            }
        }
    }

    /// Whether the same request may succeed soon.
    pub fn is_temporary(&self) -> bool {
        match self {
            Failure::Silence(_) => true,
            Failure::Refused(error) => error.code == 503,
        }
    }

    pub fn is(&self, err_code: u16) -> bool {
        matches!(self, Failure::Refused(error) if error.err_code == err_code)
    }
}

#[derive(Deserialize)]
struct Answer {
    error: Option<ApiError>,
}

/// A client and what is needed to explain its failures.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub client: Client,
    pub last_error: LastError,
}

impl Api {
    /// Sends one message and returns the answer.
    pub async fn send(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Message, Silence> {
        use async_nats::connection::State;
        if self.client.connection_state() != State::Connected {
            return Err(Silence::NotReceived(
                "there is no connection to NATS".to_owned(),
            ));
        }
        let mut request = Request::new().payload(payload).timeout(Some(ANSWER_WITHIN));
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        // The time limit of the request does not cover its way into the client's queue.
        let asked = self.client.send_request(subject, request);
        let answer = tokio::time::timeout(2 * ANSWER_WITHIN, asked).await;
        let Ok(answer) = answer else {
            return Err(Silence::Unknown("the connection to NATS hangs".to_owned()));
        };
        answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => Silence::NotReceived(
                "no server answers: JetStream is not enabled, or the stream has no leader at the \
                 moment"
                    .to_owned(),
            ),
            RequestErrorKind::TimedOut => Silence::Unknown(
                self.last_error
                    .explain(format!("no answer from NATS within {ANSWER_WITHIN:?}")),
            ),
            RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                Silence::NotReceived(error.to_string())
            }
            RequestErrorKind::Other => Silence::Unknown(error.to_string()),
        })
    }

    /// Asks the API for `subject`, without the `$JS.API.` before it.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        subject: &str,
        request: &impl Serialize,
    ) -> Result<T, Failure> {
        let payload = serde_json::to_vec(request).expect("requests are plain data");
        let answer = self
            .send(
                format!("$JS.API.{subject}"),
                HeaderMap::new(),
                payload.into(),
            )
            .await
            .map_err(Failure::Silence)?;
        read(&answer.payload)
    }
}

/// The answer in `payload`, or the error in it.
pub(crate) fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Failure> {
    let unreadable = |error: serde_json::Error| {
        Failure::Silence(Silence::Unknown(format!(
            "unexpected answer from NATS: {error}"
        )))
    };
    let answer: Answer = serde_json::from_slice(payload).map_err(unreadable)?;
    match answer.error {
        Some(error) => Err(Failure::Refused(error)),
        None => serde_json::from_slice(payload).map_err(unreadable),
    }
}
