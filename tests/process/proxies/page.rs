//! `docs/proxies.md` shows the files that the tests run.

use cartlog_testkit::repository;
use std::fs;

/// The content of the first block of `language` on the page.
fn block(language: &str) -> String {
    let page = fs::read_to_string(repository().join("docs/proxies.md")).unwrap();
    let begin = format!("```{language}\n");
    let (_, rest) = page.split_once(&begin).expect("a block");
    let (block, _) = rest.split_once("```").expect("the end of the block");
    block.to_owned()
}

/// The settings of the service behind a proxy.
pub fn settings() -> String {
    block("toml")
}

#[test]
fn proxies_page_shows_the_shipped_files() {
    for (language, name) in [
        ("nginx", "nginx.conf"),
        ("haproxy", "haproxy.cfg"),
        ("caddyfile", "Caddyfile"),
    ] {
        let file = repository().join("deploy/proxies").join(name);
        assert_eq!(block(language), fs::read_to_string(file).unwrap(), "{name}");
    }
}
