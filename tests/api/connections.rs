//! How long a client may take, on a new connection and on one that was used before, and how many
//! connections it may have.

use cartlog_testkit::{TestApp, read_answer};
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
const CHUNKED: &str = "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
const OPEN: &str = "POST /api/carts HTTP/1.1\r\nHost: localhost\r\n";
/// A connection that is not closed in this time has no deadline.
const FOREVER: Duration = Duration::from_secs(13);

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.address()).await.expect("connects")
}

/// A connection on which one request was answered already.
async fn used(app: &TestApp) -> TcpStream {
    let mut stream = connect(app).await;
    stream.write_all(LIVE.as_bytes()).await.expect("a request");
    assert_eq!(read_answer(&mut stream).await.status, 200);
    stream
}

/// Health checks of HTTP/1.0 are the default of HAProxy. The heads of responses are recycled, and
/// the version in one ended the connection of another client after its first request.
///
/// Contract (requests): A request of HTTP/1.0 ends no other connection.
#[tokio::test]
async fn http_1_0_probe_ends_no_other_connection() {
    let app = TestApp::start();
    for _ in 0..8 {
        app.raw(b"GET /livez HTTP/1.0\r\n\r\n").await.expect(200);
        let mut stream = used(&app).await;
        stream.write_all(LIVE.as_bytes()).await.expect("a request");
        let second = timeout(FOREVER, read_answer(&mut stream)).await;
        assert_eq!(second.expect("a second response").status, 200);
    }
}

/// What a slow client saw.
struct Seen {
    answers: String,
    time: Duration,
}

impl Seen {
    /// The statuses of the responses.
    fn statuses(&self) -> Vec<&str> {
        let heads = self.answers.split("HTTP/1.1 ").skip(1);
        heads.map(|head| &head[..3]).collect()
    }
}

/// Sends `first`, and `again` every quarter of a second, until the service closes the connection.
async fn trickle(stream: TcpStream, first: &str, again: &str) -> Seen {
    let started = Instant::now();
    let (mut reader, mut writer) = stream.into_split();
    let mut seen = Vec::new();
    let reading = async {
        // A reset ends it as well.
        let _ = reader.read_to_end(&mut seen).await;
    };
    let writing = async {
        // The service may have closed the connection.
        let _ = writer.write_all(first.as_bytes()).await;
        loop {
            sleep(Duration::from_millis(250)).await;
            let _ = writer.write_all(again.as_bytes()).await;
        }
    };
    let ended = timeout(FOREVER, async {
        tokio::select! {
            () = reading => (),
            () = writing => (),
        }
    });
    let ended = ended.await;
    let answers = String::from_utf8(seen).expect("text");
    assert!(ended.is_ok(), "still open: {first:?} {again:?} {answers}");
    Seen {
        answers,
        time: started.elapsed(),
    }
}

/// What a client sends slowly, and the statuses that it gets: the heads, then bodies that no
/// handler reads or waits for.
const SLOW: [(&str, &str, &str, &[&str]); 11] = [
    (
        "half a head behind a request",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /li",
        "",
        &["200", "408"],
    ),
    (
        "half a head behind a body",
        "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n{}GET /li",
        "",
        &["201", "408"],
    ),
    ("half a line", "GET /li", "", &["408"]),
    (
        "header by header",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n",
        "X-A: a\r\n",
        &["408"],
    ),
    ("byte by byte", "GET /", "a", &["408"]),
    ("line feeds", "\r\n", "\r\n", &["408"]),
    (
        "an unread body",
        "GET /livez HTTP/1.1\r\n{chunked}",
        "1\r\na\r\n",
        &["200", "408"],
    ),
    (
        "an extension",
        "GET /livez HTTP/1.1\r\n{chunked}1;",
        "a",
        &["200", "408"],
    ),
    (
        "trailers",
        "GET /livez HTTP/1.1\r\n{chunked}0\r\n",
        "X-A: a\r\n",
        &["200", "408"],
    ),
    (
        "no end of a body",
        "GET /livez HTTP/1.1\r\n{chunked}",
        "",
        &["200"],
    ),
    (
        "an unread length",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n",
        "a",
        &["200"],
    ),
];

