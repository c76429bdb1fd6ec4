//! A load generator: connections that each send their next request when the last is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Threads that generate load.
const THREADS: usize = 2;

/// What each connection sends, in turn.
pub struct Requests(Vec<Arc<Vec<Vec<u8>>>>);

impl Requests {
    /// Deals `items` out to `connections`, a request each.
    pub fn spread<T>(connections: usize, items: &[T], request: impl Fn(&T) -> Vec<u8>) -> Requests {
        let share = (items.len() / connections).max(1);
        let own = |items: &[T]| Arc::new(items.iter().map(&request).collect());
        Requests(items.chunks(share).take(connections).map(own).collect())
    }

    /// The same requests for all `connections`.
    pub fn same(connections: usize, requests: Vec<Vec<u8>>) -> Requests {
        let requests = Arc::new(requests);
        Requests((0..connections).map(|_| requests.clone()).collect())
    }
}

/// What came of a load.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Answers of 2xx a second.
    pub rate: u64,
    /// Latencies in microseconds.
    pub p50: u32,
    pub p99: u32,
    pub longest: u32,
    /// Answers of any other kind.
    pub refused: u64,
    /// The server's processor time an answer, in microseconds: what holds on a busy machine too.
    pub processor: f64,
}

/// When a load ends.
#[derive(Clone)]
pub enum Until {
    Passed(Duration),
    /// Until this is set.
    Set(Arc<AtomicBool>),
}

pub struct Load;

impl Load {
    /// Loads `address` until it is time to end and reports.
    pub fn run(address: SocketAddr, requests: Requests, until: &Until) -> Report {
        let started = Instant::now();
        let mut shares: Vec<Vec<_>> = (0..THREADS).map(|_| Vec::new()).collect();
        for (index, requests) in requests.0.into_iter().enumerate() {
            shares[index % THREADS].push(requests);
        }
        let outcomes: Vec<(Vec<u32>, u64)> = std::thread::scope(|scope| {
            let threads: Vec<_> = shares
                .into_iter()
                .map(|share| scope.spawn(move || drive(address, share, started, until)))
                .collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .map(|outcome| outcome.expect("a load thread ends"))
                .collect()
        });
        let seconds = started.elapsed().as_secs_f64();
        let refused = outcomes.iter().map(|(_, refused)| refused).sum();
        let mut latencies: Vec<u32> = outcomes.into_iter().flat_map(|(own, _)| own).collect();
        latencies.sort_unstable();
        Report {
            rate: (latencies.len() as f64 / seconds) as u64,
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
            longest: latencies.last().copied().unwrap_or(0),
            refused,
            processor: 0.0,
        }
    }
}

fn drive(
    address: SocketAddr,
    share: Vec<Arc<Vec<Vec<u8>>>>,
    started: Instant,
    until: &Until,
) -> (Vec<u32>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let connections: Vec<_> = share
            .into_iter()
            .map(|requests| {
                tokio::task::spawn_local(connection(address, requests, started, until.clone()))
            })
            .collect();
        let mut latencies = Vec::new();
        let mut refused = 0;
        for connection in connections {
            let (own, no) = connection.await.expect("a connection ends");
            latencies.extend(own);
            refused += no;
        }
        (latencies, refused)
    })
}

async fn connection(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    started: Instant,
    until: Until,
) -> (Vec<u32>, u64) {
    let mut stream = Connection::to(address).await;
    let mut latencies = Vec::new();
    let mut refused = 0;
    for request in requests.iter().cycle() {
        let sent = Instant::now();
        let is_over = match &until {
            Until::Passed(time) => sent >= started + *time,
            Until::Set(flag) => flag.load(Ordering::Relaxed),
        };
        if is_over {
            break;
        }
        let status = stream.send(request).await;
        if (200..300).contains(&status) {
            latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        } else {
            refused += 1;
        }
    }
    (latencies, refused)
}

/// A connection that is kept open.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    pub async fn to(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address)
            .await
            .expect("the server listens");
        stream
            .set_nodelay(true)
            .expect("a socket takes its options");
        Connection {
            stream,
            buffer: vec![0; 64 * 1024],
            filled: 0,
        }
    }

    /// Sends a request and returns the answer's status once all of it is here.
    pub async fn send(&mut self, request: &[u8]) -> u16 {
        self.stream
            .write_all(request)
            .await
            .expect("the server reads");
        self.filled = 0;
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(2 * self.filled, 0);
            }
            let read = self
                .stream
                .read(&mut self.buffer[self.filled..])
                .await
                .expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            self.filled += read;
            let answer = &self.buffer[..self.filled];
            let Some(head) = find(answer, b"\r\n\r\n") else {
                continue;
            };
            if self.filled >= head + 4 + content_length(&answer[..head]) {
                return std::str::from_utf8(&answer[9..12])
                    .ok()
                    .and_then(|status| status.parse().ok())
                    .expect("an answer begins with a status line");
            }
        }
    }

    /// The last answer, head and body.
    pub fn answer(&self) -> &str {
        std::str::from_utf8(&self.buffer[..self.filled]).expect("answers are text")
    }
}

fn content_length(head: &[u8]) -> usize {
    let at = find(head, b"content-length: ").expect("answers say how long they are");
    head[at + 16..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |length, byte| length * 10 + usize::from(byte - b'0'))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Takes both measurements in turn, `rounds` times, and returns the median report of each.
pub fn paired(
    rounds: usize,
    mut own: impl FnMut() -> Report,
    mut top: impl FnMut() -> Report,
) -> (Report, Report) {
    let pairs: Vec<(Report, Report)> = (0..rounds).map(|_| (own(), top())).collect();
    let (own, top) = pairs.into_iter().unzip();
    (median(own), median(top))
}

/// The report with the median rate.
pub fn median(mut reports: Vec<Report>) -> Report {
    reports.sort_by_key(|report| report.rate);
    reports[reports.len() / 2]
}

/// The median of `values`.
pub fn middle<T: PartialOrd + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|one, other| one.partial_cmp(other).expect("figures compare"));
    values[values.len() / 2]
}

pub fn percentile(sorted: &[u32], percent: usize) -> u32 {
    match sorted {
        [] => 0,
        _ => sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)],
    }
}
