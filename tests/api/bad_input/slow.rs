//! Requests that take their time.

use super::ITEM;
use cartlog_testkit::{PATIENCE, TestApp};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Writes `parts` with a pause behind each, then reads the answer.
async fn slowly(app: &TestApp, parts: &[&str], pause: Duration) -> (u16, String, Duration) {
    let started = Instant::now();
    let mut stream = TcpStream::connect(app.address()).await.expect("connects");
    for part in parts {
        // The service may have had enough of it before the end.
        if stream.write_all(part.as_bytes()).await.is_err() {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    let answer = timeout(PATIENCE, cartlog_testkit::read_answer(&mut stream));
    let answer = answer.await.expect("an answer in time");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    (answer.status, body, started.elapsed())
}

/// A request that comes too slowly is answered after five seconds, and not much later. The cases
/// wait at the same time.
///
/// Contract (requests): A body arrives within 5 s: 408 otherwise.
#[tokio::test]
async fn slow_request_times_out() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let head = format!(
        "POST /api/carts/{}/items HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n",
        cart.id, cart.token
    );
    let moment = Duration::ZERO;
    let second = Duration::from_secs(1);
    let half = format!("{head}Content-Length: {}\r\n\r\n{{\"sku\":", ITEM.len());
    let none = format!("{head}Content-Length: {}\r\n\r\n", ITEM.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n6\r\n{{\"sku\"\r\n");
    let trickle: Vec<&str> = std::iter::once(none.as_str()).chain(["{"; 7]).collect();
    let headers: Vec<&str> = std::iter::once(head.as_str())
        .chain(["X-A: a\r\n"; 7])
        .collect();
    let (half, none, chunked) = ([half.as_str()], [none.as_str()], [chunked.as_str()]);
    let bodies = futures_util::future::join4(
        slowly(&app, &half, moment),
        slowly(&app, &none, moment),
        slowly(&app, &chunked, moment),
        slowly(&app, &trickle, second),
    );
    let heads = futures_util::future::join3(
        slowly(&app, &[], moment),
        slowly(&app, &["POST /api/ca"], moment),
        slowly(&app, &headers, second),
    );
    let (bodies, heads) = tokio::join!(bodies, heads);
    for (case, (status, body, time)) in [
        ("half a body", bodies.0),
        ("no body", bodies.1),
        ("half the chunks", bodies.2),
        ("byte by byte", bodies.3),
    ] {
        assert_eq!(status, 408, "{case}: {body}");
        assert!(body.contains("/problems/body-timeout"), "{case}: {body}");
        assert!((4..9).contains(&time.as_secs()), "{case}: {time:?}");
    }
    // Here it is the parser that waits, and that has no body to give.
    for (case, (status, body, time)) in [
        ("nothing", heads.0),
        ("half a line", heads.1),
        ("header by header", heads.2),
    ] {
        assert_eq!((status, body.as_str()), (408, ""), "{case}");
        assert!((4..9).contains(&time.as_secs()), "{case}: {time:?}");
    }
    assert_eq!(app.log_head(), 1);
}

/// A request whose response is larger than the buffers of a connection.
const LARGE: &str = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A used connection with a small buffer for what it receives.
async fn narrow(app: &TestApp) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2_304).expect("a small buffer");
    let mut stream = socket.connect(app.address()).await.expect("connects");
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("a request");
    assert_eq!(cartlog_testkit::read_answer(&mut stream).await.status, 200);
    stream
}

/// The client always reads a little, so that the kernel never finds the connection stalled.
///
/// Contract (requests): A response that is read at less than 1 KiB/s is aborted after
/// `server.stalled_seconds`, and a second more for each KiB.
#[tokio::test]
async fn response_that_is_read_too_slowly_is_aborted() {
    let app = TestApp::start_with(&[("server.stalled_seconds", "5")]);
    let mut slow = narrow(&app).await;
    slow.write_all(LARGE.as_bytes()).await.expect("a request");
    let started = Instant::now();
    let (mut read, mut piece) = (0, [0; 100]);
    let reading = async {
        loop {
            match slow.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => read += count,
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let ended = timeout(Duration::from_mins(2), reading).await;
    assert!(ended.is_ok(), "still open, {read} bytes read");
    assert!(started.elapsed() >= Duration::from_secs(5));
    // The control: the same connection, read faster, gets all of it.
    let mut fast = narrow(&app).await;
    fast.write_all(LARGE.as_bytes()).await.expect("a request");
    let answer = cartlog_testkit::read_answer(&mut fast).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 20 * read, "{read} bytes read slowly");
}
