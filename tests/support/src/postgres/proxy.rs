//! A proxy in front of a server that cuts connections, holds them, or delays what they carry.

use crate::seed::Dice;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many pieces of at most 64 KiB are on their way in one direction of a connection at most.
const ON_THE_WAY: usize = 64;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Never.
    Never,
    /// Once in so many messages, one half of them before the server has the request, the other
    /// half before the client has the answer.
    OneIn(usize),
}

/// Forwards connections from a free loopback port to one server. Dropping it accepts no more.
pub struct Proxy {
    pub address: SocketAddr,
    rules: Arc<Rules>,
    accepting: JoinHandle<()>,
}

/// What happens to all connections.
struct Rules {
    cut: Mutex<(Cut, Dice)>,
    delay: Mutex<Duration>,
    is_held: watch::Sender<bool>,
    cuts: AtomicUsize,
}

impl Proxy {
    pub async fn start(port: u16, seed: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let rules = Arc::new(Rules {
            cut: Mutex::new((Cut::Never, Dice(seed))),
            delay: Mutex::default(),
            is_held: watch::Sender::new(false),
            cuts: AtomicUsize::new(0),
        });
        let shared = rules.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, shared.clone()));
            }
        });
        Proxy {
            address,
            rules,
            accepting,
        }
    }

    /// Changes where connections are cut from now on.
    pub fn set(&self, cut: Cut) {
        self.rules.cut.lock().expect("the rule").0 = cut;
    }

    /// Delays everything by `delay` in each direction from now on, as a longer way does.
    pub fn delay(&self, delay: Duration) {
        *self.rules.delay.lock().expect("the delay") = delay;
    }

    /// Carries nothing from now on, not even the end of a connection, as a network that is
    /// partitioned: neither side learns why the other one is silent.
    pub fn hold(&self) {
        self.rules.is_held.send_replace(true);
    }

    /// Carries what was held, and goes on.
    pub fn release(&self) {
        self.rules.is_held.send_replace(false);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.rules.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Rules {
    /// Whether the connection is cut before the next message.
    fn cuts_now(&self) -> bool {
        let mut rule = self.cut.lock().expect("the rule");
        let (cut, dice) = &mut *rule;
        let is_cut = match cut {
            Cut::OneIn(times) => dice.one_in(*times),
            Cut::Never => false,
        };
        self.cuts.fetch_add(usize::from(is_cut), Ordering::Relaxed);
        is_cut
    }

    async fn released(&self) {
        let mut held = self.is_held.subscribe();
        let released = held.wait_for(|is_held| !is_held).await;
        released.expect("the rules have the sender");
    }
}

async fn forward(client: TcpStream, port: u16, rules: Arc<Rules>) {
    rules.released().await;
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    // Otherwise the kernel adds a delay of its own.
    let immediate = client.set_nodelay(true).and(server.set_nodelay(true));
    immediate.expect("a connected socket");
    let (asked, to_client) = client.into_split();
    let (answered, to_server) = server.into_split();
    tokio::select! {
        () = carry(asked, to_server, &rules) => {}
        () = carry(answered, to_client, &rules) => {}
    }
}

/// Carries one direction until it ends or is cut.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rules: &Rules) {
    let (send, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let taking = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = from.read(&mut buffer).await {
            if length == 0 {
                break;
            }
            if rules.cuts_now() {
                return;
            }
            let due = Instant::now() + *rules.delay.lock().expect("the delay");
            if send.send((due, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
        rules.released().await;
    };
    let giving = async move {
        while let Some((due, bytes)) = on_the_way.recv().await {
            tokio::time::sleep_until(due).await;
            rules.released().await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = taking => {}
        () = giving => {}
    }
}
