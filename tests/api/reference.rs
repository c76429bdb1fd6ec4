//! The pages that the service makes from what it knows of itself.

use cartlog::web::problem::Kind;
use cartlog_testkit::{Answer, TestApp};

/// Contract (service): `GET /docs` alone is enough to use every route.
#[tokio::test]
async fn api_page_lists_every_route() {
    let app = TestApp::start();
    let description = app.get("/openapi.json").await.expect(200).json();
    let page = app.get("/docs").await.expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = html(&page);
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if method == "head" || method == "options" {
                continue;
            }
            let method = method.to_uppercase();
            assert!(
                text.contains(&format!("<code>{method} {path}</code>")),
                "{method} {path}"
            );
            let summary = operation["summary"].as_str().unwrap();
            assert!(text.contains(summary), "{summary}");
        }
    }
}

/// Contract (errors): `GET /problems`, `/problems/{slug}`: every problem type has its page.
#[tokio::test]
async fn problem_types_are_addresses_of_their_pages() {
    let app = TestApp::start();
    let list = app.get("/problems").await.expect(200);
    for kind in Kind::ALL {
        let address = format!("/problems/{}", kind.slug());
        assert!(html(&list).contains(&format!("href=\"{address}\"")));
        let page = app.get(&address).await.expect(200);
        assert!(
            html(&page).contains(&format!("<h1>{}</h1>", kind.title())),
            "{address}"
        );
    }
    app.get("/problems/no-such-problem").await.expect(404);
}

fn html(page: &Answer) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&page.body)
}
