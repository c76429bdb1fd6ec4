//! `/api/operator`: how a browser becomes the operator's, and stops being so.

use cartlog_testkit::{Answer, TestApp};
use reqwest::Method;
use serde_json::json;

const TOKEN: &str = "op-secret-op-secret";
const OPERATOR: (&str, &str) = ("security.operator_token", TOKEN);

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';')
        .next()
        .expect("a name and a value")
        .to_owned()
}

async fn sign_in(app: &TestApp) -> Answer {
    let entered = app.post("/api/operator").json(&json!({ "token": TOKEN }));
    entered.await.expect(204)
}

/// Contract (access): Demo mode is open.
#[tokio::test]
async fn in_demo_mode_everybody_is_the_operator() {
    let app = TestApp::start();
    let standing = app.get("/api/operator").await.expect(200).json();
    assert_eq!(
        standing,
        json!({ "token_required": false, "admitted": true })
    );
    let entered = app.post("/api/operator").json(&json!({ "token": "any" }));
    assert_eq!(entered.await.expect(204).header("set-cookie"), None);
}

#[tokio::test]
async fn browser_with_cookie_needs_no_token() {
    let app = TestApp::start_with(&[OPERATOR]);
    let standing = app.get("/api/operator").await.expect(200).json();
    assert_eq!(
        standing,
        json!({ "token_required": true, "admitted": false })
    );
    for wrong in ["op-secret-op-secre", ""] {
        let entered = app.post("/api/operator").json(&json!({ "token": wrong }));
        let refused = entered.await;
        assert_eq!(refused.header("set-cookie"), None);
        refused.expect_problem(401, "operator-only");
    }

    let entered = sign_in(&app).await;
    let set = entered.header("set-cookie").expect("a cookie");
    assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!set.contains(TOKEN), "{set}");

    let session = cookie(&entered);
    let with_session = |path| app.get(path).header("cookie", &session);
    let standing = with_session("/api/operator").await.expect(200).json();
    assert_eq!(standing["admitted"], true);
    with_session("/api/events").await.expect(200);
    with_session("/api/insights/funnel").await.expect(200);

    // A wrong token is not replaced by a valid cookie, and a session is not a token.
    with_session("/api/events")
        .token("op-secre")
        .await
        .expect_problem(401, "operator-only");
    let (_, value) = session.split_once('=').expect("a name and a value");
    app.get("/api/events")
        .token(value)
        .await
        .expect_problem(401, "operator-only");
}

/// Contract (access): A session of the operator is random, and ends when its browser signs out,
/// with its live streams.
#[tokio::test]
async fn sign_out_ends_the_session_and_its_streams() {
    let mut app = TestApp::start_with(&[OPERATOR]);
    let [one, other] = [sign_in(&app).await, sign_in(&app).await].map(|it| cookie(&it));
    assert_ne!(one, other);
    let journal = |session: &str| app.get("/api/events").header("cookie", session);
    let live = |session: &str| journal(session).header("accept", "text/event-stream");
    let mut streams = [live(&one).stream().await, live(&other).stream().await];
    app.open_cart().await;
    for stream in &mut streams {
        assert!(stream.next().await.is_some());
    }

    let left = app.ask(Method::DELETE, "/api/operator");
    let left = left.header("cookie", &one).await.expect(204);
    assert!(cookie(&left).ends_with('='));
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
    journal(&one).await.expect_problem(401, "operator-only");
    journal(&other).await.expect(200);
    app.open_cart().await;
    let [ended, open] = &mut streams;
    assert!(open.next().await.is_some());
    assert_eq!(ended.next().await, None, "no event after the sign-out");

    app.restart();
    let journal = app.get("/api/events").header("cookie", &other);
    journal.await.expect_problem(401, "operator-only");
}

#[tokio::test]
async fn sign_in_from_another_site_is_refused() {
    let app = TestApp::start_with(&[OPERATOR]);
    app.post("/api/operator")
        .json(&json!({ "token": TOKEN }))
        .header("sec-fetch-site", "cross-site")
        .await
        .expect_problem(403, "cross-site");
}

