//! What it takes to hand something to another thread and to get an answer, both asleep until then.

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

const SAMPLES: usize = 2_000;
/// Between two of them, as the writer waits while an answer goes out and the next command comes in.
const BETWEEN: Duration = Duration::from_micros(100);

/// The median of many, in microseconds.
pub fn median() -> u32 {
    let (ask, asked) = sync_channel::<()>(1);
    let (answer, answered) = sync_channel::<()>(1);
    let other = std::thread::spawn(
        move || {
            while asked.recv().is_ok() && answer.send(()).is_ok() {}
        },
    );
    let mut times: Vec<u32> = (0..SAMPLES)
        .map(|_| {
            std::thread::sleep(BETWEEN);
            let started = Instant::now();
            ask.send(()).expect("the other thread listens");
            answered.recv().expect("the other thread answers");
            u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
        })
        .collect();
    drop(ask);
    other.join().expect("the other thread ends");
    times.sort_unstable();
    times[times.len() / 2]
}
