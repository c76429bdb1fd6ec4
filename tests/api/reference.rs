//! The pages that the service makes from what it knows of itself.

use cartlog::web::problem::Kind;
use cartlog_testkit::{Answer, TestApp};
use std::collections::BTreeSet;

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
            let route = format!("{method}</span> <code>{path}</code>");
            assert!(text.contains(&route), "{method} {path}");
            let id = operation["operationId"].as_str().unwrap();
            assert!(text.contains(&format!("id=\"{id}\"")), "{id}");
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

/// Whatever is written as Markdown in the description is rendered, also in errors.
#[tokio::test]
async fn generated_pages_have_no_raw_markdown() {
    let app = TestApp::start();
    let mut paths = vec!["/docs".to_owned(), "/problems".to_owned()];
    paths.extend(Kind::ALL.iter().map(|kind| kind.address()));
    for path in paths {
        let page = app.get(&path).await.expect(200);
        let page = html(&page).into_owned();
        let (_, main) = page.split_once("<main").expect("its content");
        let prose = without(&without(main, "pre"), "code");
        for mark in ["`", "**", "](", "- `", "{{"] {
            let at = prose
                .find(mark)
                .map(|at| prose[..at].chars().rev().take(80));
            let before: Option<String> = at.map(Iterator::collect);
            assert!(before.is_none(), "{path}: {mark} after {before:?}");
        }
    }
}

/// Contract (service): Every endpoint, schema and problem in `/docs` has an address of its own.
#[tokio::test]
async fn links_within_the_api_page_lead_to_an_element() {
    let app = TestApp::start();
    let page = app.get("/docs").await.expect(200);
    let page = html(&page).into_owned();
    let values = |before: &str| -> Vec<String> {
        let rest = page.split(before).skip(1);
        rest.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
            .collect()
    };
    let ids = values(" id=\"");
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id is used twice");
    let links = values("href=\"#");
    assert!(links.len() > 300, "{} links", links.len());
    for link in &links {
        assert!(unique.contains(link), "#{link}");
    }
    let description = app.get("/openapi.json").await.expect(200).json();
    let schemas = description["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys();
    let schemas = schemas.filter(|name| !name.ends_with("Problem"));
    let problems = Kind::ALL
        .iter()
        .map(|kind| format!("problem-{}", kind.slug()));
    for id in schemas.map(|name| format!("schema-{name}")).chain(problems) {
        assert!(links.contains(&id), "no link to #{id}");
    }
}

/// A response of several problems names each of them once.
#[tokio::test]
async fn responses_name_each_problem_once() {
    let app = TestApp::start();
    let page = app.get("/docs").await.expect(200);
    let page = html(&page).into_owned();
    let mut responses = 0;
    for response in page.split("<dd>").skip(1) {
        let response = response.split("</dd>").next().unwrap();
        let links: Vec<&str> = response.split("href=\"#problem-").skip(1).collect();
        let names: BTreeSet<&str> = links
            .iter()
            .map(|it| it.split('"').next().unwrap())
            .collect();
        assert_eq!(names.len(), links.len(), "{response}");
        responses += usize::from(!links.is_empty());
    }
    assert!(responses > 100, "{responses} responses with problems");
}

/// `html` without the elements of this name and what is in them.
fn without(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let mut parts = html.split(open.as_str());
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| {
        kept + part
            .split_once(close.as_str())
            .map_or(part, |(_, after)| after)
    })
}

fn html(page: &Answer) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&page.body)
}
