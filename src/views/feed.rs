//! Reads the log ahead: the next batch is read while one is being projected.

use crate::log::{LogReader, Position, ReadError, RecordedEvent};
use futures_util::future::{BoxFuture, FutureExt, MaybeDone, maybe_done};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

type Reading = MaybeDone<BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>>>;

/// The events of a log, in batches.
pub struct Feed {
    log: Arc<dyn LogReader>,
    batch: usize,
    reading: Reading,
}

impl Feed {
    /// The events after `after`, at most `batch` at a time.
    pub fn after(log: Arc<dyn LogReader>, after: Position, batch: usize) -> Feed {
        Feed {
            reading: read(log.clone(), after, batch),
            log,
            batch,
        }
    }

    /// The next events, none at the end of the log. Starts to read the batch after them.
    pub async fn next(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        (&mut self.reading).await;
        let events = Pin::new(&mut self.reading).take_output();
        let events = events.expect("an awaited future has its output")?;
        if let Some(last) = events.last() {
            self.reading = read(self.log.clone(), last.position, self.batch);
            // The first poll starts the read, on a thread of its own.
            let reading = &mut self.reading;
            std::future::poll_fn(|context| {
                let _ = reading.poll_unpin(context);
                Poll::Ready(())
            })
            .await;
        } else {
            self.reading = maybe_done(std::future::ready(Ok(Vec::new())).boxed());
        }
        Ok(events)
    }
}

fn read(log: Arc<dyn LogReader>, after: Position, batch: usize) -> Reading {
    maybe_done(async move { log.read_all(after, batch).await }.boxed())
}
