//! System calls that fail, by strace's fault injection.

use cartlog_testkit::PATIENCE;
use cartlog_testkit::process::ServiceProcess;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A fault in a running program, until it is dropped.
pub struct Fault {
    strace: Child,
}

impl Fault {
    /// Lets `calls` (names, with commas) of `program` go wrong as `how` says, in the words of
    /// strace's `inject`; only those on the file `on` where that is given.
    pub fn inject(program: &ServiceProcess, calls: &str, how: &str, on: &[&Path]) -> Fault {
        let fault = Fault::attach(&["-f"], program.id(), calls, how, on);
        fault.holds_every_thread(program);
        fault
    }

    /// The same in the thread called `name` alone.
    pub fn inject_in(
        name: &str,
        program: &ServiceProcess,
        calls: &str,
        how: &str,
        on: &[&Path],
    ) -> Fault {
        let threads = format!("/proc/{}/task", program.id());
        // A thread may end before its name is read.
        let is_called = |thread: &Path| {
            let comm = fs::read_to_string(thread.join("comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        };
        let started = Instant::now();
        // A thread sets its own name, possibly after the service has begun to serve.
        let thread = loop {
            let mut threads = fs::read_dir(&threads)
                .expect("its threads")
                .map(|thread| thread.expect("a thread").path());
            if let Some(thread) = threads.find(|thread| is_called(thread)) {
                break thread;
            }
            assert!(started.elapsed() < PATIENCE, "no thread is called {name}");
            std::thread::yield_now();
        };
        let id = thread.file_name().and_then(|id| id.to_str());
        let id = id.and_then(|id| id.parse().ok()).expect("a number");
        Fault::attach(&[], id, calls, how, on)
    }

    fn attach(options: &[&str], id: u32, calls: &str, how: &str, on: &[&Path]) -> Fault {
        let mut strace = Command::new("strace");
        strace.args(options).args(["-o", "/dev/null"]);
        what(&mut strace, calls, how, on);
        let mut strace = strace
            .args(["-p", &id.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace runs");
        let mut said = BufReader::new(strace.stderr.take().expect("what it says")).lines();
        // strace reports when it has attached to the process.
        let attached = said
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("attached"));
        assert!(attached, "strace did not attach");
        // strace prints a line for each thread, and would end if its output were closed.
        std::thread::spawn(move || said.for_each(drop));
        Fault { strace }
    }

    /// Threads are taken hold of one by one.
    fn holds_every_thread(&self, program: &ServiceProcess) {
        let tracer = format!("TracerPid:\t{}\n", self.strace.id());
        let tasks = format!("/proc/{}/task", program.id());
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let held = fs::read_dir(&tasks).expect("its threads").all(|task| {
                let status = task.expect("a thread").path().join("status");
                // A thread that has ended meanwhile needs no stopping.
                fs::read_to_string(status).map_or(true, |status| status.contains(&tracer))
            });
            if held {
                return;
            }
            std::thread::yield_now();
        }
        panic!("strace does not hold every thread");
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // SIGTERM makes strace detach; SIGKILL might leave the service stopped.
        let _ = Command::new("kill")
            .args(["-INT", &self.strace.id().to_string()])
            .status();
        let _ = self.strace.wait();
    }
}

/// A command that runs the program under strace from its start, with `calls` on the files `on`
/// going wrong.
pub fn traced(calls: &str, how: &str, on: &[&Path]) -> Command {
    let mut command = Command::new("strace");
    // -D: the program is this process's child, and strace its own.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null"]);
    what(&mut command, calls, how, on);
    command.arg(env!("CARGO_BIN_EXE_cartlog"));
    command
}

fn what(strace: &mut Command, calls: &str, how: &str, on: &[&Path]) {
    strace
        .args(["-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:{how}")]);
    for path in on {
        strace.arg("-P").arg(path);
    }
}
