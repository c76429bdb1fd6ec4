//! Ids of logs, carts, commands and orders.

use crate::timestamp::Timestamp;
use std::cell::RefCell;
use uuid::{Builder, Uuid};

/// Random bytes for one UUIDv7 (RFC 9562, 5.7: 74 bits of them are used).
const RANDOM_BYTES: usize = 10;
/// Ids per request for random bytes. One system call an id costs more than deciding a command.
const BATCH: usize = 64;

thread_local! {
    static RANDOM_POOL: RefCell<Vec<[u8; RANDOM_BYTES]>> = const { RefCell::new(Vec::new()) };
}

/// A new id: a UUIDv7 whose bits after the time are all random. Its time is 1970 if the clock is
/// set before that, where the `uuid` crate's own panics.
///
/// # Panics
///
/// If the system cannot provide random bytes.
pub fn new_id() -> Uuid {
    let random = RANDOM_POOL.with_borrow_mut(|pool| {
        if pool.is_empty() {
            let mut bytes = [0; RANDOM_BYTES * BATCH];
            getrandom::fill(&mut bytes).expect("the system has random bytes");
            let (ids, _) = bytes.as_chunks();
            pool.extend_from_slice(ids);
        }
        pool.pop().expect("the pool was just filled")
    });
    let millis = Timestamp::now().millis().max(0).unsigned_abs();
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The time that `id` begins with; `None` unless it is a UUIDv7.
pub fn time_of(id: Uuid) -> Option<Timestamp> {
    let millis = i64::try_from(id.as_u128() >> 80).ok()?;
    (id.get_version_num() == 7).then(|| Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_uuidv7_and_unique_across_threads() {
        let begun = Timestamp::now();
        let threads = [(); 4]
            .map(|()| std::thread::spawn(|| (0..1_000).map(|_| new_id()).collect::<Vec<_>>()));
        let mut seen = HashSet::new();
        for thread in threads {
            for id in thread.join().expect("ids are made") {
                assert_eq!(id.get_version_num(), 7);
                let made = time_of(id).expect("it begins with its time");
                assert!(begun <= made && made <= Timestamp::now(), "{made}");
                assert!(seen.insert(id), "{id} comes twice");
            }
        }
    }
}
