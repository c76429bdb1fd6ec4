//! Whether one is the operator.

use super::headers::Header;
use super::operation::Operation;
use super::tag::Tag;
use crate::web::api::operator::{Session, SignIn};
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;
use serde_json::json;

pub fn get_session(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Service,
            "getOperator",
            "Whether one is let in as the operator",
        )
        .answers(
            StatusCode::OK,
            "What is asked for, and whether this request has it.",
        )
        .json::<Session>(r#"{ "token_required": true, "admitted": false }"#)
        .with(&[Header::CacheControl])
}

pub fn sign_in(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signInOperator", "Let this browser in as the operator")
        .text("For pages: a program sends the token with each request. The cookie proves that its holder had the token, without telling it, and lasts as long as the browser's session.")
        .body::<SignIn>(true, &json!({ "token": "what-the-configuration-says" }))
        .answers(StatusCode::NO_CONTENT, "It is let in.")
        .maybe_with(&[Header::SetCookie])
        .refuses(&[Kind::OperatorOnly])
}

pub fn sign_out(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Service,
            "signOutOperator",
            "Forget that this browser was let in",
        )
        .reads_a_body()
        .answers(StatusCode::NO_CONTENT, "It is let in no longer.")
        .with(&[Header::SetCookie])
}
