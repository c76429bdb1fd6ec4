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

/// What an operation requires is on its part of the page: whose token, which parameters, and a
/// body.
#[tokio::test]
async fn operations_state_what_they_require() {
    let app = TestApp::start();
    let page = app.get("/docs").await.expect(200);
    let page = html(&page).into_owned();
    assert!(page.contains("<title>cartlog: the API</title>"));
    let of = |id: &str| {
        let (_, after) = page.split_once(&format!(" id=\"{id}\"")).expect(id);
        after.split("</section>").next().unwrap().to_owned()
    };
    let (open, add, rebuild) = (of("openCart"), of("addItem"), of("rebuildViews"));
    for (part, html, is_there) in [
        (&open, "Requires the", false),
        (&open, "The body may be omitted.", true),
        (&open, "Authorization: Bearer", false),
        (&add, ">cart's token</a>", true),
        (&add, "The body may be omitted.", false),
        (
            &add,
            "-H &quot;Authorization: Bearer $cart_token&quot;",
            true,
        ),
        (&add, "method: &quot;POST&quot;", true),
        (
            &add,
            "<code>id</code> <span class=\"type\">string</span> <span class=\"required\">",
            true,
        ),
        (
            &add,
            "<code>If-Match</code> <span class=\"type\">string</span></dt>",
            true,
        ),
        (&rebuild, ">operator token</a>", true),
        (&of("checkOut"), "-H 'Idempotency-Key: ", true),
        (
            &of("checkOut"),
            "<code>If-Match</code> <span class=\"type\">string</span> <span class=\"required\">",
            true,
        ),
        (&of("schema-Product"), "at most 1000 characters", true),
    ] {
        assert_eq!(part.contains(html), is_there, "{html} in {part}");
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

/// Contract (service): `/docs` has each problem of an operation: beside it, or among those of every
/// request.
#[tokio::test]
async fn operations_name_each_of_their_problems_once() {
    let app = TestApp::start();
    let page = app.get("/docs").await.expect(200);
    let page = html(&page).into_owned();
    let linked = |id: &str| -> Vec<String> {
        let (_, after) = page.split_once(&format!(" id=\"{id}\"")).expect(id);
        let part = after.split("</section>").next().unwrap();
        let links = part.split("href=\"#problem-").skip(1);
        links
            .map(|it| it.split('"').next().unwrap().to_owned())
            .collect()
    };
    let (_, rule) = page.split_once(" id=\"rule-every-request\"").unwrap();
    let rule = rule.split("</p>").next().unwrap();
    let is_common = |slug: &str| rule.contains(&format!("href=\"#problem-{slug}\""));
    let description = app.get("/openapi.json").await.expect(200).json();
    let paths = description["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|methods| methods.as_object().unwrap());
    let mut named = 0;
    for (_, operation) in operations.filter(|(method, _)| !matches!(&***method, "head" | "options"))
    {
        let id = operation["operationId"].as_str().unwrap();
        let links = linked(id);
        let unique: BTreeSet<&String> = links.iter().collect();
        assert_eq!(unique.len(), links.len(), "{id}: {links:?}");
        for response in operation["responses"].as_object().unwrap().values() {
            let name = response["$ref"].as_str().unwrap_or_default();
            let slugs = name.rsplit('/').next().unwrap().split('.');
            for kind in slugs.filter_map(|it| Kind::ALL.iter().find(|kind| kind.slug() == it)) {
                let slug = kind.slug();
                let is_here = links.iter().any(|link| link == slug);
                assert!(is_here != is_common(slug), "{id}: {slug}");
                named += 1;
            }
        }
    }
    assert!(named > 500, "{named} problems");
}

/// The page stays light: what is said of a header or a shared problem is said once, and schemas and
/// problems are not rendered before they are wanted.
#[tokio::test]
async fn api_page_repeats_no_descriptions() {
    let app = TestApp::start();
    let page = app.get("/docs").await.expect(200);
    let page = html(&page).into_owned();
    let description = app.get("/openapi.json").await.expect(200).json();
    for (name, header) in description["components"]["headers"].as_object().unwrap() {
        let said = header["description"].as_str().unwrap();
        let plain = said.split(['`', '"', '&', '\'', '*']);
        let said = plain.max_by_key(|it| it.len()).unwrap();
        let times = page.matches(said).count();
        assert!(times <= 2, "{name}: {times} times");
        let id = name.trim_end_matches(".optional").to_lowercase();
        assert!(page.contains(&format!(" id=\"header-{id}\"")), "{name}");
    }
    let mut parts = page.split("<details class=\"entry\"");
    let first = parts.next().unwrap().to_owned();
    let open = parts.fold(first, |open, part| {
        open + part.split_once("</details>").unwrap().1
    });
    let (all, rendered) = (page.matches("</").count(), open.matches("</").count());
    println!("measured: /docs has {all} elements, of which {rendered} are rendered at once");
    assert!(rendered < 9_500, "{rendered} elements");
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
