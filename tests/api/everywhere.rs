//! What holds on every route, asked of every route: the description says which there are.

use crate::bad_input::pointer;
use cartlog_testkit::{Answer, Ask, CartClient, TestApp, text};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The settings with which there is something at every route.
const SETTINGS: [(&str, &str); 2] = [
    ("orders.confirm", "at_once"),
    ("orders.warehouse_token", WAREHOUSE),
];
const WAREHOUSE: &str = "the token of the warehouse";

/// A method at a path that is there.
struct Route {
    method: Method,
    path: String,
    /// Of the cart, of the order's cart, or of the warehouse.
    token: String,
}

impl Route {
    /// A request with every header that a route requires.
    fn ask(&self, cart: &CartClient) -> Ask {
        let ask = cart.api.ask(self.method.clone(), &self.path);
        ask.token(&self.token)
            .header("if-match", "*")
            .key("9f1d6a52-0c5e-4f0b-8f43-3a2e5b1c7d10")
    }

    /// The same with another query.
    fn with_query(&self, query: &str) -> Route {
        Route {
            method: self.method.clone(),
            path: format!("{}?{query}", self.path),
            token: self.token.clone(),
        }
    }

    fn writes(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::DELETE)
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Every route of the description, with `cart` in its path, or the order of another cart.
async fn routes(cart: &CartClient) -> Vec<Route> {
    let description = cart.api.get("/openapi.json").await.expect(200).json();
    let paths = description["paths"].as_object().expect("paths").iter();
    let share = cart.api.post(&format!("/api/carts/{}/shares", cart.id));
    let share = share.token(&cart.token).await.expect(201).json();
    let bought = cart.api.open_cart_with(&[("teapot", 1)]).await;
    let paid = bought.check_out(2, 1999, "pay").await.expect(201).json();
    let order = text(&paid["order_id"]);
    let placed = cart.api.get(&format!("/api/orders/{order}"));
    placed.token(&bought.token).await.expect(200);
    let routes: Vec<Route> = paths
        .flat_map(|(path, methods)| {
            let is_order = path.starts_with("/api/orders/");
            let token = match () {
                () if path.ends_with("/reservation") => WAREHOUSE,
                () if is_order => &bought.token,
                () => &cart.token,
            };
            let path = path
                .replace("{id}", if is_order { order } else { &cart.id })
                .replace("{sku}", "teapot")
                .replace("{token}", text(&share["token"]))
                .replace("{version}", "1")
                .replace("{tile}", "0/000.p/1")
                .replace("{slug}", "cart-closed")
                .replace("{name}", "orders")
                .replace("{file}", "css/base.css");
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| Route {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                token: token.to_owned(),
            })
        })
        .collect();
    assert!(routes.len() > 80, "{}", routes.len());
    routes
}

