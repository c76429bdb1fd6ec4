//! The power goes: what was never synced is gone.
//!
//! The files lie on a small ext4 file system of their own, whose shutdown is the cut: see [`Disk`].

use crate::plan::Plan;
use crate::tracer::Fault;
use cartlog_testkit::disk::Disk;
use cartlog_testkit::load::{
    CommandRecord, LoadGenerator, assert_log_matches, assert_replays, assert_views_catch_up,
    discrepancies,
};
use cartlog_testkit::log_file::{log_path, read_intact_log, read_log};
use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::seed::Dice;

/// How the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Processor and disk at once: the process does nothing more once the disk is gone, only what
    /// the kernel had begun for it may still end well.
    AtOnce,
    /// The disk first, in the middle of whatever it does, and the process meets the errors. What is
    /// answered after the cut began counts as unanswered: a bare loop of `pwrite` and `fdatasync`
    /// shows that a sync under way then may report a success that is not on the disk.
    DiskFirst,
}

/// Cuts the power under load. The record has what was acknowledged before, and counts everything
/// that was answered later as unanswered.
async fn cut_under_load(
    disk: &Disk,
    program: ServiceProcess,
    load: LoadGenerator,
    how: Cut,
) -> CommandRecord {
    if how == Cut::AtOnce {
        program.send_signal("STOP");
    }
    let until = load.count();
    disk.cut();
    let (program, mut record) = match how {
        Cut::AtOnce => {
            program.kill();
            (None, load.end().await)
        }
        Cut::DiskFirst => (Some(program), load.end().await),
    };
    if let Some(program) = program {
        program.kill();
        let late = record.acknowledged.split_off(until);
        // In the order of sending: a cart is opened before an item is added.
        let late = late.into_iter().map(|(sent, _)| sent);
        record.unanswered.splice(..0, late);
    }
    disk.power_on();
    record
}

/// Some shoppers, who were acknowledged some commands.
async fn load_on(program: &ServiceProcess, plan: &Plan, round: u64) -> LoadGenerator {
    let mut load = LoadGenerator::start(program.address, 6, plan.round(round));
    let some = Dice(plan.seed.wrapping_add(round)).below(200);
    load.acknowledged(20 + some).await;
    load
}

/// Promise (crash): An acknowledged command survives the loss of power.
/// Fault: The file system is shut down without a flush under load, 20 times, with the processor
/// stopped or still running.
/// Control: With `durability = "process"` commands are lost:
/// [control_process_durability_loses_on_power_loss].
/// Control: So they are on a disk that lies about syncs: [control_lying_disk_loses_on_power_loss].
#[tokio::test]
#[ignore = "needs root to mount an ext4 file system and to shut it down"]
async fn acknowledged_commands_survive_power_loss() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::make(folder.path());
    let log = log_path(&disk.folder);
    let mut all = CommandRecord::default();
    let cuts = plan.times(20, 150);
    for round in 0..cuts {
        let program = ServiceProcess::serve(&disk.folder);
        let load = load_on(&program, &plan, round).await;
        let how = [Cut::AtOnce, Cut::DiskFirst][round as usize % 2];
        let mut record = cut_under_load(&disk, program, load, how).await;
        assert!(!record.unanswered.is_empty(), "the cut came under load");
        // The file as the power loss left it, before the service opens it.
        assert_log_matches(&record, &read_intact_log(&log));
        let program = ServiceProcess::serve(&disk.folder);
        assert_views_catch_up(&record, program.address).await;
        assert_replays(&mut record, program.address).await;
        assert_views_catch_up(&record, program.address).await;
        program.kill();
        all.extend(record);
    }
    assert_log_matches(&all, &read_intact_log(&log));
    println!(
        "{} commands acknowledged, {cuts} cuts",
        all.acknowledged.len()
    );
}

#[tokio::test]
#[ignore = "needs root to mount an ext4 file system and to shut it down"]
async fn control_process_durability_loses_on_power_loss() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::make(folder.path());
    let mut command = command(&disk.folder, &[]);
    command.env("CARTLOG_LOG__DURABILITY", "process");
    let program = ServiceProcess::run(command);
    let load = load_on(&program, &plan, 0).await;
    let record = cut_under_load(&disk, program, load, Cut::AtOnce).await;
    loses(&record, &disk);
}

#[tokio::test]
#[ignore = "needs root, and strace"]
async fn control_lying_disk_loses_on_power_loss() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::make(folder.path());
    let program = ServiceProcess::serve(&disk.folder);
    // From here on syncs have no effect but report success.
    let fault = Fault::inject(&program, "fsync,fdatasync", "retval=0", &[]);
    let load = load_on(&program, &plan, 1).await;
    let record = cut_under_load(&disk, program, load, Cut::AtOnce).await;
    drop(fault);
    loses(&record, &disk);
}

#[track_caller]
fn loses(record: &CommandRecord, disk: &Disk) {
    // The log is still intact.
    let log = read_log(&log_path(&disk.folder)).unwrap_or_default();
    let lost = discrepancies(record, &log).len();
    println!(
        "{lost} of {} acknowledged commands are lost",
        record.acknowledged.len()
    );
    assert!(lost > 0, "the control must lose");
}
