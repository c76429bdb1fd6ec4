//! Requests.

use super::answer::Answer;
use super::stream::EventStream;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

/// A request, which `.await` sends.
pub struct Ask {
    pub(super) client: reqwest::Client,
    pub(super) request: reqwest::Request,
}

impl Ask {
    /// Sets a header, replacing headers of that name.
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Adds a header beside others of that name.
    pub fn another_header(mut self, name: &str, value: &str) -> Ask {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request.headers_mut().append(name, value);
        self
    }

    pub fn without_header(mut self, name: &str) -> Ask {
        self.request.headers_mut().remove(name);
        self
    }

    pub fn token(self, token: &str) -> Ask {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn key(self, key: &str) -> Ask {
        self.header("idempotency-key", key)
    }

    pub fn if_match(self, version: u64) -> Ask {
        self.header("if-match", &format!("\"{version}\""))
    }

    /// A body, as `application/json`.
    pub fn json(self, body: &Value) -> Ask {
        self.body(body.to_string())
            .header("content-type", "application/json")
    }

    /// A body without `Content-Type`.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Ask {
        *self.request.body_mut() = Some(body.into());
        self
    }

    async fn send(self) -> reqwest::Response {
        let sent = self.client.execute(self.request).await;
        sent.expect("a response")
    }

    /// Sends the request and reads the response as server-sent events.
    pub async fn stream(self) -> EventStream {
        let response = self.send().await;
        assert_eq!(response.status(), 200);
        assert_eq!(
            response
                .headers()
                .get("content-type")
                .map(HeaderValue::as_bytes),
            Some(&b"text/event-stream"[..])
        );
        EventStream::of(response)
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let head = *self.request.method() == Method::HEAD;
            let response = self.send().await;
            let answer = Answer {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: response.bytes().await.expect("a whole body").to_vec(),
            };
            answer.check(head);
            answer
        })
    }
}
