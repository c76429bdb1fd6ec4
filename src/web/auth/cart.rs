//! Cart credentials. A cart's id is public; its bearer token is the capability to use the cart.
//! Only the token's holder has it: the log stores its SHA-256 digest.

use super::{bearer_digest, cookie_digest, digest};
use crate::cart::Cart;
use crate::files::{create_folder_of, make_private, refuse_irregular};
use crate::web::http::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The cookie in which the shop's pages keep a cart's token; its `Path` is the cart's.
const COOKIE: &str = "cart_token";
const COOKIE_MAX_AGE_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Length in bytes of the secret from which the credentials of keyed requests are derived.
const SECRET_LENGTH: usize = 32;

/// A new cart's id and token.
#[derive(Debug, Clone)]
pub struct CartCredentials {
    pub id: Uuid,
    /// 64 hexadecimal digits.
    pub token: String,
}

impl CartCredentials {
    pub fn token_hash(&self) -> [u8; 32] {
        digest(&self.token)
    }

    /// `Set-Cookie` for the token: hidden from scripts, limited to this cart's paths, and never
    /// sent with requests from other sites.
    pub fn cookie(&self, secure: bool) -> HeaderValue {
        let CartCredentials { id, token } = self;
        let secure = if secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!(
            "{COOKIE}={token}; Path=/api/carts/{id}; Max-Age={COOKIE_MAX_AGE_SECONDS}; \
             HttpOnly; SameSite=Strict{secure}"
        ))
        .expect("hexadecimal digits and a UUID make a header value")
    }
}

/// Issues the credentials of new carts.
pub struct CredentialIssuer {
    secret: [u8; SECRET_LENGTH],
}

impl CredentialIssuer {
    /// Loads the secret from `path`; generates and stores one if the file does not exist.
    pub fn load_or_create(path: &Path) -> std::io::Result<CredentialIssuer> {
        refuse_irregular(path)?;
        let secret = match OpenOptions::new().read(true).open(path) {
            Ok(file) => {
                make_private(path);
                read_secret(file)?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create_secret(path)?,
            Err(error) => return Err(error),
        };
        Ok(CredentialIssuer { secret })
    }

    /// Random credentials: a UUIDv7 and a token of 256 bits.
    pub fn issue(&self) -> Result<CartCredentials, Problem> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(Problem::internal)?;
        Ok(CartCredentials {
            id: Uuid::now_v7(),
            token: hex::encode(token),
        })
    }

    /// The credentials for an idempotency key, derived from the key and the secret, so that a retry
    /// gets the same ones on every node and after a restart. The id is a UUIDv8 (RFC 9562, section
    /// 5.8): a retry does not know the timestamp that a UUIDv7 would begin with.
    pub fn issue_for_key(&self, key: &str) -> CartCredentials {
        let derive = |purpose: &[u8]| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret)
                .expect("HMAC takes a key of any length");
            mac.update(purpose);
            mac.update(key.as_bytes());
            mac.finalize().into_bytes().into()
        };
        let id = derive(b"id of the cart opened under ");
        CartCredentials {
            id: Uuid::new_v8(*id.first_chunk().expect("SHA-256 has 32 bytes")),
            token: hex::encode(derive(b"token of the cart opened under ")),
        }
    }
}

fn create_secret(path: &Path) -> std::io::Result<[u8; SECRET_LENGTH]> {
    let mut secret = [0; SECRET_LENGTH];
    getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
    create_folder_of(path)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    Ok(secret)
}

/// Reads the secret, which must be the whole of `file`. A longer file is rejected too: its author
/// would rely on bytes that have no effect.
fn read_secret(file: std::fs::File) -> std::io::Result<[u8; SECRET_LENGTH]> {
    let mut bytes = Vec::with_capacity(SECRET_LENGTH + 1);
    file.take(SECRET_LENGTH as u64 + 1)
        .read_to_end(&mut bytes)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let length = if bytes.len() > SECRET_LENGTH {
            format!("more than {SECRET_LENGTH}")
        } else {
            bytes.len().to_string()
        };
        std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!(
                "the file has {length} bytes, but a secret must have {SECRET_LENGTH}: write \
                 {SECRET_LENGTH} random bytes to it, or delete it to have a secret generated"
            ),
        )
    })
}

/// The SHA-256 digest of the token that a request sends, if it sends one.
#[derive(Debug, Clone, Copy)]
pub struct CartTokenDigest(Option<[u8; 32]>);

impl CartTokenDigest {
    /// The token is taken from `Authorization: Bearer`, otherwise from the cookie.
    pub fn of(request: &HttpRequest) -> CartTokenDigest {
        if request.headers().contains_key(header::AUTHORIZATION) {
            return CartTokenDigest(bearer_digest(request));
        }
        CartTokenDigest(cookie_digest(request, COOKIE))
    }

    /// Compares with a stored digest in constant time.
    pub fn matches(&self, token_hash: &[u8; 32]) -> bool {
        self.0.is_some_and(|digest| digest.ct_eq(token_hash).into())
    }

    /// Whether the request may use `cart`; false for a cart that does not exist.
    pub fn authorizes(&self, cart: &Cart) -> bool {
        cart.contents()
            .is_some_and(|contents| self.matches(&contents.token_hash))
    }
}
