//! What the write side refuses, as problems.

use crate::cart::Refusal;
use crate::commands::CommandError;
use crate::history::HistoryError;
use crate::log::ReadError;
use crate::views::ViewReadError;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::etag;
use actix_web::http::header;

impl From<CommandError<Refusal>> for Problem {
    fn from(error: CommandError<Refusal>) -> Problem {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::NotFound => Problem::not_found(),
            CommandError::VersionMismatch { current } => Problem::new(
                Kind::VersionMismatch,
                format!("The cart is at version {current} now: look at it again, then repeat with If-Match: \"{current}\"."),
            )
            .with("current_version", current)
            .header(header::ETAG, etag(current.0)),
            CommandError::KeyReused => Problem::new(
                Kind::KeyReused,
                "This Idempotency-Key came with another request before: use a new one for a new request.",
            ),
            CommandError::History(error) => error.into(),
            // The log itself has told why, once for all commands that it could not take.
            CommandError::NotWritten(_) => Problem::new(
                Kind::LogUnavailable,
                "Nothing was changed: the log takes no events at the moment. Try again in a moment.",
            )
            .retry_after(1),
            CommandError::Unknown(_) => Problem::new(
                Kind::OutcomeUnknown,
                "It is not known whether this was carried out. Repeat it under the same Idempotency-Key to find out.",
            )
            .retry_after(2),
            CommandError::Overloaded => Problem::new(
                Kind::Overloaded,
                "Nothing was changed: too many commands are waiting. Try again in a moment.",
            )
            .retry_after(1),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let detail = refusal.to_string();
        let problem = |kind| Problem::new(kind, detail.clone());
        match refusal {
            Refusal::NotOpened => Problem::not_found(),
            Refusal::AlreadyOpened => problem(Kind::AlreadyOpen),
            Refusal::CheckedOut { order_id } => {
                problem(Kind::CartClosed).with("order_id", order_id)
            }
            Refusal::Expired => problem(Kind::CartExpired),
            Refusal::NoQuantity => problem(Kind::InvalidBody),
            Refusal::UnknownSku { sku } => problem(Kind::UnknownSku).with("sku", sku),
            Refusal::TooManyUnits { max, .. } => problem(Kind::QuantityLimit).with("max", max),
            Refusal::TooManyLines { max } => problem(Kind::LineLimit).with("max", max),
            Refusal::TotalTooLarge => problem(Kind::TotalLimit).with("max", i64::MAX),
            Refusal::TooManyEvents { max } => problem(Kind::HistoryLimit).with("max", max),
            Refusal::NoSuchLine { sku } => problem(Kind::NoSuchLine).with("sku", sku),
            Refusal::UnknownPromotion => problem(Kind::UnknownPromotion),
            Refusal::NoPromotion => problem(Kind::NoPromotion),
            Refusal::NothingToUndo => problem(Kind::NothingToUndo),
            Refusal::EmptyCart => problem(Kind::EmptyCart),
            Refusal::TotalChanged { total } => problem(Kind::TotalChanged).with("total", total),
            Refusal::NotIdle => problem(Kind::NotIdle),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Problem {
        match error {
            HistoryError::Read(error) => Problem::new(
                Kind::LogUnavailable,
                "The log cannot be read at the moment. Try again in a moment.",
            )
            .retry_after(1)
            .because(error),
            HistoryError::Event { .. } | HistoryError::Metadata(_) => Problem::internal(error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        HistoryError::from(error).into()
    }
}

impl From<ViewReadError> for Problem {
    fn from(error: ViewReadError) -> Problem {
        if let ViewReadError::Building { done, total } = error {
            return Problem::new(
                Kind::ViewUnavailable,
                format!("The views are being made from the log: {done} of {total} events are in them. Try again in a moment."),
            )
            .retry_after(2);
        }
        if let ViewReadError::Damaged(damaged) = &error {
            return Problem::new(
                Kind::ViewUnavailable,
                format!("Nothing is answered from the views now: {damaged}. They are made anew from the log. Try again in a moment."),
            )
            .retry_after(2);
        }
        if let ViewReadError::Unavailable(view) = &error {
            return Problem::new(
                Kind::ViewUnavailable,
                format!("The view {view} has another definition now and is being made anew from the log. Try again in a moment."),
            )
            .retry_after(2);
        }
        Problem::new(
            Kind::ViewUnavailable,
            "The view cannot be read at the moment. Try again in a moment.",
        )
        .retry_after(1)
        .because(error)
    }
}