/// Contract (requests): HEAD is available wherever GET is.
#[tokio::test]
async fn head_is_wherever_get_is_with_the_same_headers() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let webhook =
        format!("[{{ name = \"orders\", url = \"http://127.0.0.1:9/\", secret = \"{secret}\" }}]");
    let app = TestApp::start_with(&[SETTINGS[0], SETTINGS[1], ("webhooks", &webhook)]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    app.wait_for_tables().await;
    let headers_of = |answer: &Answer| -> BTreeMap<String, Vec<u8>> {
        // Headers that depend on the time of the request, or on the length of the body.
        let differing = ["date", "server-timing", "content-length"];
        let headers = answer.headers.iter();
        headers
            .filter(|(name, _)| !differing.contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect()
    };
    let mut asked = 0;
    for route in routes(&cart).await {
        if route.method == Method::GET {
            // Those with a required parameter.
            let path = match route.path.as_str() {
                "/api/code" => "/api/code?event=ItemAdded",
                "/api/search" => "/api/search?q=1",
                path => path,
            };
            let ask = |method| app.ask(method, path).token(&route.token);
            let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
            assert_eq!(get.status, 200, "{}", route.path);
            assert_eq!(head.status, 200, "{}", route.path);
            assert_eq!(headers_of(&head), headers_of(&get), "{}", route.path);
            asked += 1;
        }
    }
    assert!(asked > 25, "{asked}");
}

/// Contract (requests): Every route reads its body strictly, or accepts none.
#[tokio::test]
async fn every_body_is_decoded_strictly() {
    let app = TestApp::start_with(&SETTINGS);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let mut asked = 0;
    let routes = routes(&cart).await;
    let head = app.log_head();
    for route in routes.into_iter().filter(Route::writes) {
        let case = route.name();
        let send = |body: &str| {
            let ask = route.ask(&cart).body(body.to_owned());
            ask.header("content-type", "application/json")
        };
        let large = send(&" ".repeat(16_385)).await;
        let large = large.expect_problem(413, "body-too-large");
        assert_eq!(large["max"], 16_384, "{case}");
        for ask in [
            send("{}").header("content-encoding", "gzip"),
            send("{}").header("content-type", "text/plain"),
            send("{}").without_header("content-type"),
        ] {
            ask.await.expect_problem(415, "unsupported-media-type");
        }
        for (body, place) in [
            ("[]", ""),
            ("{", ""),
            ("{\"unknown\":1}", "/unknown"),
            ("\u{feff}{}", ""),
        ] {
            let problem = send(body).await.expect_problem(400, "invalid-body");
            assert_eq!(pointer(&problem), place, "{case}: {body}");
        }
        asked += 1;
    }
    assert!(asked > 12, "{asked}");
    assert_eq!(app.log_head(), head);
    for path in ["/api/views/rebuild", "/api/verify"] {
        let status = app.get(path).await.expect(200).json();
        assert_eq!(status["state"], "idle", "{path}: something was started");
    }
}

/// Contract (requests): An undescribed query parameter is 400 on every path of the API.
#[tokio::test]
async fn undocumented_query_is_refused_on_every_api_path() {
    let app = TestApp::start_with(&SETTINGS);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let mut asked = 0;
    let routes = routes(&cart).await;
    let head = app.log_head();
    for route in routes {
        if !route.path.starts_with("/api/") || route.method == Method::OPTIONS {
            continue;
        }
        for query in ["colour=red", "Version=1", "=", "a"] {
            let answer = route.with_query(query).ask(&cart).await;
            if route.method == Method::HEAD {
                assert_eq!(answer.status, 400, "{}", route.name());
            } else {
                answer.expect_problem(400, "invalid-query");
            }
            asked += 1;
        }
    }
    assert!(asked > 150, "{asked}");
    assert_eq!(app.log_head(), head);
}

/// Contract (headers): `traceparent` is in the event, `trace_id` in the problem.
#[tokio::test]
async fn every_problem_of_every_route_has_the_trace_of_its_request() {
    let app = TestApp::start_with(&SETTINGS);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let traced = |problem: &Value, case: &str| {
        assert_eq!(problem["trace_id"], TRACE, "{case}");
    };
    let routes = routes(&cart).await;
    let head = app.log_head();
    for route in routes {
        if route.method == Method::HEAD {
            continue;
        }
        let case = route.name();
        let ask = || route.ask(&cart).header("traceparent", &traceparent);
        let is_probe = matches!(route.path.as_str(), "/livez" | "/readyz");
        if !is_probe || route.method != Method::GET {
            let elsewhere = ask().header("host", "shop.example").await;
            traced(&elsewhere.expect_problem(421, "wrong-host"), &case);
        }
        let large = ask().header("x-large", &"a".repeat(16 * 1024)).await;
        traced(&large.expect_problem(431, "headers-too-large"), &case);
        if route.writes() {
            let foreign = ask().header("sec-fetch-site", "cross-site").await;
            traced(&foreign.expect_problem(403, "cross-site"), &case);
        }
        let patch = app.ask(Method::PATCH, &route.path);
        let patch = patch.header("traceparent", &traceparent).await;
        assert!(patch.header("allow").is_some(), "{case}");
        traced(&patch.expect_problem(405, "method-not-allowed"), &case);
    }
    assert_eq!(app.log_head(), head);
}

/// Contract (headers): `RateLimit` and `RateLimit-Policy`; past the limit 429 with `Retry-After`.
#[tokio::test]
async fn counted_requests_report_the_remaining_limit() {
    let app = TestApp::start_with(&[SETTINGS[0], SETTINGS[1], ("rates.loopback", "true")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for route in routes(&cart).await {
        let is_read = matches!(route.method, Method::GET | Method::HEAD);
        let is_costly = route.path.ends_with("/related") || route.path.starts_with("/api/shared/");
        let is_cart = route.method != Method::OPTIONS && route.path.starts_with("/api/carts");
        let is_order = is_read && route.path.starts_with("/api/orders");
        let counted = is_cart || is_order || (is_read && is_costly);
        let answer = route.ask(&cart).await;
        for name in ["ratelimit", "ratelimit-policy"] {
            let present = answer.header(name).is_some();
            assert_eq!(present, counted, "{name} of {}", route.name());
        }
    }
}

/// Contract (requests): Ids in paths are parsed before anything else.
#[tokio::test]
async fn history_page_exists_for_any_valid_cart_id() {
    let app = TestApp::start();
    let page = |id: &str| app.get(&format!("/history/{id}"));
    let found = page("01990000-0000-7000-8000-000000000001").await;
    assert_eq!(
        found.expect(200).header("content-type"),
        Some("text/html; charset=utf-8")
    );
    page("1").await.expect_problem(404, "not-found");
    for path in ["/history/1", "/problems/no-such-problem"] {
        let lost = app.get(path).header("accept", "text/html").await;
        let lost = lost.expect(404);
        assert_eq!(
            lost.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
    }
}

/// Contract (requests): Names are `snake_case`, times are UTC, ids are UUIDv7.
#[tokio::test]
async fn cart_id_is_uuid_v7_and_names_are_snake_case() {
    fn names(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    found.push(name.clone());
                    names(value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            _ => {}
        }
    }
    let app = TestApp::start_with(&SETTINGS);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let id = uuid::Uuid::parse_str(&cart.id).expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
    cart.apply_promotion("TEA10").await.expect(200);
    app.wait_for_tables().await;
    for route in routes(&cart).await {
        if route.method != Method::GET || !route.path.starts_with("/api/") {
            continue;
        }
        let answer = app.get(&route.path).token(&cart.token).await;
        if answer.header("content-type") != Some("application/json") {
            continue;
        }
        let document = answer.json();
        let mut found = Vec::new();
        // Event types are names of the log, not of the document.
        names(&document, &mut found);
        for name in found.iter().filter(|name| !is_type_of_event(name)) {
            let snake =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(name.bytes().all(snake), "{name} of {}", route.path);
        }
        for time in ["opened_at", "changed_at"] {
            if let Some(time) = document.get(time) {
                let time = text(time);
                assert!(time.ends_with('Z') && time.contains('T'), "{time}");
            }
        }
    }
}

fn is_type_of_event(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
}
