//! Requests that take their time.

use super::ITEM;
use cartlog_testkit::TestApp;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

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
    let answer = cartlog_testkit::read_answer(&mut stream).await;
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
