//! The client of a witness (C2SP, tlog-witness): one request for a cosignature.

use super::cosignature::{Cosignature, WitnessKey};
use super::note::parts;
use super::tree_head::SignedTreeHead;
use crate::log::Hash;
use crate::outbound::{Target, agent};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{StatusCode, header};

/// How long a witness has to respond.
const TIMEOUT: Duration = Duration::from_secs(5);
/// No response is longer, in bytes.
const MAX_RESPONSE: u64 = 64 * 1024;

/// A witness that is asked to cosign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSettings {
    pub key: WitnessKey,
    /// Its submission prefix, below which it has `add-checkpoint`.
    pub target: Target,
}

/// How a witness responds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Cosigned(Cosignature),
    /// It has cosigned a checkpoint of this size last, and not of the one that was named.
    LastSize(u64),
    /// What it has cosigned before is not part of this checkpoint's tree.
    Contradicts,
}

/// Asks one witness. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct WitnessClient {
    agent: Agent,
    url: String,
    key: WitnessKey,
}

impl WitnessClient {
    pub(super) fn new(settings: &WitnessSettings) -> WitnessClient {
        let prefix = settings.target.url().as_str().trim_end_matches('/');
        WitnessClient {
            agent: agent(&settings.target, TIMEOUT, 1),
            url: format!("{prefix}/add-checkpoint"),
            key: settings.key.clone(),
        }
    }

    /// Asks for a cosignature of `checkpoint`, whose tree extends the one of `old` events by
    /// `proof`. Blocks for the time limit at most. The error is for the operator.
    pub(super) fn add_checkpoint(
        &self,
        old: u64,
        proof: &[Hash],
        checkpoint: &SignedTreeHead,
    ) -> Result<Reply, String> {
        let sent = self
            .agent
            .post(&self.url)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .send(request(old, proof, &checkpoint.note));
        let mut response = sent.map_err(|error| format!("cannot be reached: {error}"))?;
        let body = response.body_mut().with_config().limit(MAX_RESPONSE);
        let body = body.read_to_string();
        let body = body.map_err(|error| format!("failed in the middle of a response: {error}"))?;
        match response.status() {
            StatusCode::OK => self.cosignature(checkpoint, &body),
            StatusCode::CONFLICT => {
                let size = body.trim_end().parse().ok();
                let size = size.ok_or("answered 409 without the size that it has cosigned")?;
                // It knows the named size, so it is the root that differs.
                if size == old {
                    return Ok(Reply::Contradicts);
                }
                Ok(Reply::LastSize(size))
            }
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Reply::Contradicts),
            StatusCode::NOT_FOUND => Err(format!(
                "answered 404: it does not know the log {}, or url is not its prefix",
                checkpoint.origin
            )),
            StatusCode::FORBIDDEN => {
                Err("answered 403: it knows another key of this log".to_owned())
            }
            status => Err(format!("answered {status}")),
        }
    }

    /// The cosignature of `checkpoint` in a response, which may have those of other keys too.
    fn cosignature(&self, checkpoint: &SignedTreeHead, lines: &str) -> Result<Reply, String> {
        let (text, _) = parts(&checkpoint.note).map_err(|error| error.to_string())?;
        let cosignature = self.key.cosignature(text, lines);
        cosignature
            .map(Reply::Cosigned)
            .map_err(|error| format!("responded without a cosignature: {error}"))
    }
}

/// The body of a request.
fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let hashes: String = proof
        .iter()
        .map(|hash| STANDARD.encode(hash.0) + "\n")
        .collect();
    format!("old {old}\n{hashes}\n{note}")
}
