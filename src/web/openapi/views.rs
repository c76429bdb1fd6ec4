//! The views as a whole, and the proof of them and of the log.

use crate::verify::VerifyStatus;
use crate::views::RebuildStatus;
use crate::web::api::views::ViewsDocument;
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;

pub fn list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listViews", "How far each view is")
        .description("All views move together, in one transaction, so that they never disagree.")
        .requires_operator()
        .responds(StatusCode::OK, "The views.")
        .json::<ViewsDocument>(include_str!("../api/examples/views.json"))
        .with_headers(&[Header::CacheControl, Header::LogPosition])
        .problems(&[Kind::LogUnavailable])
}

pub fn rebuild(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "rebuildViews", "Make all views anew from the log")
        .description("They are made beside those that serve, compared with them row by row, and take their place in a moment. Nothing has to wait for it.")
        .requires_operator()
        .reads_body()
        .responds(StatusCode::ACCEPTED, "It has begun; `Location` says how far it is.")
        .json::<RebuildStatus>(include_str!("../api/examples/rebuild.json"))
        .with_headers(&[Header::CacheControl, Header::Location])
        .problems(&[Kind::RebuildRunning])
}

pub fn rebuild_status(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Log,
            "getRebuild",
            "What the rebuild that runs, or ran last, is at",
        )
        .requires_operator()
        .responds(StatusCode::OK, "How far it is, or what became of it.")
        .json::<RebuildStatus>(include_str!("../api/examples/rebuild.json"))
        .with_headers(&[Header::CacheControl])
}

pub fn verify(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "verify", "Prove the log and the views")
        .description("Each event is checked against the one before it in its stream, and each row of each view against what the events add up to. Nothing is mended, and nothing has to wait for it.")
        .requires_operator()
        .reads_body()
        .responds(StatusCode::ACCEPTED, "It has begun; `Location` says how far it is.")
        .json::<VerifyStatus>(include_str!("../api/examples/verify.json"))
        .with_headers(&[Header::CacheControl, Header::Location])
        .problems(&[Kind::VerifyRunning])
}

pub fn verify_status(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Log,
            "getVerification",
            "What the verification that runs, or ran last, is at",
        )
        .requires_operator()
        .responds(StatusCode::OK, "How far it is, and what it has found.")
        .json::<VerifyStatus>(include_str!("../api/examples/verify.json"))
        .with_headers(&[Header::CacheControl])
}
