//! `kill -9` at any moment.

use crate::plan::Plan;
use cartlog_testkit::load::{
    CommandRecord, CommandReply, LoadGenerator, assert_log_matches, assert_replays,
    assert_views_catch_up, discrepancies,
};
use cartlog_testkit::log_file::{log_path, read_intact_log, read_log};
use cartlog_testkit::process::{ServiceProcess, command};
use rusqlite::Connection;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Promise (crash): An acknowledged command is in the log exactly once, and a retry under its key
/// gets the first response.
/// Fault: `kill -9` at 40 random moments under load, 40 idle ones, and during the start
/// Control: A forged acknowledgement, a lost and a doubled commit are noticed:
/// [control_forged_lost_and_doubled_commits_are_noticed].
/// Control: A stale view and another response than the first are noticed:
/// [control_stale_view_and_changed_replay_are_noticed].
/// Control: An altered event is noticed: [control_altered_event_breaks_the_chain].
#[tokio::test]
async fn acknowledged_commands_survive_kills() {
    let plan = Plan::new();
    let kills = plan.times(40, 400);
    let folder = tempfile::tempdir().unwrap();
    let mut dice = plan.dice();
    let mut records = Vec::new();
    for round in 0..kills {
        let program = ServiceProcess::serve(folder.path());
        let mut load = LoadGenerator::start(program.address, 6, plan.round(round));
        load.acknowledged(1 + dice.below(120)).await;
        // The delay is random too, because an acknowledgement is at a fixed point of the writer's
        // loop.
        tokio::time::sleep(Duration::from_micros(dice.below(3_000) as u64)).await;
        program.kill();
        let mut record = load.end().await;
        assert!(!record.unanswered.is_empty(), "the kill came under load");

        assert_log_matches(&record, &read_intact_log(&log_path(folder.path())));
        if dice.below(3) == 0 {
            kill_as_it_starts(folder.path(), Duration::from_millis(dice.below(40) as u64));
        }
        let program = ServiceProcess::serve(folder.path());
        assert_views_catch_up(&record, program.address).await;
        assert_replays(&mut record, program.address).await;
        assert_views_catch_up(&record, program.address).await;
        // Killed again while idle: no command is in flight that could be lost.
        program.kill();
        records.push(record);
    }
    let log = read_intact_log(&log_path(folder.path()));
    let mut acknowledged = 0;
    for record in &records {
        assert_log_matches(record, &log);
        acknowledged += record.acknowledged.len();
    }
    println!("{acknowledged} commands acknowledged, {kills} kills under load and as many idle");
    assert!(acknowledged as u64 > 20 * kills);
}

