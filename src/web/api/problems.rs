//! Errors of the write side, the log and the views, as problems.

use crate::cart::Refusal;
use crate::commands::CommandError;
use crate::decider::UnreadableEvent;
use crate::history::HistoryError;
use crate::log::ReadError;
use crate::orders::OrderRefusal;
use crate::views::ViewReadError;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::etag;
use actix_web::http::header;

impl<R: std::error::Error + Into<Problem>> From<CommandError<R>> for Problem {
    fn from(error: CommandError<R>) -> Problem {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::NotFound => Problem::not_found(),
            CommandError::VersionMismatch { current } => Problem::new(
                Kind::VersionMismatch,
                format!(
                    "The cart is at version {current}. Get it, then retry with \
                     If-Match: \"{current}\"."
                ),
            )
            .with("current_version", current)
            .header(header::ETAG, etag(current.0)),
            CommandError::KeyReused => Problem::new(
                Kind::KeyReused,
                "This Idempotency-Key was used for another request. Use a new key.",
            ),
            CommandError::History(error) => error.into(),
            // The log has logged the cause, once for all commands of the group.
            CommandError::NotWritten(_) => Problem::new(
                Kind::LogUnavailable,
                "The log is unavailable; nothing was changed. Retry in a moment.",
            )
            .retry_after(1),
            CommandError::Unknown(_) => Problem::new(
                Kind::OutcomeUnknown,
                "The outcome is unknown. Retry under the same Idempotency-Key.",
            )
            .retry_after(2),
            CommandError::Overloaded => Problem::new(
                Kind::Overloaded,
                "Too many commands are queued; nothing was changed. Retry in a moment.",
            )
            .retry_after(1),
        }
    }
}

impl From<OrderRefusal> for Problem {
    fn from(refusal: OrderRefusal) -> Problem {
        match refusal {
            OrderRefusal::NotPlaced => Problem::not_found(),
            OrderRefusal::Cancelled
            | OrderRefusal::AlreadyRefused
            | OrderRefusal::AlreadyReserved
            | OrderRefusal::NotAsked => Problem::new(Kind::OrderSettled, refusal.to_string()),
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
            Refusal::CurrencyMismatch {
                currency,
                cart_currency,
                ..
            } => problem(Kind::CurrencyMismatch)
                .with("currency", currency)
                .with("cart_currency", cart_currency),
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
            Refusal::NoLongerOffered { currency, notices } => {
                let notices = notices.iter().map(|notice| notice.document(currency, true));
                problem(Kind::NoLongerOffered).with("notices", notices.collect::<Vec<_>>())
            }
            Refusal::TotalChanged { total } => problem(Kind::TotalChanged).with("total", total),
            Refusal::NotIdle => problem(Kind::NotIdle),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Problem {
        match error {
            HistoryError::OtherModel { .. } => Problem::not_found(),
            HistoryError::Read(error) => Problem::new(
                Kind::LogUnavailable,
                "The log cannot be read. Retry in a moment.",
            )
            .retry_after(1)
            .because(error),
            HistoryError::Event {
                error: UnreadableEvent::Unknown { .. },
                ..
            } => Problem::new(
                Kind::LogUnavailable,
                "A newer version of the service has written what was asked for, and this node \
                 cannot read it yet. Retry in a moment.",
            )
            .retry_after(5)
            .because(error),
            HistoryError::Event { .. } | HistoryError::Metadata { .. } => Problem::internal(error),
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
                format!("The views are being built: {done} of {total} events. Retry in a moment."),
            )
            .retry_after(2);
        }
        if let ViewReadError::Damaged(damaged) = &error {
            return Problem::new(
                Kind::ViewUnavailable,
                format!("The views are being rebuilt from the log: {damaged}. Retry in a moment."),
            )
            .retry_after(2);
        }
        if let ViewReadError::Unavailable(view) = &error {
            return Problem::new(
                Kind::ViewUnavailable,
                format!(
                    "The schema of {view} has changed; it is being rebuilt. Retry in a moment."
                ),
            )
            .retry_after(2);
        }
        Problem::new(
            Kind::ViewUnavailable,
            "The view cannot be read. Retry in a moment.",
        )
        .retry_after(1)
        .because(error)
    }
}
