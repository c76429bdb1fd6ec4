//! A receiver of webhooks on a real socket, which a test tells how to answer.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use serde_json::Value;

/// How the receiver answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status, with further header lines such as `retry-after: 1`.
    Status(u16, &'static str),
    /// A status, and a body of plain text.
    Text(u16, String),
    /// Nothing, for as long as the sender waits.
    Hang,
    /// Closes the connection in the middle of the head.
    Close,
    /// 200 with a length that is never reached.
    Short,
}

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Received {
    pub head: Vec<(String, String)>,
    pub body: String,
    pub at: Instant,
    pub reply: Reply,
}

/// Decides how to answer a request.
type Answering = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// A running receiver. Its threads end with the test.
pub struct WebhookReceiver {
    address: SocketAddr,
    answering: Arc<Mutex<Answering>>,
    received: Channel<Received>,
}

impl Received {
    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> &str {
        let found = self.head.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body in JSON")
    }

    /// The cart that the event is of.
    pub fn cart(&self) -> String {
        let event = self.json();
        event["partitionkey"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub fn is_accepted(&self) -> bool {
        matches!(self.reply, Reply::Status(200..=299, _) | Reply::Short)
    }
}

impl WebhookReceiver {
    /// A receiver that accepts everything.
    pub fn start() -> WebhookReceiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let accepting: Answering = Box::new(|_| Reply::Status(204, ""));
        let answering = Arc::new(Mutex::new(accepting));
        let (send, received) = channel();
        let shared = answering.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (answering, send) = (shared.clone(), send.clone());
                // The sender may close at any time.
                thread::spawn(move || serve(connection, &answering, &send));
            }
        });
        WebhookReceiver {
            address,
            answering,
            received,
        }
    }

    /// Its address without a path, which it ignores.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// From now on requests are answered as `answer` says.
    pub fn answer(&self, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *self.answering.lock().expect("no panic") = Box::new(answer);
    }

    /// From now on requests are answered by `replies` in turn, and accepted after these.
    pub fn answer_in_turn(&self, replies: &[Reply]) {
        let replies = Mutex::new(VecDeque::from(replies.to_vec()));
        self.answer(move |_| {
            let next = replies.lock().expect("no panic").pop_front();
            next.unwrap_or(Reply::Status(204, ""))
        });
    }

    /// The next request.
    pub fn next(&self) -> Received {
        let received = self.received.recv_timeout(PATIENCE);
        received.expect("a request within the time limit")
    }

    /// The next request that was accepted.
    pub fn next_accepted(&self) -> Received {
        loop {
            let received = self.next();
            if received.is_accepted() {
                return received;
            }
        }
    }

    /// What has been received by now.
    pub fn so_far(&self) -> Vec<Received> {
        self.received.try_iter().collect()
    }
}

fn serve(
    connection: TcpStream,
    answering: &Mutex<Answering>,
    send: &Sender<Received>,
) -> io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let head: Vec<(String, String)> = lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = head.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let mut received = Received {
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
            at: Instant::now(),
            reply: Reply::Hang,
        };
        received.reply = (answering.lock().expect("no panic"))(&received);
        let reply = received.reply.clone();
        // The test may have ended.
        let _ = send.send(received);
        match reply {
            Reply::Status(status, more) => {
                let more = if more.is_empty() {
                    String::new()
                } else {
                    format!("{more}\r\n")
                };
                write!(
                    writer,
                    "HTTP/1.1 {status} Status\r\n{more}content-length: 0\r\n\r\n"
                )?;
            }
            Reply::Text(status, body) => {
                let length = body.len();
                write!(
                    writer,
                    "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n\r\n{body}"
                )?;
            }
            Reply::Hang => {
                writer.set_read_timeout(Some(Duration::from_mins(1)))?;
                // Until the sender gives up.
                let _ = reader.read(&mut [0]);
                return Ok(());
            }
            Reply::Close => {
                writer.write_all(b"HTTP/1.1 20")?;
                return writer.shutdown(Shutdown::Both);
            }
            Reply::Short => {
                writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")?;
                return writer.shutdown(Shutdown::Both);
            }
        }
    }
}
