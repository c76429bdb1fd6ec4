//! The engine in memory, over which the service is simulated.

use crate::contract::{Engine, Opened, every_promise, exclusive};
use cartlog_testkit::memory_log::{MemoryLog, MemoryStorage};
use uuid::Uuid;

struct Memory(MemoryStorage);

fn memory() -> Memory {
    Memory(MemoryStorage::new(Uuid::now_v7()))
}

impl Engine for Memory {
    fn open(&self) -> Result<Opened, String> {
        let log = MemoryLog::open(&self.0)?;
        let closing = log.clone();
        Ok(Opened {
            log,
            close: Box::new(move || closing.close()),
            // Every append has been acknowledged.
            ended: Box::pin(async { Ok(()) }),
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(memory())
    }
}

every_promise!(memory());
exclusive!(memory());
