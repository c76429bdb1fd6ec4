//! Where the streams end that were met lately. Those of before are looked up again, so that the
//! memory does not grow with the log.

use std::collections::HashMap;
use uuid::Uuid;

/// How many streams are remembered.
const REMEMBERED: usize = 200_000;

/// Something about the end of each of many streams.
#[derive(Debug)]
pub struct Heads<T>(HashMap<Uuid, T>);

impl<T: Copy> Heads<T> {
    pub fn new() -> Heads<T> {
        Heads(HashMap::new())
    }

    pub fn get(&self, stream: Uuid) -> Option<T> {
        self.0.get(&stream).copied()
    }

    pub fn set(&mut self, stream: Uuid, head: T) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(stream, head);
    }
}
