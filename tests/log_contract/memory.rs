//! The engine in memory, over which the service is simulated.

use crate::contract::{Engine, Opened, every_promise};
use crate::engine::{MemoryLog, Place};
use uuid::Uuid;

struct Memory(Place);

fn memory() -> Memory {
    Memory(Place::new(Uuid::now_v7()))
}

impl Engine for Memory {
    fn open(&self) -> Result<Opened, String> {
        let log = MemoryLog::open(&self.0)?;
        let closing = log.clone();
        Ok(Opened {
            log,
            close: Box::new(move || closing.close()),
            // Whatever was appended has been answered.
            ended: Box::pin(async { Ok(()) }),
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(memory())
    }
}

every_promise!(memory());
