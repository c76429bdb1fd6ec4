//! Who may touch a cart: whoever has its token. The cart's id is public, and the token is nowhere
//! but with its holder; the log keeps its SHA-256.

use crate::cart::Cart;
use crate::web::http::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The cookie that keeps a cart's token for the shop's pages. One a cart: its path is the cart's.
const COOKIE: &str = "cart_token";
/// How long a browser keeps it, in seconds: 30 days.
const COOKIE_AGE: u32 = 30 * 24 * 60 * 60;
/// How long the secret behind keyed openings is, in bytes.
const SECRET_LENGTH: usize = 32;

/// A new cart's id and its token.
#[derive(Debug, Clone)]
pub struct Opening {
    pub id: Uuid,
    /// 64 hexadecimal digits.
    pub token: String,
}

impl Opening {
    pub fn token_hash(&self) -> [u8; 32] {
        hash(&self.token)
    }
}

/// What makes the ids and tokens of new carts.
pub struct Openings {
    secret: [u8; SECRET_LENGTH],
}

impl Openings {
    /// With the secret at `path`, which is drawn if there is none.
    pub fn with_secret_at(path: &Path) -> std::io::Result<Openings> {
        let mut secret = [0; SECRET_LENGTH];
        match OpenOptions::new().read(true).open(path) {
            Ok(file) => {
                return Ok(Openings {
                    secret: read_secret(file)?,
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        Ok(Openings { secret })
    }

    /// A cart that nobody has asked for before: a UUIDv7 and 256 random bits.
    pub fn draw(&self) -> Result<Opening, Problem> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(Problem::internal)?;
        Ok(Opening {
            id: Uuid::now_v7(),
            token: hex::encode(token),
        })
    }

    /// The cart that belongs to an idempotency key. It has to be the same each time, on every node
    /// and after a restart, so both are derived from the key and the service's secret. The id is a
    /// UUIDv8 (RFC 9562, 5.8): the time that a UUIDv7 begins with is not known the second time.
    pub fn for_key(&self, key: &str) -> Opening {
        let derive = |purpose: &[u8]| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret)
                .expect("HMAC takes a key of any length");
            mac.update(purpose);
            mac.update(key.as_bytes());
            mac.finalize().into_bytes().into()
        };
        let id = derive(b"id of the cart opened under ");
        Opening {
            id: Uuid::new_v8(*id.first_chunk().expect("SHA-256 has 32 bytes")),
            token: hex::encode(derive(b"token of the cart opened under ")),
        }
    }
}

/// The secret that is the whole of `file`. One that is longer is no better for it: whoever wrote it
/// would believe in bytes that count for nothing, so it is refused as one that is too short is.
fn read_secret(file: std::fs::File) -> std::io::Result<[u8; SECRET_LENGTH]> {
    let mut bytes = Vec::with_capacity(SECRET_LENGTH + 1);
    file.take(SECRET_LENGTH as u64 + 1)
        .read_to_end(&mut bytes)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let found = if bytes.len() > SECRET_LENGTH {
            format!("more than {SECRET_LENGTH}")
        } else {
            bytes.len().to_string()
        };
        std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!(
                "it has {found} bytes, and a secret has {SECRET_LENGTH}: put {SECRET_LENGTH} random \
                 bytes there, or take the file away to have them drawn"
            ),
        )
    })
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The token that a request brings, as its hash: what is compared and kept.
#[derive(Debug, Clone, Copy)]
pub struct Presented(Option<[u8; 32]>);

impl Presented {
    /// From `Authorization: Bearer`, or else from the shop's cookie.
    pub fn of(request: &HttpRequest) -> Presented {
        if request.headers().contains_key(header::AUTHORIZATION) {
            return Presented(bearer_digest(request));
        }
        Presented(cookie_digest(request, COOKIE))
    }

    /// Whether this is the token whose hash is `token_hash`, in constant time.
    pub fn opens(&self, token_hash: &[u8; 32]) -> bool {
        self.0
            .is_some_and(|presented| presented.ct_eq(token_hash).into())
    }

    /// Whether this token opens `cart`; nothing opens one that does not exist.
    pub fn opens_cart(&self, cart: &Cart) -> bool {
        cart.contents()
            .is_some_and(|contents| self.opens(&contents.token_hash))
    }
}

/// The digest of what the cookie `name` holds.
pub fn cookie_digest(request: &HttpRequest, name: &str) -> Option<[u8; 32]> {
    request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, token)| hash(token))
}

/// The digest of the token in `Authorization: Bearer`.
pub fn bearer_digest(request: &HttpRequest) -> Option<[u8; 32]> {
    let authorization = request.headers().get(header::AUTHORIZATION)?;
    authorization.to_str().ok().and_then(bearer).map(hash)
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start())
}

/// `Set-Cookie` for the cart's token: out of reach for scripts, for this cart's paths alone, never
/// sent along by another site.
pub fn cookie(opening: &Opening, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{COOKIE}={}; Path=/api/carts/{}; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Strict{secure}",
        opening.token, opening.id
    ))
    .expect("hexadecimal digits and a UUID make a header value")
}
