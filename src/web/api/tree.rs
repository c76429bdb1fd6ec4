//! `/log`: signed checkpoints of the log, the tiles of its Merkle tree, and consistency proofs.

use crate::log::{Hash, Position};
use crate::merkle::{TileKind, TilePath, WIDTH, consistency_proof};
use crate::proof::{SignedTreeHead, SigningStatus};
use crate::views::ViewReadError;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::{no_query, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use quick_cache::sync::Cache;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits for a checkpoint, which is due within a second after each event.
const SIGNED_WITHIN: Duration = Duration::from_secs(3);

/// How many full tiles and entry bundles are kept in memory, of 8 KiB each: those of a log of
/// 256,000 events, in 16 MiB.
const TILES: usize = 2_048;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/log/checkpoint").get(Rate::Unlimited, checkpoint, describe_checkpoint),
        at("/log/key").get(Rate::Unlimited, key, describe_key),
        at("/log/proof/consistency").get(Rate::Unlimited, consistency, describe_consistency),
        at("/log/tile/{tile:.+}").get(Rate::Unlimited, tile, describe_tile),
    ]
}

/// Full tiles in memory. A tile of a signed checkpoint never changes: no checkpoint is signed that
/// contradicts an earlier one.
pub struct FullTiles(Cache<TilePath, Bytes>);

impl Default for FullTiles {
    fn default() -> FullTiles {
        FullTiles(Cache::new(TILES))
    }
}

/// The newest checkpoint, or why there is none.
pub fn signed(status: &SigningStatus) -> Result<Arc<SignedTreeHead>, Problem> {
    match status {
        SigningStatus::Signed(signed) => Ok(signed.clone()),
        SigningStatus::Starting(reason) => {
            let detail = format!("Nothing is signed yet: {reason}.");
            Err(Problem::new(Kind::ProofUnavailable, detail).retry_after(1))
        }
        SigningStatus::Refused(reason) => {
            let detail = format!("The service does not sign its log: {reason}.");
            Err(Problem::new(Kind::LogNotSigned, detail).retry_after(60))
        }
    }
}

/// The tree cannot be read.
pub fn unreadable(error: ViewReadError) -> Problem {
    let detail = "The tree over the log cannot be read at the moment.";
    Problem::new(Kind::ViewUnavailable, detail)
        .because(error)
        .retry_after(1)
}

/// The newest checkpoint once it covers `size` events, or the one after [`SIGNED_WITHIN`].
pub async fn signed_with(state: &AppState, size: u64) -> Result<Arc<SignedTreeHead>, Problem> {
    let mut status = state.proof.status.clone();
    let covers = |status: &SigningStatus| match status {
        SigningStatus::Signed(signed) => signed.head.size >= size,
        SigningStatus::Starting(_) => false,
        SigningStatus::Refused(_) => true,
    };
    // Without a signer nothing changes, and the last status tells.
    let _ = tokio::time::timeout(SIGNED_WITHIN, status.wait_for(covers)).await;
    signed(&status.borrow())
}

/// The size of the newest checkpoint, for a client that may read it and asks about `wanted` events.
/// Another node may have published what this one has in a moment.
async fn published(request: &HttpRequest, state: &AppState, wanted: u64) -> Result<u64, Problem> {
    let size = newest(request, state)?.head.size;
    if wanted <= size || state.log.replica().is_none() {
        return Ok(size);
    }
    Ok(signed_with(state, wanted).await?.head.size)
}

/// The newest checkpoint, for a client that may read it.
fn newest(request: &HttpRequest, state: &AppState) -> Result<Arc<SignedTreeHead>, Problem> {
    if !state.proof.is_public {
        state.operator.authorize(request)?;
    }
    signed(&state.proof.status.borrow())
}

async fn checkpoint(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let newest = newest(&request, &state)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type("text/plain; charset=utf-8")
        .body(newest.note.clone()))
}

fn describe_checkpoint(operation: Operation<'_>) -> Operation<'_> {
    describe_public(operation)
        .named(Tag::Proof, "getCheckpoint", "Get the newest checkpoint")
        .description(
            "Name, size and root of the log's Merkle tree, signed (C2SP tlog-checkpoint). A \
             checkpoint follows each event within a second. The service never signs two that \
             contradict each other: keep one, and ask for consistency later.",
        )
        .responds(StatusCode::OK, "A signed note.")
        .text_content("text/plain")
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogNotSigned, Kind::ProofUnavailable])
}

async fn key(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let Some(key) = &state.proof.key else {
        signed(&state.proof.status.borrow())?;
        return Err(Problem::internal("a log was signed without a key"));
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type("text/plain; charset=utf-8")
        .body(format!("{key}\n")))
}