/// Kills the program `after` so long into its start, when it moves what the last one left.
fn kill_as_it_starts(folder: &Path, after: Duration) {
    let mut child = command(folder, &["serve"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn control_forged_lost_and_doubled_commits_are_noticed() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let mut load = LoadGenerator::start(program.address, 4, plan.round(0));
    load.acknowledged(100).await;
    program.kill();
    let record = load.end().await;
    let path = log_path(folder.path());
    let log = read_intact_log(&path);
    assert_log_matches(&record, &log);

    let (sent, answered) = record.acknowledged[50].clone();
    let forged = |change: &dyn Fn(&mut CommandRecord)| {
        let mut record = record.clone();
        change(&mut record);
        discrepancies(&record, &log).len()
    };
    let never_sent = |record: &mut CommandRecord| {
        let mut sent = sent.clone();
        sent.key = "never sent".into();
        record.acknowledged.push((sent, answered.clone()));
    };
    assert_eq!(forged(&never_sent), 1);
    let another_version = |record: &mut CommandRecord| {
        let answered = CommandReply {
            version: answered.version + 1,
            ..answered.clone()
        };
        record.acknowledged[50] = (sent.clone(), answered);
    };
    assert_eq!(forged(&another_version), 1);

    let last = log.iter().rev().find(|event| event.key.is_some()).unwrap();
    let mut doubled = log.to_vec();
    let mut again = last.clone();
    again.version += 1;
    again.command_id = "another".into();
    doubled.push(again);
    assert_eq!(discrepancies(&record, &log.with(doubled)).len(), 1);

    // One event fewer in the file itself, as if its commit had been lost.
    let acknowledged = record.acknowledged.last().unwrap();
    let file = Connection::open(&path).unwrap();
    file.execute_batch("DROP TRIGGER log_refuses_delete")
        .unwrap();
    file.execute(
        "DELETE FROM log WHERE json_extract(metadata, '$.key') = ?1",
        [log.digest_of(&acknowledged.0.key)],
    )
    .unwrap();
    drop(file);
    match read_log(&path) {
        Ok(log) => assert!(!discrepancies(&record, &log).is_empty()),
        Err(finding) => assert!(finding.contains("gap"), "{finding}"),
    }
}

/// Whether `check` fails, as a test does.
async fn fails(check: impl Future<Output = ()> + Send + 'static) -> bool {
    let checked = tokio::spawn(check).await;
    checked.is_err_and(|error| error.is_panic())
}

#[tokio::test]
async fn control_stale_view_and_changed_replay_are_noticed() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let address = program.address;
    let mut load = LoadGenerator::start(address, 4, plan.round(0));
    load.acknowledged(100).await;
    let mut record = load.stop().await;
    assert_views_catch_up(&record, address).await;
    assert_replays(&mut record, address).await;
    let forged = |change: &dyn Fn(&mut CommandReply)| {
        let mut record = record.clone();
        change(&mut record.acknowledged.last_mut().unwrap().1);
        record
    };

    // As if a view had missed the last event of a cart: its events end before the acknowledged
    // version.
    let behind = forged(&|answered| answered.version = 100_000);
    assert!(fails(async move { assert_views_catch_up(&behind, address).await }).await);
    let changes: [&dyn Fn(&mut CommandReply); 3] = [
        &|answered| answered.version += 1,
        &|answered| answered.status += 1,
        &|answered| answered.body["total"] = 0.into(),
    ];
    for change in changes {
        let mut record = forged(change);
        assert!(fails(async move { assert_replays(&mut record, address).await }).await);
    }
    // Executed a second time under another key, it is another command.
    let mut record = record.clone();
    record.acknowledged.last_mut().unwrap().0.key += "0";
    assert!(fails(async move { assert_replays(&mut record, address).await }).await);
}

#[tokio::test]
async fn control_altered_event_breaks_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let mut load = LoadGenerator::start(program.address, 4, Plan::new().round(0));
    load.acknowledged(20).await;
    program.kill();
    load.end().await;
    let path = log_path(folder.path());
    read_intact_log(&path);
    let file = Connection::open(&path).unwrap();
    file.execute_batch(
        "DROP TRIGGER log_refuses_update;
         UPDATE log SET data = replace(data, '\"quantity\":1', '\"quantity\":2')
         WHERE position = 2",
    )
    .unwrap();
    let finding = read_log(&path).unwrap_err();
    assert!(finding.contains("breaks the chain"), "{finding}");
}

/// Promise (views): Views that were deleted between two processes are rebuilt, also after a kill.
/// Fault: Their files are deleted after a `kill -9` under load.
/// Control: A stale view is noticed: [control_stale_view_and_changed_replay_are_noticed].
#[tokio::test]
async fn views_deleted_after_a_kill_are_rebuilt() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let mut load = LoadGenerator::start(program.address, 4, plan.round(1));
    load.acknowledged(100).await;
    program.kill();
    let mut record = load.end().await;
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(folder.path().join(format!("data/views.db{suffix}"))).unwrap();
    }
    let program = ServiceProcess::serve(folder.path());
    assert_views_catch_up(&record, program.address).await;
    assert_replays(&mut record, program.address).await;
}