/// Contract (requests): Every head and every request has a deadline, also on a connection that was
/// used before.
#[tokio::test]
async fn slow_request_on_any_connection_is_ended() {
    let app = TestApp::start();
    let cases = SLOW.iter().flat_map(|slow| [(slow, false), (slow, true)]);
    let tried = cases.map(|((case, first, again, statuses), is_used)| {
        let app = &app;
        async move {
            let stream = if is_used {
                used(app).await
            } else {
                connect(app).await
            };
            let first = first.replace("{chunked}", CHUNKED);
            let seen = trickle(stream, &first, again).await;
            let case = format!("{case}, used: {is_used}: {} {:?}", seen.answers, seen.time);
            assert_eq!(seen.statuses(), *statuses, "{case}");
            assert!(seen.time < Duration::from_secs(8), "{case}");
        }
    });
    join_all(tried).await;
}

/// A closing response was sent, and the client goes on with its body.
///
/// Contract (requests): A closing response ends the connection within a second, whatever follows.
#[tokio::test]
async fn closing_timeout_ends_despite_more_of_the_body() {
    let app = TestApp::start();
    let head = format!("{OPEN}Content-Type: application/json\r\n");
    let tried = [
        ("", "1\r\n \r\n"),
        ("1;", "extension"),
        ("0\r\n", "X-A: a\r\n"),
        ("", ""),
    ]
    .into_iter()
    .flat_map(|case| [(case, false), (case, true)])
    .map(|((first, again), is_used)| {
        let (app, head) = (&app, &head);
        async move {
            let stream = if is_used {
                used(app).await
            } else {
                connect(app).await
            };
            let first = format!("{head}Transfer-Encoding: chunked\r\n\r\n{first}");
            let seen = trickle(stream, &first, again).await;
            assert_eq!(seen.statuses(), ["408"], "{again:?}: {}", seen.answers);
            assert!(seen.answers.contains("/problems/body-timeout"), "{again:?}");
            let (least, most) = (Duration::from_secs(5), Duration::from_secs(8));
            assert!(
                (least..most).contains(&seen.time),
                "{again:?} {:?}",
                seen.time
            );
        }
    });
    join_all(tried).await;
    assert_eq!(app.log_head(), 0);
}

/// A client that always has more to send is never waited for, and must not be read for ever.
#[tokio::test]
async fn endless_unread_body_is_ended() {
    let app = TestApp::start();
    let (mut reader, mut writer) = used(&app).await.into_split();
    let head = format!("GET /livez HTTP/1.1\r\n{CHUNKED}");
    writer.write_all(head.as_bytes()).await.expect("a head");
    let chunk = format!("fff0\r\n{}\r\n", "a".repeat(0xfff0));
    let flood = async { while writer.write_all(chunk.as_bytes()).await.is_ok() {} };
    let read = async {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
    };
    timeout(FOREVER, futures_util::future::join(flood, read))
        .await
        .expect("the end of the connection");
}

/// Contract (requests): An idle connection is kept, and a request that takes its time is answered.
#[tokio::test]
async fn idle_connection_and_slow_response_outlast_the_deadline() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let mut idle = used(&app).await;
    let mut waiting = used(&app).await;
    let ask = format!(
        "GET /api/carts/{}?min_version=9 HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=5\r\n\
         Authorization: Bearer {}\r\n\r\n",
        cart.id, cart.token
    );
    // With a wait of 5 s before it, it ends after the deadline of a head that begins now.
    waiting.write_all(b"\r\n").await.expect("a line feed");
    sleep(Duration::from_secs(2)).await;
    waiting.write_all(ask.as_bytes()).await.expect("a request");
    assert_eq!(read_answer(&mut waiting).await.status, 503);
    for stream in [&mut idle, &mut waiting] {
        stream.write_all(LIVE.as_bytes()).await.expect("a request");
        assert_eq!(read_answer(stream).await.status, 200);
    }
}

/// Sends `requests` in one packet, and returns the responses up to the end of the connection.
async fn at_once(app: &TestApp, requests: &str) -> Seen {
    trickle(connect(app).await, requests, "").await
}

