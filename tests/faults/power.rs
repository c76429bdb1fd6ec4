//! The power goes: what was never synced is gone.
//!
//! The files lie on a small ext4 file system of their own, and its shutdown (`EXT4_IOC_SHUTDOWN`
//! without a flush of its journal) is the cut: nothing reaches the disk any more, and mounted again
//! it holds what it held then.

use crate::plan::Plan;
use crate::tracer::Fault;
use cartlog_testkit::load::{
    CommandRecord, LoadGenerator, assert_log_matches, assert_replays, assert_views_catch_up,
    discrepancies,
};
use cartlog_testkit::log_file::{log_path, read_intact_log, read_log};
use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::seed::Dice;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own in a file, until it is dropped.
struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// Creates and mounts it below `folder`; the error is why this machine cannot.
    fn make(folder: &Path) -> Result<Disk, String> {
        let disk = Disk {
            image: folder.join("disk.img"),
            folder: folder.join("disk"),
        };
        let image = File::create(&disk.image).and_then(|image| image.set_len(64 << 20));
        image.map_err(|error| error.to_string())?;
        std::fs::create_dir(&disk.folder).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").arg("-qF").arg(&disk.image))?;
        disk.mount()?;
        // An open file of the file system, for the ioctl.
        std::fs::write(disk.handle(), "").map_err(|error| error.to_string())?;
        disk.cut()?;
        disk.power_on()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([&self.image, &self.folder]))
    }

    fn handle(&self) -> PathBuf {
        self.folder.join("handle")
    }

    /// From here on nothing is written, the journal of the file system included.
    fn cut(&self) -> Result<(), String> {
        // EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32), EXT4_GOING_FLAGS_NOLOGFLUSH is 2. In Perl,
        // which every Debian machine has, because this crate forbids unsafe code.
        let shut_down = r#"open(my $file, "<", $ARGV[0]) or die "$!\n";
            my $how = pack("I", 2);
            ioctl($file, 0x8004587d, $how) or die "EXT4_IOC_SHUTDOWN: $!\n";"#;
        run(Command::new("perl")
            .args(["-e", shut_down])
            .arg(self.handle()))
    }

    /// Mounts it again, unchanged.
    fn power_on(&self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.folder))?;
        self.mount()?;
        std::fs::write(self.handle(), "").map_err(|error| error.to_string())?;
        run(Command::new("sync").arg("-f").arg(&self.folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}", stderr.trim()))
}

/// A disk; where a machine can have none, there is nothing that could be shown, and `tests/all`
/// skips these tests.
fn disk(folder: &Path) -> Disk {
    Disk::make(folder)
        .unwrap_or_else(|reason| panic!("the power cannot be cut on this machine: {reason}"))
}

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
    disk.cut().unwrap();
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
    disk.power_on().unwrap();
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
    let disk = disk(folder.path());
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
    let disk = disk(folder.path());
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
    let disk = disk(folder.path());
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
