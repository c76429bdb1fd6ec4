//! A server in a process of its own, and the carts that are opened on it.

use super::load::{Connection, Load, Report, Requests, Until};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Served {
    pub address: SocketAddr,
    process: Child,
    folder: TempDir,
}

/// A cart and what it takes to touch it.
pub struct Cart {
    id: String,
    token: String,
}

impl Served {
    /// The service in its default configuration, on files of its own.
    pub fn cartlog(settings: &[(&str, &str)]) -> Served {
        Self::cartlog_in(folder(), settings)
    }

    /// The service on the files in `folder`.
    pub fn cartlog_in(folder: TempDir, settings: &[(&str, &str)]) -> Served {
        Self::started(Path::new(env!("CARGO_BIN_EXE_cartlog")), folder, settings)
    }

    /// The service that `program` is, on files of its own.
    pub fn program(program: &Path, settings: &[(&str, &str)]) -> Served {
        Self::started(program, folder(), settings)
    }

    fn started(program: &Path, folder: TempDir, settings: &[(&str, &str)]) -> Served {
        let mut command = Command::new(program);
        command.envs(settings.iter().copied());
        Self::start(command, folder)
    }

    pub fn ceiling() -> Served {
        let this = std::env::current_exe().expect("a program knows its file");
        let mut command = Command::new(this);
        command.arg("ceiling");
        Self::start(command, folder())
    }