/// Contract (requests): A request behind one that closes the connection is not executed.
#[tokio::test]
async fn request_behind_a_closing_one_is_not_executed() {
    let app = TestApp::start();
    let open = format!("{OPEN}Content-Length: 0\r\n\r\n");
    let last = format!("{OPEN}Content-Length: 0\r\nConnection: close\r\n\r\n");
    let old = "POST /api/carts HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let live_last = LIVE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let refused = format!("{OPEN}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}");
    let mut opened = 0;
    for (first, statuses, carts) in [
        (last.as_str(), &["201"][..], 1),
        (old, &["201"], 1),
        (&live_last, &["200"], 0),
        (&refused, &["415"], 0),
        // The control: without a closing one, all are executed.
        (&format!("{open}{LIVE}{last}"), &["201", "200", "201"], 2),
    ] {
        let seen = at_once(&app, &format!("{first}{open}{LIVE}{open}")).await;
        assert_eq!(seen.statuses(), statuses, "{first}: {}", seen.answers);
        let last = seen.answers.to_ascii_lowercase();
        let last = last.rsplit("http/1.1 ").next().expect("a response");
        assert!(last.contains("connection: close"), "{first}: {last}");
        assert!(
            seen.time < Duration::from_secs(3),
            "{first}: {:?}",
            seen.time
        );
        opened += carts;
        assert_eq!(app.log_head(), opened, "{first}");
    }
}

/// The end of a request that was refused with a closing response, and another one behind it.
#[tokio::test]
async fn request_behind_a_timed_out_body_is_not_executed() {
    let app = TestApp::start();
    let mut stream = used(&app).await;
    let head = format!(
        "{OPEN}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    assert_eq!(read_answer(&mut stream).await.status, 408);
    let rest = format!("0\r\n\r\n{OPEN}Content-Length: 0\r\n\r\n");
    let seen = trickle(stream, &rest, "").await;
    assert_eq!(seen.statuses(), [""; 0], "{}", seen.answers);
    assert_eq!(app.log_head(), 0);
}

/// The value of the counter of refused connections.
async fn refused_connections(app: &TestApp) -> String {
    let metrics = app.get("/metrics").token(TOKEN).await.expect(200);
    let metrics = String::from_utf8(metrics.body).expect("text");
    let name = "cartlog_refused_total{limit=\"client_connections\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.expect("a counter").to_owned()
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Contract (requests): Connections beyond `server.connections_per_client` get 503 and are closed.
#[tokio::test]
async fn connections_beyond_the_client_limit_are_closed() {
    let app = TestApp::start_with(&[
        ("server.connections_per_client", "5"),
        ("rates.loopback", "true"),
    ]);
    // The client of the tests has one.
    assert_eq!(refused_connections(&app).await, "0");
    let mut kept = Vec::new();
    for _ in 0..4 {
        kept.push(used(&app).await);
    }
    for _ in 0..3 {
        let mut beyond = connect(&app).await;
        let mut answer = String::new();
        let read = timeout(FOREVER, beyond.read_to_string(&mut answer)).await;
        read.expect("the end").expect("a response");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 10\r\n"), "{answer}");
    }
    assert_eq!(refused_connections(&app).await, "3");
    drop(kept.pop());
    let freed = async {
        loop {
            let mut stream = connect(&app).await;
            // A refused one may be reset.
            let _ = stream.write_all(LIVE.as_bytes()).await;
            let mut answer = [0; 12];
            if stream.read_exact(&mut answer).await.is_ok() && answer == *b"HTTP/1.1 200" {
                break;
            }
        }
    };
    timeout(FOREVER, freed).await.expect("a free place");
}

/// Contract (requests): The limit of connections is for clients, not for a proxy or loopback.
#[tokio::test]
async fn proxy_and_loopback_have_no_connection_limit() {
    let limit = ("server.connections_per_client", "2");
    let token = ("security.operator_token", TOKEN);
    let proxied = [
        limit,
        token,
        ("server.behind_proxy", "true"),
        ("rates.loopback", "true"),
    ];
    for settings in [&[limit, token][..], &proxied] {
        let app = TestApp::start_with(settings);
        let mut kept = Vec::new();
        for _ in 0..8 {
            kept.push(used(&app).await);
        }
        assert_eq!(refused_connections(&app).await, "0");
    }
}
