//! A bounded cache of stream ends. Evicted ones are looked up again, so that memory does not grow
//! with the log.

use std::collections::HashMap;
use uuid::Uuid;

/// How many streams are cached.
const CAPACITY: usize = 200_000;

/// A value for the end of each stream.
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
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        self.0.insert(stream, head);
    }
}
