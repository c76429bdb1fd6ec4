//! `/api/operator`: how a browser becomes the operator's, and stops being so.

use cartlog_testkit::{Answer, TestApp};
use reqwest::Method;
use serde_json::json;

const OPERATOR: (&str, &str) = ("security.operator_token", "op-secret");

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';')
        .next()
        .expect("a name and a value")
        .to_owned()
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
    for wrong in ["op-secre", ""] {
        let entered = app.post("/api/operator").json(&json!({ "token": wrong }));
        let refused = entered.await;
        assert_eq!(refused.header("set-cookie"), None);
        refused.expect_problem(401, "operator-only");
    }

    let entered = app
        .post("/api/operator")
        .json(&json!({ "token": "op-secret" }));
    let entered = entered.await.expect(204);
    let set = entered.header("set-cookie").expect("a cookie");
    assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!set.contains("op-secret"), "{set}");

    let session = cookie(&entered);
    let with_session = |path| app.get(path).header("cookie", &session);
    let standing = with_session("/api/operator").await.expect(200).json();
    assert_eq!(standing["admitted"], true);
    with_session("/api/events").await.expect(200);
    with_session("/api/insights/funnel").await.expect(200);

    // A token that is wrong is not made good by a cookie, and a session is no token.
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

#[tokio::test]
async fn sign_out_clears_cookie_and_cross_site_sign_in_fails() {
    let app = TestApp::start_with(&[OPERATOR]);
    let left = app.ask(Method::DELETE, "/api/operator").await.expect(204);
    assert!(cookie(&left).ends_with('='));
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
    app.post("/api/operator")
        .json(&json!({ "token": "op-secret" }))
        .header("sec-fetch-site", "cross-site")
        .await
        .expect_problem(403, "cross-site");
}
