//! A clock that jumps by hours.

use crate::disk::comes_back_whole;
use crate::plan::Plan;
use cartlog_testkit::load::{
    CommandRecord, KeyedCommand, LoadGenerator, assert_views_catch_up, http_client,
};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use cartlog_testkit::wall_clock::shift_wall_clock;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The program under a clock of its own, which is so far off as its file says.
struct Clock(PathBuf);

impl Clock {
    fn in_folder(folder: &Path) -> Clock {
        let clock = Clock(folder.join("clock"));
        clock.set_off_by("+0");
        clock
    }

    /// Such as `+3h` or `-90m`.
    fn set_off_by(&self, offset: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    fn run(&self, mut program: Command) -> ServiceProcess {
        shift_wall_clock(&mut program)
            .env("FAKETIME_TIMESTAMP_FILE", &self.0)
            .env("FAKETIME_NO_CACHE", "1");
        ServiceProcess::run(program)
    }
}

/// Promise (log): Order, versions and chain do not depend on the clock.
/// Fault: The clock jumps by up to two days in either direction under load.
/// Control: The times in the log did run backwards.
#[tokio::test]
#[ignore = "needs libfaketime"]
async fn clock_jumps_do_not_affect_order_or_chain() {
    let plan = Plan::new();
    let mut dice = plan.dice();
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::in_folder(folder.path());
    let program = clock.run(command(folder.path(), &[]));
    let mut load = LoadGenerator::start(program.address, 6, plan.round(0));
    let jumps = plan.times(12, 120);
    for jump in 1..=jumps {
        load.acknowledged(usize::try_from(40 * jump).unwrap()).await;
        let hours = dice.below(48);
        clock.set_off_by(&format!("{}{hours}h", ["+", "-"][dice.below(2)]));
    }
    load.acknowledged(usize::try_from(40 * jumps + 40).unwrap())
        .await;
    let mut record = load.stop().await;
    assert_views_catch_up(&record, program.address).await;
    program.kill();
    let log = read_intact_log(&log_path(folder.path()));
    let back = log
        .windows(2)
        .filter(|pair| pair[1].recorded_at < pair[0].recorded_at)
        .count();
    println!("{} events, the clock ran back {back} times", log.len());
    // Control: the jumps did reach the log, which [`read_intact_log`] still found in order.
    assert!(back > 0);
    comes_back_whole(folder.path(), &mut record).await;
}

/// What the service says of the cart that `opened` opened.
async fn status_of(
    program: &ServiceProcess,
    opened: &cartlog_testkit::load::CommandReply,
) -> String {
    let (id, token) = (&opened.body["id"], &opened.body["token"]);
    let url = format!(
        "http://{}/api/carts/{}",
        program.address,
        id.as_str().unwrap()
    );
    let answer = http_client()
        .get(url)
        .bearer_auth(token.as_str().unwrap())
        .send()
        .await
        .unwrap();
    let cart: serde_json::Value = answer.json().await.unwrap();
    cart["status"].as_str().unwrap().to_owned()
}

async fn open(
    program: &ServiceProcess,
    key: &str,
    record: &mut CommandRecord,
) -> cartlog_testkit::load::CommandReply {
    let sent = KeyedCommand::open_cart(key);
    let answered = sent.send(&http_client(), program.address).await.unwrap();
    assert!(answered.is_ok(), "{answered:?}");
    record.acknowledged.push((sent, answered.clone()));
    answered
}

/// Waits until the log has `count` events of expiry.
async fn expired(folder: &Path, count: usize) {
    let patience = cartlog_testkit::PATIENCE;
    let waiting = async {
        loop {
            let log = read_intact_log(&log_path(folder));
            let expired = log.iter().filter(|event| event.name == "CartExpired");
            if expired.count() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(patience, waiting)
        .await
        .expect("carts expire");
}

/// Promise (log): A cart expires by the times of its events, and never early when the clock is set
/// back.
/// Fault: The clock jumps by up to two days between starts.
/// Control: An hour later the carts expire.
#[tokio::test]
#[ignore = "needs libfaketime"]
async fn clock_set_back_expires_no_cart_early() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::in_folder(folder.path());
    let mut record = CommandRecord::default();
    let expiring = || {
        let mut command = command(folder.path(), &[]);
        command.env("CARTLOG_CARTS__EXPIRE_AFTER_MINUTES", "60");
        command
    };
    let program = clock.run(expiring());
    let first = open(&program, "first", &mut record).await;
    program.kill();

    // Half an hour later the cart is still open, and another cart is opened.
    clock.set_off_by("+30m");
    let program = clock.run(expiring());
    let later = open(&program, "later", &mut record).await;
    assert_eq!(status_of(&program, &first).await, "open");
    program.kill();

    // With the clock five hours back nothing is idle, since the last events are in the future. A
    // cart's next event is recorded no earlier than its last one.
    clock.set_off_by("-5h");
    let program = clock.run(expiring());
    let back = open(&program, "back", &mut record).await;
    let sent = KeyedCommand::add_item("back-2".into(), &first, "sencha");
    let added = sent.send(&http_client(), program.address).await.unwrap();
    assert!(added.is_ok(), "{added:?}");
    record.acknowledged.push((sent, added));
    for cart in [&first, &later, &back] {
        assert_eq!(status_of(&program, cart).await, "open");
    }
    program.kill();

    // Forward again: only the cart that was opened at -5h is idle.
    clock.set_off_by("+40m");
    let program = clock.run(expiring());
    expired(folder.path(), 1).await;
    assert_views_catch_up(&record, program.address).await;
    for cart in [&first, &later] {
        assert_eq!(status_of(&program, cart).await, "open");
    }
    let sent = KeyedCommand::add_item("too-late".into(), &back, "teapot");
    let answered = sent.send(&http_client(), program.address).await.unwrap();
    assert_eq!(answered.status, 410, "{answered:?}");
    // Control: an hour later the others expire too.
    program.kill();
    clock.set_off_by("+100m");
    let program = clock.run(expiring());
    expired(folder.path(), 3).await;
    program.kill();
    let log = read_intact_log(&log_path(folder.path()));
    cartlog_testkit::load::assert_log_matches(&record, &log);
}

/// The HTTP library's task that keeps the date of responses panics at that time, and the date
/// stands still until the service is started again.
///
/// Promise (log): A clock that is set before 1970 while the service runs ends no command.
/// Fault: It goes 60 years back, and forth again.
/// Control: A start at that time is refused: [clock_before_1970_is_one_line_of_error].
#[tokio::test]
#[ignore = "needs libfaketime"]
async fn running_service_outlasts_a_clock_before_1970() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::in_folder(folder.path());
    let program = clock.run(command(folder.path(), &[]));
    let mut record = CommandRecord::default();
    let now = open(&program, "now", &mut record).await;
    clock.set_off_by("-60y");
    let then = open(&program, "then", &mut record).await;
    for (number, cart) in [&now, &then].into_iter().enumerate() {
        let sent = KeyedCommand::add_item(format!("tea-{number}"), cart, "sencha");
        let added = sent.send(&http_client(), program.address).await.unwrap();
        assert!(added.is_ok(), "{added:?}");
        record.acknowledged.push((sent, added));
        assert_eq!(status_of(&program, cart).await, "open");
    }
    // Control: the clock was before 1970.
    let log = read_intact_log(&log_path(folder.path()));
    assert!(log.iter().any(|event| event.recorded_at.as_str() < "1970"));
    clock.set_off_by("+0");
    open(&program, "again", &mut record).await;
    assert_views_catch_up(&record, program.address).await;
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

/// Promise (log): A clock before 1970 is refused with one line of error.
/// Fault: It is in December 1969.
/// Control: A day into 1970 the log that is missing is reported instead.
#[test]
#[ignore = "needs libfaketime"]
fn clock_before_1970_is_one_line_of_error() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code) in [(&["serve"][..], 1), (&["export"], 1), (&["verify"], 2)] {
        let mut early = command(folder.path(), arguments);
        shift_wall_clock(&mut early).env("FAKETIME", "@1969-12-31 12:00:00");
        let output = run_to_exit(early);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(stderr.contains("seconds before 1970"), "{stderr}");
        if code == 2 {
            let mut control = command(folder.path(), arguments);
            shift_wall_clock(&mut control).env("FAKETIME", "@1970-01-02 00:00:00");
            let stderr = run_to_exit(control).stderr;
            assert!(String::from_utf8_lossy(&stderr).contains("no such file"));
        }
    }
}
