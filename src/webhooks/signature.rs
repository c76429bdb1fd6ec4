//! Signatures after Standard Webhooks 1.0: HMAC-SHA256 over id, timestamp and body.

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

/// The usual prefix of a secret in its text form.
const PREFIX: &str = "whsec_";
/// The lengths of a key that the standard allows, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that a receiver shares.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// What a text is that is no secret. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be \"whsec_\" and 24 to 64 random bytes in base64; generate one, for example by \
     `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct InvalidSecret;

impl FromStr for SigningSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<SigningSecret, InvalidSecret> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let key = BASE64_STANDARD.decode(digits).map_err(|_| InvalidSecret)?;
        if LENGTHS.contains(&key.len()) {
            Ok(SigningSecret(key))
        } else {
            Err(InvalidSecret)
        }
    }
}

impl SigningSecret {
    /// The value of `webhook-signature`. `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        let code = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        format!("v1,{code}")
    }
}

/// Without the key.
impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the specification's reference libraries.
    #[test]
    fn signature_is_that_of_the_reference_libraries() {
        let secret: SigningSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signed = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secret_has_prefix_and_length() {
        let of_length = |length| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]));
        for (text, expected) in [
            (of_length(24), true),
            (of_length(64), true),
            (of_length(23), false),
            (of_length(65), false),
            (of_length(32).replace("whsec_", ""), false),
            ("whsec_".to_owned(), false),
            ("whsec_!".to_owned(), false),
        ] {
            assert_eq!(text.parse::<SigningSecret>().is_ok(), expected, "{text}");
        }
    }
}
