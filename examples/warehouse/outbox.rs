//! Sends the answers of the outbox, until cartlog has taken each. A repeated answer is harmless:
//! cartlog takes it for the same one.

use crate::event::Short;
use crate::say;
use crate::shop::{Shop, backoff};
use crate::store::{Answer, Store, Unsent, json};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use ureq::http::StatusCode;

/// Sends answers on a thread of its own.
pub fn start(store: Arc<Store>, shop: Arc<Shop>) {
    thread::spawn(move || {
        loop {
            if let Err(error) = send_next(&store, &shop) {
                say(format_args!(
                    "the warehouse's file failed: {error}; retrying in 1 s"
                ));
                thread::sleep(Duration::from_secs(1));
            }
        }
    });
}

fn send_next(store: &Store, shop: &Shop) -> rusqlite::Result<()> {
    let unsent = store.next_unsent()?;
    let order = Short(&unsent.order);
    let path = format!("/api/orders/{}/reservation", unsent.order);
    let reply = match shop.post(&path, &json(&unsent.answer)) {
        Ok(reply) => reply,
        Err(reason) => return retry(store, &unsent, &reason, Duration::ZERO),
    };
    match reply.status {
        status if status.is_success() => {
            store.sent(&unsent)?;
            let answer = name(&unsent.answer);
            say(format_args!(
                "order {order}: the shop has the answer \"{answer}\""
            ));
            Ok(())
        }
        // The order was cancelled meanwhile, or settled otherwise.
        StatusCode::CONFLICT => {
            let units = store.sent_too_late(&unsent)?;
            let problem = reply.problem();
            say(format_args!(
                "order {order}: too late, {units} units released: {problem}"
            ));
            Ok(())
        }
        StatusCode::UNAUTHORIZED => {
            let reason = format!("{} Is WAREHOUSE_TOKEN right?", reply.problem());
            retry(store, &unsent, &reason, Duration::ZERO)
        }
        _ => {
            let wait = reply.retry_after.unwrap_or_default();
            retry(store, &unsent, &reply.problem(), wait)
        }
    }
}

fn retry(store: &Store, unsent: &Unsent, reason: &str, at_least: Duration) -> rusqlite::Result<()> {
    let wait = backoff(unsent.attempts).max(at_least);
    store.retry(unsent, wait)?;
    let (order, answer) = (Short(&unsent.order), name(&unsent.answer));
    say(format_args!(
        "order {order}: the answer \"{answer}\" failed: {reason}; retrying in {:.1} s",
        wait.as_secs_f64()
    ));
    Ok(())
}

fn name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Reserved => "reserved",
        Answer::Refused { .. } => "refused",
    }
}