fn describe_key(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Proof, "getVerifierKey", "Get the verifier key")
        .description(
            "The key that checkpoints are verified with (C2SP signed-note). A client that does not \
             trust this service can compare it with the key from another source.",
        )
        .responds(StatusCode::OK, "The key in one line.")
        .text_content("text/plain")
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogNotSigned, Kind::ProofUnavailable])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConsistencyQuery {
    /// Events in the older tree; 0 by default.
    #[serde(default)]
    from: u64,
    /// Events in the newer tree; by default as many as the newest checkpoint has.
    to: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct ConsistencyProof {
    from: u64,
    to: u64,
    /// As in RFC 6962, section 2.1.2.
    hashes: Vec<Hash>,
}

async fn consistency(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let ConsistencyQuery { from, to } = query(&request)?;
    let size = published(&request, &state, from.max(to.unwrap_or(0))).await?;
    let to = to.unwrap_or(size);
    if from > to || to > size {
        let detail = format!(
            "Invalid query: from must be at most to, and to at most {size}, the size of the \
             newest checkpoint."
        );
        return Err(Problem::new(Kind::InvalidQuery, detail).with("max", size));
    }
    let hashes = state
        .views
        .tree(|tree| consistency_proof(tree, from, to))
        .map_err(unreadable)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .json(ConsistencyProof { from, to, hashes }))
}

fn describe_consistency(operation: Operation<'_>) -> Operation<'_> {
    describe_public(operation)
        .named(
            Tag::Proof,
            "proveConsistency",
            "Prove that a tree extends an older one",
        )
        .description(
            "With the roots of two checkpoints, the hashes show that the newer log begins with \
             all events of the older one, in the same order and unaltered.",
        )
        .query::<ConsistencyQuery>()
        .responds(StatusCode::OK, "The proof.")
        .json::<ConsistencyProof>()
        .with_headers(&[Header::CacheControl])
        .problems(&[
            Kind::InvalidQuery,
            Kind::LogNotSigned,
            Kind::ProofUnavailable,
            Kind::ViewUnavailable,
        ])
}

async fn tile(
    request: HttpRequest,
    state: Data<AppState>,
    tiles: Data<FullTiles>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let path = request.match_info().get("tile").and_then(TilePath::parse);
    let path = path.ok_or_else(Problem::not_found)?;
    let entries_needed = path.entries().ok_or_else(Problem::not_found)?;
    if entries_needed > published(&request, &state, entries_needed).await? {
        return Err(Problem::not_found());
    }
    let read = async { read_tile(&state, path).await.map(Bytes::from) };
    let bytes = if path.width == WIDTH {
        tiles.0.get_or_insert_async(&path, read).await?
    } else {
        read.await?
    };
    let caching = HeaderValue::from_static(if state.proof.is_public {
        "public, max-age=31536000, immutable"
    } else {
        "private, max-age=31536000, immutable"
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::CONTENT_TYPE, OCTETS))
        .body(bytes))
}

/// A tile of the newest checkpoint.
async fn read_tile(state: &AppState, path: TilePath) -> Result<Vec<u8>, Problem> {
    match path.kind {
        TileKind::Tree(level) => state
            .views
            .tree(|tree| tree.tile(level.into(), path.index, path.width))
            .map_err(unreadable)?
            .ok_or_else(|| Problem::internal(format!("the tree has no tile {path}"))),
        TileKind::Entries => entries(state, path).await,
    }
}

/// The hashes of events, each preceded by its length in two bytes.
async fn entries(state: &AppState, path: TilePath) -> Result<Vec<u8>, Problem> {
    let after = Position(path.index * WIDTH);
    let hashes = state.log.read_hashes(after, path.width as usize).await?;
    let mut bytes = Vec::with_capacity(hashes.len() * 34);
    for hash in &hashes {
        bytes.extend_from_slice(&[0, 32]);
        bytes.extend_from_slice(&hash.0);
    }
    if hashes.len() as u64 == path.width {
        return Ok(bytes);
    }
    Err(Problem::internal(format!("the log ends within {path}")))
}

fn describe_tile(operation: Operation<'_>) -> Operation<'_> {
    describe_public(operation)
        .named(Tag::Proof, "getTile", "Get a tile of the tree")
        .description(
            "256 hashes of the Merkle tree, or fewer in a partial tile; below `entries/`, the \
             events' own hashes, which the leaves are hashes of (C2SP tlog-tiles, with the prefix \
             `/log`). Only tiles of the newest checkpoint exist. The path has several segments.",
        )
        .responds(StatusCode::OK, "The tile. It never changes.")
        .text_content("application/octet-stream")
        .with_headers(&[Header::CacheControl])
        .problems(&[
            Kind::NotFound,
            Kind::LogUnavailable,
            Kind::LogNotSigned,
            Kind::ProofUnavailable,
            Kind::ViewUnavailable,
        ])
}

/// Describes what `proof.public = false` restricts.
fn describe_public(operation: Operation<'_>) -> Operation<'_> {
    operation.problems(&[Kind::OperatorOnly, Kind::TooManyGuesses])
}