    fn start(mut command: Command, folder: TempDir) -> Served {
        let mut process = command
            .current_dir(folder.path())
            .env("CARTLOG_SERVER__BIND", "127.0.0.1:0")
            .env("CARTLOG_SERVER__WORKERS", "2")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("the shop     http://")?;
                rest.trim_end_matches('/').parse().ok()
            })
            .expect("the server says where it listens");
        Served {
            address,
            process,
            folder,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the view has `cart` at `version`.
    pub fn wait_for(&self, cart: &Cart, version: usize) {
        let get = cart.request("GET", &format!("?min_version={version}"), None);
        block_on(async {
            let mut connection = Connection::to(self.address).await;
            while connection.send(&get).await != 200
                || !self.views_are_current(&mut connection).await
            {}
        });
    }

    /// Whether the views have the whole log: a cart's own row may come from the log before that.
    async fn views_are_current(&self, connection: &mut Connection) -> bool {
        let get = request("GET", "/readyz", None, None);
        connection.send(&get).await == 200
    }

    /// Resident memory in MiB, as the kernel counts it.
    pub fn resident_mib(&self) -> u64 {
        resident_mib(self.process.id())
    }

    /// Loads this server for `time` and reports, with what that cost it.
    pub fn load(&self, requests: Requests, time: Duration) -> Report {
        let before = self.processor_micros();
        let report = Load::run(self.address, requests, &Until::Passed(time));
        let spent = self.processor_micros() - before;
        let answers = report.rate as f64 * time.as_secs_f64() + report.refused as f64;
        Report {
            processor: spent / answers,
            ..report
        }
    }

    /// The processor time that the process has had.
    fn processor_micros(&self) -> f64 {
        processor_micros(self.process.id())
    }

    /// The status that a GET of `path` is answered with.
    pub fn status(&self, path: &str) -> u16 {
        let get = request("GET", path, None, None);
        block_on(async { Connection::to(self.address).await.send(&get).await })
    }

    /// Opens `count` carts, over several connections.
    pub fn open_carts(&self, count: usize) -> Vec<Cart> {
        const CONNECTIONS: usize = 64;
        let address = self.address;
        let share = count.div_ceil(CONNECTIONS);
        block_on(async {
            let tasks: Vec<_> = (0..count.div_ceil(share))
                .map(|task| {
                    let own = share.min(count - task * share);
                    tokio::task::spawn_local(async move {
                        let mut connection = Connection::to(address).await;
                        let mut carts = Vec::with_capacity(own);
                        for _ in 0..own {
                            let request = request("POST", "/api/carts", None, Some("{}"));
                            let status = connection.send(&request).await;
                            assert_eq!(status, 201, "{}", connection.answer());
                            carts.push(Cart {
                                id: member(connection.answer(), "id"),
                                token: member(connection.answer(), "token"),
                            });
                        }
                        carts
                    })
                })
                .collect();
            let mut carts = Vec::with_capacity(count);
            for task in tasks {
                carts.extend(task.await.expect("carts are opened"));
            }
            carts
        })
    }

    /// A cart of about `events` events of every product, in the views.
    pub fn long_cart(&self, events: u64) -> Cart {
        let cart = self.open_carts(1).remove(0);
        let reached = block_on(async {
            let mut connection = Connection::to(self.address).await;
            let get = request("GET", "/api/products?limit=200", None, None);
            connection.send(&get).await;
            let products = connection.answer().split("\"sku\":\"").skip(1);
            let skus: Vec<String> = products
                .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
                .collect();
            let mut reached = 1;
            for number in 0.. {
                if reached == events {
                    break;
                }
                let quantity = number / skus.len() % 2 + 1;
                let body = format!(r#"{{"quantity":{quantity}}}"#);
                let path = format!("/items/{}", skus[number % skus.len()]);
                let put = cart.request("PUT", &path, Some(&body));
                let status = connection.send(&put).await;
                assert!([200, 201].contains(&status), "{}", connection.answer());
                reached = version(connection.answer());
            }
            reached
        });
        self.wait_for(&cart, usize::try_from(reached).expect("few"));
        // A query of the tables, as opposed to rows, waits until they have all events.
        block_on(async {
            let get = request("GET", "/api/insights/funnel", None, None);
            Connection::to(self.address).await.send(&get).await;
        });
        cart
    }

    /// Loads this server beside `streams` live streams of the journal, which are read.
    pub fn load_beside_streams(
        &self,
        streams: usize,
        requests: Requests,
        time: Duration,
    ) -> Report {
        let ended = AtomicBool::new(false);
        let opened = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                block_on(async {
                    let mut reading = Vec::with_capacity(streams);
                    for _ in 0..streams {
                        reading.push(read_stream(self.address).await);
                    }
                    opened.wait();
                    while !ended.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    drop(reading);
                });
            });
            opened.wait();
            let report = self.load(requests, time);
            ended.store(true, Ordering::Relaxed);
            report
        })
    }

    /// Loads this server for as long as it takes to rebuild its views, and returns the duration.
    /// The processor time of a request is not separated from that of the rebuild.
    pub fn load_beside_a_rebuild(&self, requests: Requests) -> (Report, Duration) {
        let ended = Arc::new(AtomicBool::new(false));
        let until = Until::Set(ended.clone());
        std::thread::scope(|scope| {
            let load = scope.spawn(|| Load::run(self.address, requests, &until));
            let time = block_on(self.rebuild());
            ended.store(true, Ordering::Relaxed);
            (load.join().expect("the load ends"), time)
        })
    }

    async fn rebuild(&self) -> Duration {
        const REBUILD: &str = "/api/views/rebuild";
        const LOOK: Duration = Duration::from_millis(50);
        let mut connection = Connection::to(self.address).await;
        let started = Instant::now();
        let status = connection.send(&request("POST", REBUILD, None, None)).await;
        assert_eq!(status, 202, "{}", connection.answer());
        while member(connection.answer(), "state") == "running" {
            tokio::time::sleep(LOOK).await;
            connection.send(&request("GET", REBUILD, None, None)).await;
        }
        let outcome = member(connection.answer(), "state");
        assert_eq!(outcome, "swapped", "{}", connection.answer());
        started.elapsed()
    }

    /// Ends the process and hands back its files.
    pub fn stop(mut self) -> TempDir {
        Command::new("kill")
            .arg(self.process.id().to_string())
            .status()
            .expect("kill runs");
        self.process.wait().expect("the process ends");
        std::mem::replace(&mut self.folder, folder())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already if it was stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Cart {
    pub fn known(id: String, token: String) -> Cart {
        Cart { id, token }
    }

    pub fn request(&self, method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
        let path = format!("/api/carts/{}{path}", self.id);
        request(method, &path, Some(&self.token), body)
    }

    /// A checkout at `version`, which needs an idempotency key.
    pub fn check_out(&self, version: u64, total: u64) -> Vec<u8> {
        let path = format!("/api/carts/{}/checkout", self.id);
        let (token, key) = (&self.token, &self.id);
        let token = format!("{token}\r\nIdempotency-Key: {key}\r\nIf-Match: \"{version}\"");
        let body = format!(r#"{{"expected_total":{total}}}"#);
        request("POST", &path, Some(&token), Some(&body))
    }
}

/// Resident memory of a process in MiB, as the kernel counts it.
pub fn resident_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.expect("the kernel reports the memory of a process") / 1024
}

/// How long the view of the second address takes to have a command that the first one has just
/// answered, in microseconds, again and again for `time`.
pub fn lags([writer, reader]: [SocketAddr; 2], cart: &Cart, time: Duration) -> Vec<u32> {
    let end = Instant::now() + time;
    block_on(async {
        let mut connection = Connection::to(writer).await;
        let mut reading = Connection::to(reader).await;
        let mut lags = Vec::new();
        for quantity in [1, 2].iter().cycle() {
            if Instant::now() >= end || lags.len() > 9_000 {
                break;
            }
            let body = format!(r#"{{"quantity":{quantity}}}"#);
            let put = cart.request("PUT", "/items/teapot", Some(&body));
            assert_eq!(connection.send(&put).await, 200);
            let answered = Instant::now();
            let version = version(connection.answer());
            let get = cart.request("GET", &format!("?min_version={version}"), None);
            let status = reading.send(&get).await;
            assert!([200, 503].contains(&status), "{}", reading.answer());
            lags.push(u32::try_from(answered.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        lags
    })
}

/// The processor time that this process has had.
pub fn own_processor_time() -> Duration {
    Duration::from_micros(processor_micros(std::process::id()) as u64)
}

/// The processor time that a process has had, as the kernel counts it (proc(5), stat).
fn processor_micros(process: u32) -> f64 {
    const MICROS_A_TICK: f64 = 10_000.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks * MICROS_A_TICK
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

pub fn request(method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Vec<u8> {
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let body = body.map_or("\r\n".to_owned(), |body| {
        let length = body.len();
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
    });
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{token}{body}").into_bytes()
}

/// A live stream of the journal of which all events are read.
async fn read_stream(address: SocketAddr) -> tokio::task::JoinHandle<()> {
    let head = "GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut buffer = vec![0; 64 * 1024];
    let read = stream.read(&mut buffer).await.expect("it answers");
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200"));
    tokio::task::spawn_local(async move {
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    })
}

fn member(answer: &str, name: &str) -> String {
    let (_, rest) = answer
        .split_once(&format!("\"{name}\":\""))
        .expect("the answer has the member");
    rest.split('"').next().unwrap_or_default().to_owned()
}

pub fn version(answer: &str) -> u64 {
    number(answer, "version")
}

/// The first member of that name, a number.
pub fn number(answer: &str, name: &str) -> u64 {
    let (_, rest) = (answer.split_once(&format!("\"{name}\":"))).expect("the member");
    let digits = rest.split(|it: char| !it.is_ascii_digit()).next();
    digits.unwrap_or_default().parse().expect("a number")
}

pub fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("cartlog-bench")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder is made")
}