/// Browsers send the cookies of a host to each of its ports.
///
/// Contract (access): Two shops on one host do not end each other's sessions.
#[tokio::test]
async fn sessions_of_two_shops_on_one_host_coexist() {
    let one = TestApp::start_with(&[OPERATOR]);
    // The other has a copy of its data, as a test installation may have.
    let secret = one.file("secret").display().to_string();
    let other = TestApp::start_with(&[OPERATOR, ("security.secret_path", &secret)]);
    let [session, session_of_other] = [sign_in(&one).await, sign_in(&other).await];
    let [session, session_of_other] = [session, session_of_other].map(|it| cookie(&it));
    let name = |cookie: &str| cookie.split_once('=').unwrap().0.to_owned();
    assert_ne!(name(&session), name(&session_of_other));
    let both = format!("{session}; {session_of_other}");
    for shop in [&one, &other] {
        let journal = shop.get("/api/events").header("cookie", &both);
        journal.await.expect(200);
    }
    // A cookie of the same name with another path is sent beside it, in an unspecified order.
    let foreign = format!("{}=foreign", name(&session));
    for both in [
        format!("{foreign}; {session}"),
        format!("{session}; {foreign}"),
    ] {
        let journal = one.get("/api/events").header("cookie", &both);
        journal.await.expect(200);
    }
}

/// Contract (access): With `server.https`, the session cookie is bound to this host and to https.
#[tokio::test]
async fn session_cookie_is_bound_to_host_under_https() {
    let app = TestApp::start_with(&[OPERATOR, ("server.https", "true")]);
    let entered = sign_in(&app).await;
    let set = entered.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-operator_session_"), "{set}");
    assert!(
        set.contains("; Path=/;") && set.ends_with("; Secure"),
        "{set}"
    );
    let journal = app.get("/api/events").header("cookie", &cookie(&entered));
    journal.await.expect(200);
}

/// Contract (access): Wrong operator tokens are limited by address and counted; past the limit not
/// even the right one is compared.
#[tokio::test]
async fn guesses_of_the_operator_token_are_limited() {
    let proxied = [OPERATOR, ("server.behind_proxy", "true")];
    let app = TestApp::start_with(&proxied);
    let session = {
        let entered = app.post("/api/operator").json(&json!({ "token": TOKEN }));
        let entered = entered.header("x-forwarded-for", "192.0.2.1").await;
        cookie(&entered.expect(204))
    };
    let from = |client: &str| app.get("/api/events").header("x-forwarded-for", client);
    let sign_in = |client: &str, token: &str| {
        let ask = app.post("/api/operator").json(&json!({ "token": token }));
        ask.header("x-forwarded-for", client)
    };
    for guess in 0..5 {
        let wrong = format!("wrong-{guess}");
        let problem = from("192.0.2.1").token(&wrong).await;
        problem.expect_problem(401, "operator-only");
        let problem = sign_in("192.0.2.1", &wrong).await;
        problem.expect_problem(401, "operator-only");
    }
    for ask in [
        from("192.0.2.1").token("wrong"),
        from("192.0.2.1").token(TOKEN),
        sign_in("192.0.2.1", TOKEN),
        app.get("/api/operator")
            .token(TOKEN)
            .header("x-forwarded-for", "192.0.2.1"),
    ] {
        let limited = ask.await;
        let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=6).contains(&wait), "{wait}");
        let problem = limited.expect_problem(429, "too-many-guesses");
        assert_eq!(problem["max"], 10);
    }
    // Those who are signed in, and everyone elsewhere, are not affected.
    from("192.0.2.1")
        .header("cookie", &session)
        .await
        .expect(200);
    let metrics = app.get("/metrics").header("x-forwarded-for", "192.0.2.2");
    let metrics = metrics.token(TOKEN).await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    for (outcome, count) in [("wrong_token", 10), ("limited", 4)] {
        let name = "cartlog_operator_auth_failures_total";
        let sample = format!("{name}{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.lines().any(|line| line == sample), "{metrics}");
    }
}
