//! The request headers of the contract.

use crate::commands::Condition;
use crate::log::Version;
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use std::time::Duration;

/// After the IETF draft "The Idempotency-Key HTTP Header Field".
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The longest idempotency key, in characters.
const MAX_KEY: usize = 255;
/// The longest wait for the view, in seconds.
const MAX_WAIT: u64 = 5;

/// The only value of a header; `None` if absent, an error if duplicated.
fn single<'a>(request: &'a HttpRequest, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid(name, "it is duplicated"));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(invalid(name, "it must be visible ASCII")),
    }
}

fn invalid(name: &HeaderName, reason: &str) -> Problem {
    Problem::new(Kind::InvalidHeader, format!("Invalid {name}: {reason}."))
        .with("header", name.as_str())
}

/// The idempotency key, bare or as a quoted string (RFC 8941).
pub fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let name = IDEMPOTENCY_KEY;
    let Some(text) = single(request, &name)? else {
        return Ok(None);
    };
    let key = match text.strip_prefix('"') {
        None => text.to_owned(),
        Some(rest) => unquote(rest).ok_or_else(|| invalid(&name, "its quotes do not match"))?,
    };
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(
            &name,
            "a key must have 1 to 255 visible ASCII characters",
        ));
    }
    Ok(Some(key))
}

/// The text up to the closing quote; the opening one is already stripped.
fn unquote(rest: &str) -> Option<String> {
    let mut text = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => match characters.next()? {
                escaped @ ('"' | '\\') => text.push(escaped),
                _ => return None,
            },
            character => text.push(character),
        }
    }
}

/// The versions that `If-Match` allows. A weak tag counts as well, unlike in RFC 9110: it can only
/// be a tag of this service that a compressing proxy changed, and a version is one state.
pub fn if_match(request: &HttpRequest) -> Result<Option<Condition>, Problem> {
    let tags = entity_tags(request, &header::IF_MATCH)?;
    Ok(tags.map(|tags| match tags {
        Tags::Any => Condition::Any,
        Tags::List(tags) => Condition::OneOf(tags.into_iter().filter_map(version).collect()),
    }))
}

/// Whether `If-None-Match` names the version `current`, in weak comparison.
pub fn if_none_match(request: &HttpRequest, current: u64) -> Result<bool, Problem> {
    Ok(match entity_tags(request, &header::IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::List(tags)) => tags
            .into_iter()
            .any(|tag| version(tag) == Some(Version(current))),
    })
}

/// Whether `If-None-Match` names the tag `opaque`, in weak comparison.
pub fn if_none_match_text(request: &HttpRequest, opaque: &str) -> Result<bool, Problem> {
    Ok(match entity_tags(request, &header::IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::List(tags)) => tags.contains(&opaque),
    })
}

enum Tags<'a> {
    Any,
    /// Without `W/` and quotes.
    List(Vec<&'a str>),
}

/// What compressing proxies append to an entity tag; `--gzip` is of Jetty.
const CODINGS: [&str; 5] = ["--gzip", "-gzip", "-br", "-zstd", "-deflate"];

/// The version in a tag that the service issues, with or without the coding that a proxy appended.
fn version(tag: &str) -> Option<Version> {
    let mut codings = CODINGS.iter();
    let own = codings
        .find_map(|coding| tag.strip_suffix(coding))
        .unwrap_or(tag);
    let version: u64 = own.parse().ok()?;
    (version.to_string() == own).then_some(Version(version))
}

fn entity_tags<'a>(
    request: &'a HttpRequest,
    name: &HeaderName,
) -> Result<Option<Tags<'a>>, Problem> {
    let malformed = || invalid(name, "expected quoted entity tags, such as \"7\", or *");
    let mut tags = Vec::new();
    let mut present = false;
    for value in request.headers().get_all(name) {
        present = true;
        let mut rest = value.to_str().map_err(|_| malformed())?.trim();
        if rest == "*" {
            return Ok(Some(Tags::Any));
        }
        while !rest.is_empty() {
            let quoted = rest.strip_prefix("W/").unwrap_or(rest);
            let inner = quoted.strip_prefix('"').ok_or_else(malformed)?;
            let (opaque, after) = inner.split_once('"').ok_or_else(malformed)?;
            tags.push(opaque);
            rest = after.trim_start();
            if let Some(next) = rest.strip_prefix(',') {
                rest = next.trim_start();
            } else if !rest.is_empty() {
                return Err(malformed());
            }
        }
    }
    if present && tags.is_empty() {
        return Err(malformed());
    }
    Ok(present.then_some(Tags::List(tags)))
}

/// The preferences of `Prefer` (RFC 7240); unknown ones are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferences {
    /// The longest wait for a view.
    pub wait: Duration,
    /// Whether the client prefers a response without a body.
    pub minimal: bool,
}

pub fn preferences(request: &HttpRequest) -> Preferences {
    let mut preferences = Preferences {
        wait: Duration::from_secs(1),
        minimal: false,
    };
    for value in request.headers().get_all(PREFER) {
        let Ok(text) = value.to_str() else { continue };
        for (name, value) in text.split(',').filter_map(preference) {
            if name.eq_ignore_ascii_case("wait") {
                // RFC 7240, 2: invalid preferences are ignored.
                if let Ok(seconds) = value.parse::<u64>() {
                    preferences.wait = Duration::from_secs(seconds.min(MAX_WAIT));
                }
            } else if name.eq_ignore_ascii_case("return") {
                preferences.minimal = value == "minimal";
            }
        }
    }
    preferences
}

/// A preference's name and its value, which may be quoted; parameters are ignored.
fn preference(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split(';').next()?.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

/// The UUID by which the client correlates related requests.
pub fn correlation_id(request: &HttpRequest) -> Result<Option<uuid::Uuid>, Problem> {
    let name = CORRELATION_ID;
    single(request, &name)?
        .map(|text| uuid::Uuid::try_parse(text).map_err(|_| invalid(&name, "it must be a UUID")))
        .transpose()
}
