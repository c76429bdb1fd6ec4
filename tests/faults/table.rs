//! `docs/guarantees.md` names a test for each promise and has a control for each, and every test of
//! this folder stands there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/guarantees.md")).unwrap()
}

/// The tests that `text` names: the file, and the name or its beginning with `…`. Without a folder it
/// is a file beside this one.
fn named(text: &str) -> Vec<(PathBuf, String)> {
    let folder = |file: &str| match file.split_once('/') {
        None => root().join("tests/faults").join(file),
        Some(("src", _)) => root().join(file),
        Some(_) => root().join("tests").join(file),
    };
    text.split('`')
        .filter_map(|code| code.split_once(".rs: "))
        .map(|(file, name)| (folder(&format!("{file}.rs")), name.to_owned()))
        .collect()
}

/// Whether `name`, or what it is the beginning of, is `function`.
fn means(name: &str, function: &str) -> bool {
    match name.strip_suffix('…') {
        Some(beginning) => function.starts_with(beginning),
        None => function == name,
    }
}

/// The functions of `source`, and whether each is a test.
fn functions(source: &str) -> Vec<(String, bool)> {
    let mut functions = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        if let Some((before, rest)) = line.split_once("fn ")
            && ["", "async ", "pub async ", "pub "].contains(&before)
        {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            functions.push((name.to_owned(), is_test));
            is_test = false;
        }
    }
    functions
}

/// What is wrong with `page`.
fn findings(page: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let promises = page
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    for row in promises {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [promise, _, test, control] = cells[..] else {
            findings.push(format!("a row of {} cells: {row}", cells.len()));
            continue;
        };
        if named(test).is_empty() || control.trim().is_empty() {
            findings.push(format!("no test or no control: {promise}"));
        }
    }
    for (path, name) in named(page) {
        let there = fs::read_to_string(&path)
            .is_ok_and(|source| functions(&source).iter().any(|(it, _)| means(&name, it)));
        if !there {
            findings.push(format!("{} has no {name}", path.display()));
        }
    }
    for file in fs::read_dir(root().join("tests/faults")).unwrap() {
        let path = file.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        for (test, _) in functions(&source).iter().filter(|(_, is_test)| *is_test) {
            let names = named(page);
            let mut own = names.iter().filter(|(file, _)| *file == path);
            if !path.ends_with("table.rs") && !own.any(|(_, name)| means(name, test)) {
                findings.push(format!("{test} stands nowhere"));
            }
        }
    }
    findings
}

#[test]
fn every_promise_has_a_test_and_a_control_that_there_are_and_every_test_a_promise() {
    let page = page();
    assert_eq!(findings(&page), [""; 0]);
    // The control: a test by another name, one that is left out, and a promise without a control.
    let forged = |from: &str, to: &str| {
        let forged = page.replacen(from, to, 1);
        assert_ne!(forged, page, "{from}");
        findings(&forged).len()
    };
    assert_eq!(
        forged("`full.rs: a_full_disk…`", "`full.rs: a_full_dish…`"),
        2
    );
    assert_eq!(forged("`full.rs: a_full_disk…`", "a test"), 2);
    assert_eq!(
        forged(
            "the refused command, forged as acknowledged, is noticed",
            ""
        ),
        1
    );
}
