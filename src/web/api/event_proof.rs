//! `/api/carts/{id}/events/{version}/proof`: the proof that an event is in the log.

use crate::log::{Hash, hashed_text};
use crate::merkle::inclusion_proof;
use crate::proof::{EventProof, SignedTreeHead};
use crate::web::api::event::read_stream;
use crate::web::api::tree::{signed_with, unreadable};
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::{CartId, PathVersion, no_query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use std::sync::Arc;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/events/{version}/proof").get(Rate::Fold, prove, describe_prove)]
}

/// The `Link` to the proof of the event that led to `version` of the cart `id`.
pub fn link(id: Uuid, version: u64) -> HeaderValue {
    let link =
        format!("</api/carts/{id}/events/{version}/proof>; rel=\"https://c2sp.org/tlog-proof\"");
    HeaderValue::try_from(link).expect("a UUID and a number make a header value")
}

async fn prove(
    request: HttpRequest,
    id: CartId,
    version: PathVersion,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    state.cart_row(id.0, CartTokenDigest::of(&request)).await?;
    let PathVersion(version) = version;
    let mut events = read_stream(&*state.log, id.0, version.0.max(2) - 1, version.0).await?;
    let event = events.pop().filter(|event| event.version == version);
    let event = event.ok_or_else(|| {
        let detail = format!("The cart has no event of version {version}.");
        Problem::new(Kind::NoSuchVersion, detail)
    })?;
    let previous = events.pop().map_or(Hash::ZERO, |event| event.hash);
    let checkpoint = covering(&state, event.position.0).await?;
    let index = event.position.0 - 1;
    let path = state
        .views
        .tree(|tree| inclusion_proof(tree, index, checkpoint.head.size))
        .map_err(unreadable)?;
    // An event that was altered since gives a proof that does not hold, as it should.
    let proof = EventProof {
        event: hashed_text(previous, &event),
        position: event.position,
        path,
        checkpoint: (*checkpoint).clone(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(proof.to_text()))
}

/// The newest checkpoint, which covers `size` events.
async fn covering(state: &AppState, size: u64) -> Result<Arc<SignedTreeHead>, Problem> {
    let newest = signed_with(state, size).await?;
    if newest.head.size >= size {
        return Ok(newest);
    }
    Err(Problem::new(
        Kind::ProofUnavailable,
        "The event is newer than the newest checkpoint. Retry in a moment.",
    )
    .retry_after(1))
}

fn describe_prove(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "proveCartEvent", "Prove an event")
        .description(
            "A file that shows, without this service, that the event is in the log that a \
             checkpoint was signed of (C2SP tlog-proof). Its extra data are the event's bytes: \
             their SHA-256 is the event's hash, which is the entry of the log's Merkle tree \
             (RFC 6962). `cartlog proof check FILE --key VKEY` checks it. A new event waits up to \
             three seconds for its checkpoint.",
        )
        .requires_cart_token()
        .responds(StatusCode::OK, "The proof.")
        .text_content("text/plain")
        .with_headers(&[Header::CacheControl])
        .problems(&[
            Kind::NoSuchVersion,
            Kind::LogNotSigned,
            Kind::ProofUnavailable,
            Kind::ViewUnavailable,
        ])
}
