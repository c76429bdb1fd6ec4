//! Responses, and what holds for every one of them.

use cartlog::web::problem::Kind;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A response of the service, which was checked.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Asserts what holds for every response: an error is a problem of a known type (`/readyz`
    /// lists its checks instead), and the headers that protect a browser are there.
    ///
    /// Contract (errors): Every error is a problem of a known type, and every response has the
    /// headers that protect a browser.
    pub(super) fn check(&self, head: bool) {
        let shown = || format!("{} {:?}", self.status, String::from_utf8_lossy(&self.body));
        if head || self.status == 204 || self.status == 304 {
            assert!(self.body.is_empty(), "{}", shown());
        }
        for (name, part) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            let value = self.header(name);
            assert!(
                value.is_some_and(|value| value.contains(part)),
                "{name}: {value:?}"
            );
        }
        if self.status < 400 {
            return;
        }
        assert_eq!(
            self.header("cache-control"),
            Some("no-store"),
            "{}",
            shown()
        );
        if self.header("content-type") == Some("application/json") {
            assert_eq!(self.status, 503, "{}", shown());
            assert!(head || self.json()["checks"].is_object(), "{}", shown());
            return;
        }
        if self.header("content-type") == Some("text/html; charset=utf-8") {
            assert_eq!(self.status, 404, "{}", shown());
            return;
        }
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            shown()
        );
        if head {
            return;
        }
        let problem = self.json();
        let kind = Kind::ALL
            .iter()
            .find(|kind| problem["type"] == format!("/problems/{}", kind.slug()))
            .unwrap_or_else(|| panic!("a known type of problem: {}", shown()));
        assert_eq!(kind.status().as_u16(), self.status, "{}", shown());
        assert_eq!(problem["status"], self.status, "{}", shown());
        assert_eq!(problem["title"], kind.title(), "{}", shown());
        assert!(!text(&problem["detail"]).is_empty(), "{}", shown());
        let trace = text(&problem["trace_id"]);
        assert!(
            trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{}",
            shown()
        );
        let retryable = self.status == 503 || self.status == 429;
        assert_eq!(
            self.header("retry-after").is_some(),
            retryable,
            "{}",
            shown()
        );
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// Asserts that the response is a problem of this type, given by its slug: `cart-closed`.
    #[track_caller]
    pub fn expect_problem(self, status: u16, slug: &str) -> Value {
        let problem = self.expect(status).json();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        problem
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("a header of visible ASCII"))
    }

    /// All values of a header, in one line.
    pub fn headers_in_one(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let values = values.map(|value| value.to_str().expect("a header of visible ASCII"));
        values.collect::<Vec<_>>().join(", ")
    }

    /// The cart's version, by its strong entity tag.
    #[track_caller]
    pub fn version(&self) -> u64 {
        let tag = self.header("etag").expect("an ETag");
        tag.trim_matches('"').parse().expect("a version as ETag")
    }

    /// `Log-Position`: of the last event that the command wrote, or that the view has applied.
    #[track_caller]
    pub fn log_position(&self) -> u64 {
        let position = self.header("log-position").expect("a Log-Position");
        position.parse().expect("a position")
    }
}

/// The text of a JSON string.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

/// Reads one response from a connection.
pub async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read_buf(&mut bytes).await.expect("a response");
        let shown = String::from_utf8_lossy(&bytes);
        assert!(read > 0, "the connection was closed after {shown:?}");
    };
    let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .expect("a status line");
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a header line");
            let name: HeaderName = name.parse().expect("a header's name");
            (
                name,
                HeaderValue::from_str(value).expect("a header's value"),
            )
        })
        .collect();
    let length = headers.get("content-length").map(|length| {
        length
            .to_str()
            .unwrap_or_default()
            .parse()
            .expect("a length")
    });
    let mut body = bytes.split_off(end + 4);
    while length.is_none_or(|length: usize| body.len() < length) {
        if stream.read_buf(&mut body).await.expect("a body") == 0 {
            break;
        }
    }
    Answer {
        status,
        headers,
        body,
    }
}
