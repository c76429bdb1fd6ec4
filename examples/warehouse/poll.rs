//! Reads events from `GET /api/public-events`, at the warehouse's own pace.

use crate::event::Event;
use crate::shop::{Shop, backoff};
use crate::store::Store;
use crate::webhook::tell;
use crate::{Failure, say};
use std::thread;
use std::time::Duration;
use ureq::http::StatusCode;

/// The first page. Each page leads to the next by its `Link`.
const START: &str = "/api/public-events?limit=200";
/// The wait between two pages, as long as there are further ones.
const CATCHING_UP: Duration = Duration::from_millis(10);

/// Reads events for ever.
pub fn run(store: &Store, shop: &Shop, operator: Option<&str>, every: Duration) -> ! {
    say("reads events from the shop");
    let mut failures = 0;
    loop {
        let wait = match read_page(store, shop, operator) {
            Ok(is_last) => {
                failures = 0;
                if is_last {
                    every
                } else {
                    CATCHING_UP.min(every)
                }
            }
            Err(reason) => {
                let wait = backoff(failures);
                say(format_args!(
                    "{reason}; retrying in {:.1} s",
                    wait.as_secs_f64()
                ));
                failures += 1;
                wait
            }
        };
        thread::sleep(wait);
    }
}

/// Reads one page. Returns whether it was the last one for now.
fn read_page(store: &Store, shop: &Shop, operator: Option<&str>) -> Result<bool, Failure> {
    let place = store.place()?;
    let path = place.as_deref().unwrap_or(START);
    let reply = shop.get(path, operator)?;
    match reply.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => {
            return Err(format!("{} Is WAREHOUSE_OPERATOR right?", reply.problem()).into());
        }
        _ => return Err(format!("GET {path} failed: {}", reply.problem()).into()),
    }
    let events: Vec<Event> = serde_json::from_str(&reply.body)
        .map_err(|error| format!("GET {path} failed: its body has no events: {error}"))?;
    // The place moves with what the events did, so that none is lost and none counts twice.
    let next = reply
        .next
        .ok_or("a page of events must lead to the next by Link")?;
    let is_last = place.as_deref() == Some(next.as_str());
    if !is_last {
        store.receive(&events, Some(&next))?.iter().for_each(tell);
    }
    Ok(is_last)
}
