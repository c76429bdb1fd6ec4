//! `kill -9` at any moment.

use crate::load::{Dice, Load, compare, repeat, view_catches_up};
use crate::program::{Program, log_in, whole_log};

const KILLS: u64 = 24;

#[tokio::test]
async fn whatever_was_acknowledged_is_there_once_after_each_of_many_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(2026);
    let mut records = Vec::new();
    for round in 0..KILLS {
        let program = Program::serve(folder.path());
        let mut load = Load::start(program.address, 6, round);
        load.acknowledged(1 + dice.below(120)).await;
        program.kill();
        let mut record = load.end().await;
        assert!(!record.unanswered.is_empty(), "the kill came under load");

        compare(&record, &whole_log(&log_in(folder.path())));
        let program = Program::serve(folder.path());
        view_catches_up(&record, program.address).await;
        repeat(&mut record, program.address).await;
        view_catches_up(&record, program.address).await;
        // Killed again while it idles: there is nothing in the air that this could lose.
        program.kill();
        records.push(record);
    }
    let log = whole_log(&log_in(folder.path()));
    let mut acknowledged = 0;
    for record in &records {
        compare(record, &log);
        acknowledged += record.acknowledged.len();
    }
    assert!(acknowledged > 20 * usize::try_from(KILLS).unwrap());
}

#[tokio::test]
async fn views_that_were_deleted_after_a_kill_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path());
    let mut load = Load::start(program.address, 4, 1);
    load.acknowledged(100).await;
    program.kill();
    let mut record = load.end().await;
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(folder.path().join(format!("data/views.db{suffix}"))).unwrap();
    }
    let program = Program::serve(folder.path());
    view_catches_up(&record, program.address).await;
    repeat(&mut record, program.address).await;
}
