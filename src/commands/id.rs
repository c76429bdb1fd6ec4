//! The ids of commands.

use crate::timestamp::Timestamp;
use std::cell::RefCell;
use uuid::{Builder, Uuid};

/// How many random bytes a UUIDv7 is given (RFC 9562, 5.7: 74 bits of them are used).
const RANDOM: usize = 10;
/// For how many ids random bytes are drawn at once: to ask the system for each cost a command
/// more than to decide it.
const AHEAD: usize = 64;

thread_local! {
    static DRAWN: RefCell<Vec<[u8; RANDOM]>> = const { RefCell::new(Vec::new()) };
}

/// A new command's id: a UUIDv7, of which every bit behind the time is random.
///
/// # Panics
///
/// Where the system has no random bytes to give.
pub(super) fn new_command_id() -> Uuid {
    let random = DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            let mut bytes = [0; RANDOM * AHEAD];
            getrandom::fill(&mut bytes).expect("the system gives random bytes");
            let (ids, _) = bytes.as_chunks();
            drawn.extend_from_slice(ids);
        }
        drawn.pop().expect("some were drawn")
    });
    let millis = Timestamp::now().millis().unsigned_abs();
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_version_7_and_all_different_on_every_thread() {
        let threads = [(); 4].map(|()| {
            std::thread::spawn(|| (0..1_000).map(|_| new_command_id()).collect::<Vec<_>>())
        });
        let mut seen = HashSet::new();
        for thread in threads {
            for id in thread.join().expect("ids are made") {
                assert_eq!(id.get_version_num(), 7);
                assert!(seen.insert(id), "{id} comes twice");
            }
        }
    }
}
