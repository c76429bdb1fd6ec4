//! The views as a whole, and the proof of them and of the log.

use super::headers::Header;
use super::operation::Operation;
use super::tag::Tag;
use crate::verify::VerifyStatus;
use crate::views::RebuildStatus;
use crate::web::api::views::ViewsDocument;
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;

pub fn list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listViews", "How far each view is")
        .text("All views move together, in one transaction, so that they never disagree.")
        .for_the_operator()
        .answers(StatusCode::OK, "The views.")
        .json::<ViewsDocument>(include_str!("examples/views.json"))
        .with(&[Header::CacheControl, Header::LogPosition])
        .refuses(&[Kind::LogUnavailable])
}

pub fn rebuild(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "rebuildViews", "Make all views anew from the log")
        .text("They are made beside those that serve, compared with them row by row, and take their place in a moment. Nothing has to wait for it.")
        .for_the_operator()
        .reads_a_body()
        .answers(StatusCode::ACCEPTED, "It has begun; `Location` says how far it is.")
        .json::<RebuildStatus>(include_str!("examples/rebuild.json"))
        .with(&[Header::CacheControl, Header::Location])
        .refuses(&[Kind::RebuildRunning])
}

pub fn rebuild_status(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Log,
            "getRebuild",
            "What the rebuild that runs, or ran last, is at",
        )
        .for_the_operator()
        .answers(StatusCode::OK, "How far it is, or what became of it.")
        .json::<RebuildStatus>(include_str!("examples/rebuild.json"))
        .with(&[Header::CacheControl])
}

pub fn verify(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "verify", "Prove the log and the views")
        .text("Each event is checked against the one before it in its stream, and each row of each view against what the events add up to. Nothing is mended, and nothing has to wait for it.")
        .for_the_operator()
        .reads_a_body()
        .answers(StatusCode::ACCEPTED, "It has begun; `Location` says how far it is.")
        .json::<VerifyStatus>(include_str!("examples/verify.json"))
        .with(&[Header::CacheControl, Header::Location])
        .refuses(&[Kind::VerifyRunning])
}

pub fn verify_status(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Log,
            "getVerification",
            "What the verification that runs, or ran last, is at",
        )
        .for_the_operator()
        .answers(StatusCode::OK, "How far it is, and what it has found.")
        .json::<VerifyStatus>(include_str!("examples/verify.json"))
        .with(&[Header::CacheControl])
}
