//! A new generation takes the place of the one that serves, while the log goes on.

use super::{BATCH, Updater};
use crate::history::HistoryError;
use crate::timestamp::Timestamp;
use crate::views::generation::{Generation, Successor};
use crate::views::trouble::UpdateError;
use tokio::sync::oneshot;

/// A generation that is to serve from now on, and where to tell whether it does.
pub(in crate::views) struct Handover {
    pub successor: Successor,
    pub done: oneshot::Sender<Result<(), String>>,
}

impl Updater {
    /// Lets a new generation serve in place of this one, once it has seen as much: what readers
    /// have seen, they go on seeing.
    pub(super) async fn take_over(&mut self, handover: Handover) -> Result<(), UpdateError> {
        let Handover {
            mut successor,
            done,
        } = handover;
        match self.finish().await {
            // What could not be written waits, and the new generation has it.
            Ok(()) | Err(UpdateError::Views(_) | UpdateError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        let taken = match self.level(&mut successor.generation).await {
            Ok(()) => {
                let next = self.progress.borrow().generation + 1;
                let served = successor.serve(&self.guard, next);
                served.map_err(|error| error.to_string())
            }
            Err(error @ (UpdateError::Views(_) | UpdateError::Damaged(_))) => {
                Err(error.to_string())
            }
            Err(error) => return Err(error),
        };
        let taken = taken.map(|generation| {
            let (store, folding) = generation.into_parts();
            let position = store.position;
            let before = self.writer.replace(store);
            self.folding = folding;
            self.set_trouble(None);
            self.progress.send_modify(|progress| {
                progress.generation += 1;
                progress.position = position;
                progress.at = Timestamp::now();
            });
            self.newest.forget();
            before
        });
        let (told, before) = match taken {
            Ok(before) => (Ok(()), before),
            Err(reason) => (Err(reason), None),
        };
        // Whoever does not wait for it any more will see it in the progress.
        let _ = done.send(told);
        // To close it may take a moment, for which nobody need wait.
        drop(before);
        Ok(())
    }

    /// Brings `next` to where the views are that serve, with all that they have shown and nothing
    /// else: what it had seen and they had not would never be shown, and the row from before, which
    /// is still shown, would stand in front of the one in the tables.
    async fn level(&self, next: &mut Generation) -> Result<(), UpdateError> {
        let shown = self.folding.taken();
        while next.position() < shown {
            let events = self.log.read_all(next.position(), BATCH).await;
            let mut events = events.map_err(HistoryError::from)?;
            events.truncate(events.partition_point(|event| event.position <= shown));
            if events.is_empty() {
                return Ok(());
            }
            next.apply(&*self.log, &events, |_| ()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
