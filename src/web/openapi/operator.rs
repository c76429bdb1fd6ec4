//! Whether one is the operator.

use crate::web::api::operator::{Session, SignIn};
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;
use serde_json::json;

pub fn get_session(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Service,
            "getOperator",
            "Whether one is let in as the operator",
        )
        .responds(
            StatusCode::OK,
            "What is asked for, and whether this request has it.",
        )
        .json::<Session>(r#"{ "token_required": true, "admitted": false }"#)
        .with_headers(&[Header::CacheControl])
}

pub fn sign_in(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signInOperator", "Let this browser in as the operator")
        .description("For pages: a program sends the token with each request. The cookie proves that its holder had the token, without telling it, and lasts as long as the browser's session.")
        .body::<SignIn>(true, &json!({ "token": "what-the-configuration-says" }))
        .responds(StatusCode::NO_CONTENT, "It is let in.")
        .may_have_headers(&[Header::SetCookie])
        .problems(&[Kind::OperatorOnly])
}

pub fn sign_out(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Service,
            "signOutOperator",
            "Forget that this browser was let in",
        )
        .reads_body()
        .responds(StatusCode::NO_CONTENT, "It is let in no longer.")
        .with_headers(&[Header::SetCookie])
}
