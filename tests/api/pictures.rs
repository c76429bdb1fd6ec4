//! Pictures of the catalogue: from other hosts, and from the operator's folder.

use cartlog_testkit::{TestApp, text};
use std::fs;
use std::path::Path;

fn write_products(file: &Path, pictures: &[&str]) {
    let products: Vec<String> = pictures
        .iter()
        .enumerate()
        .map(|(number, picture)| {
            format!(
                "[[product]]\nsku = \"p{number}\"\nname = \"P\"\ncategory = \"C\"\nprice = 1\n\
                 picture = \"{picture}\"\n"
            )
        })
        .collect();
    fs::write(file, format!("currency = \"EUR\"\n{}", products.concat())).unwrap();
}

/// The pictures that the page at `path` may show.
async fn allowed(app: &TestApp, path: &str) -> String {
    let page = app.get(path).header("accept", "text/html").await;
    let policy = page.header("content-security-policy").unwrap().to_owned();
    let mut directives = policy.split("; ");
    let images = directives.find(|directive| directive.starts_with("img-src "));
    images.expect("img-src").to_owned()
}

/// Contract (service): A picture may be an https URL: pages allow exactly the hosts that the
/// catalogue names.
#[tokio::test]
async fn pages_allow_the_picture_hosts_of_the_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("products.toml");
    write_products(
        &file,
        &[
            "/pictures/teapot.svg",
            "https://cdn.example/a.png",
            "https://cdn.example/b.png?w=4",
            "https://other.example:8443/c.png",
        ],
    );
    let app = TestApp::start_with(&[("catalogue.products", file.to_str().unwrap())]);
    let shown = app.get("/api/products/p1").await.expect(200).json();
    assert_eq!(text(&shown["picture"]["url"]), "https://cdn.example/a.png");
    let expected = "img-src 'self' data: https://cdn.example https://other.example:8443";
    for path in ["/", "/history", "/operations", "/docs", "/no-such-page"] {
        assert_eq!(allowed(&app, path).await, expected, "{path}");
    }
    write_products(&file, &["/pictures/teapot.svg"]);
    app.post("/api/catalogue/reload").await.expect(200);
    assert_eq!(allowed(&app, "/").await, "img-src 'self' data:");
}

/// Contract (service): Pictures in `catalogue.pictures` are served under `/pictures/`, with type,
/// `ETag` and a policy that runs no scripts; no other file is.
#[tokio::test]
async fn own_pictures_are_served_from_their_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("own");
    fs::create_dir_all(folder.join("tea")).unwrap();
    let large: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    fs::write(folder.join("tea/pot.jpg"), &large).unwrap();
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    fs::write(folder.join("teapot.svg"), svg).unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    fs::write(place.path().join("secret.png"), "mine").unwrap();
    let app = TestApp::start_with(&[("catalogue.pictures", folder.to_str().unwrap())]);

    let picture = app.get("/pictures/tea/pot.jpg").await.expect(200);
    assert_eq!(picture.body, large);
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    assert_eq!(picture.header("content-length"), Some("100000"));
    assert_eq!(picture.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(picture.header("cache-control"), Some("no-cache"));
    let opener = picture.header("cross-origin-opener-policy");
    assert_eq!(opener, Some("same-origin"));
    let tag = picture.header("etag").unwrap().to_owned();
    let again = || {
        app.get("/pictures/tea/pot.jpg")
            .header("if-none-match", &tag)
    };
    again().await.expect(304);
    fs::write(folder.join("tea/pot.jpg"), "another").unwrap();
    assert_eq!(again().await.expect(200).body, b"another");

    // Own pictures come before built-in ones, which are still there.
    let own = app.get("/pictures/teapot.svg").await.expect(200);
    assert_eq!(own.body, svg.as_bytes());
    assert_eq!(own.header("content-type"), Some("image/svg+xml"));
    let policy = own.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.ends_with("; sandbox"), "{policy}");
    app.get("/pictures/sencha.svg").await.expect(200);

    for path in [
        "/pictures/notes.txt",
        "/pictures/../secret.png",
        "/pictures/%2e%2e/secret.png",
        "/pictures/..%2fsecret.png",
        "/pictures/tea/%2e%2e/%2e%2e/secret.png",
        "/pictures/tea",
        "/pictures/%00.png",
        "/pictures/none.png",
    ] {
        let answer = app.get(path).await;
        answer.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn missing_picture_folder_refuses_the_start() {
    let mut app = TestApp::start();
    app.stop();
    app.set("catalogue.pictures", "/no/such/folder");
    let refused = app.start_again().unwrap_err().to_string();
    assert!(refused.starts_with("catalogue.pictures: "), "{refused}");
    assert!(refused.contains("/no/such/folder"), "{refused}");
}
