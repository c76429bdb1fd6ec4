//! Signatures of webhooks, after Standard Webhooks (<https://www.standardwebhooks.com>). A program
//! of your own uses one of its libraries; this file shows how little there is to it.

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the sender's clock may be off. An older request may be a recorded one.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The secret that the warehouse shares with cartlog.
pub struct Secret(Vec<u8>);

/// Why a request is not taken for one of cartlog's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    #[error("webhook-timestamp must be seconds since 1970 within five minutes of {now}")]
    Timestamp { now: u64 },
    #[error("no signature in webhook-signature is right: do both sides have the same secret?")]
    Signature,
}

impl Secret {
    /// Parses `whsec_` and the key in base64.
    pub fn parse(text: &str) -> Result<Secret, &'static str> {
        let key = text.strip_prefix("whsec_");
        let key = key.and_then(|key| BASE64_STANDARD.decode(key).ok());
        match key {
            Some(key) if !key.is_empty() => Ok(Secret(key)),
            _ => Err("WAREHOUSE_SECRET must be whsec_ and a key in base64"),
        }
    }

    /// Checks that the holder of the secret signed `body` under `id`, a moment ago.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
    ) -> Result<(), Forged> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let is_recent = |sent: u64| now.abs_diff(sent) <= TOLERANCE.as_secs();
        if !timestamp.parse().is_ok_and(is_recent) {
            return Err(Forged::Timestamp { now });
        }
        // While a secret is replaced, requests have a signature for each.
        let mut signatures = signatures
            .split(' ')
            .filter_map(|text| text.strip_prefix("v1,"));
        let is_right = |text: &str| {
            let signature = BASE64_STANDARD.decode(text).unwrap_or_default();
            // Takes the same time wherever the first difference is.
            self.sum(id, timestamp, body)
                .verify_slice(&signature)
                .is_ok()
        };
        if signatures.any(is_right) {
            Ok(())
        } else {
            Err(Forged::Signature)
        }
    }

    fn sum(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut sum =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in [id.as_bytes(), timestamp.as_bytes()] {
            sum.update(part);
            sum.update(b".");
        }
        sum.update(body);
        sum
    }
}
