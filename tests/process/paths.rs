//! The documents name files that exist.

use std::path::Path;

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/architecture.md",
];
const FOLDERS: [&str; 9] = [
    ".cargo/",
    ".config/",
    ".github/",
    "benches/",
    "docs/",
    "examples/",
    "src/",
    "static/",
    "tests/",
];

/// The paths that `document` names, in backticks or as the target of a link. A pattern such as
/// `src/catalogue/*.toml` counts as its folder; one with a `<placeholder>` does not count.
fn named_paths(document: &str) -> Vec<&str> {
    let quoted = document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let linked = document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target);
    quoted
        .chain(linked)
        .filter(|path| !path.contains(['<', ' ', '…', '{']))
        .filter(|path| {
            let in_root =
                !path.contains('/') && [".md", ".toml"].iter().any(|end| path.ends_with(end));
            in_root || FOLDERS.iter().any(|folder| path.starts_with(folder))
        })
        .map(|path| match path.split_once('*') {
            Some((before, _)) => before.rsplit_once('/').map_or("", |(folder, _)| folder),
            None => path,
        })
        .collect()
}

#[test]
fn documents_name_only_paths_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for path in named_paths(&text) {
            if !root.join(path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn control_paths_are_found_in_backticks_and_links() {
    let text = "See `src/nowhere.rs`, [it](docs/none.png), `src/views/<view>.rs`, `src/a/*.rs`.";
    assert_eq!(
        named_paths(text),
        ["src/nowhere.rs", "src/a", "docs/none.png"]
    );
}
