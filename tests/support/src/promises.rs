//! The tables of `docs/guarantees.md` and `docs/contract.md`, generated from the doc comments of
//! the tests:
//!
//! ```text
//! /// Promise (crash): An acknowledged command is in the log exactly once.
//! /// Fault: `kill -9` at random moments under load.
//! /// Control: A forged acknowledgement is noticed: [control_forged_acknowledgement_is_noticed].
//! #[tokio::test]
//!
//! /// Contract (retries): The same key with another request is 422.
//! #[tokio::test]
//! ```
//!
//! A text ends at the next tag or at an empty line. Tests with the same promise or rule share a
//! row. A name in brackets is a test, which becomes a link. `UPDATE_DOCS=1 cargo test --test
//! documents` renews the pages.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The sections of `docs/guarantees.md`, by the name that a tag uses.
const PROMISE_SECTIONS: [(&str, &str); 9] = [
    ("crash", "Crashes and power loss"),
    ("disk", "Disks and files"),
    ("damage", "Damaged bytes"),
    ("proof", "Proof for those who do not trust the shop"),
    ("views", "Views"),
    ("load", "Load and slow clients"),
    ("log", "Order, time and nodes"),
    ("input", "Input and responses"),
    ("cluster", "A log that nodes share"),
];
/// The sections of `docs/contract.md`.
const CONTRACT_SECTIONS: [(&str, &str); 14] = [
    ("errors", "Errors"),
    ("requests", "Methods, paths and bodies"),
    ("conditions", "Conditional requests"),
    ("retries", "Idempotency"),
    ("access", "Tokens and access"),
    ("headers", "Headers, lists and limits"),
    ("carts", "Carts"),
    ("orders", "Orders"),
    ("history", "Events and history"),
    ("service", "Catalogue, insights and operations"),
    ("views", "Views and verification"),
    ("proof", "Checkpoints and proofs"),
    ("tools", "Command line"),
    ("records", "Compatibility, metrics and logs"),
];
/// A row is a sentence: longer texts belong into the prose of the doc comment.
const LONGEST_TEXT: usize = 200;
const BEGIN: &str = "<!-- generated: UPDATE_DOCS=1 cargo test --test documents -->";
const END: &str = "<!-- end of the generated tables -->";

/// A function with its tags.
#[derive(Debug, Clone, Default)]
pub struct Tagged {
    /// From the root of the repository, such as `tests/faults/kills.rs`.
    pub file: String,
    pub name: String,
    /// Has a test attribute, or is of the contract suite, of which a macro makes tests.
    pub is_test: bool,
    /// Section and text.
    pub promise: Option<(String, String)>,
    pub faults: Vec<String>,
    pub controls: Vec<String>,
    /// Section and text each.
    pub rules: Vec<(String, String)>,
}

/// Every function of the tests and of the unit tests in `src`, in the order of files and lines.
pub fn functions(root: &Path) -> io::Result<Vec<Tagged>> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect_sources(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut functions = Vec::new();
    for path in files {
        let file = path.strip_prefix(root).expect("below the root");
        let source = fs::read_to_string(&path)?;
        functions.extend(functions_of(&file.display().to_string(), &source));
    }
    Ok(functions)
}

fn collect_sources(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The functions of one file.
pub fn functions_of(file: &str, source: &str) -> Vec<Tagged> {
    let mut functions = Vec::new();
    let mut docs: Vec<&str> = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            docs.push(text.trim());
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            if let Some(name) = function_name(line) {
                functions.push(Tagged {
                    file: file.to_owned(),
                    name: name.to_owned(),
                    is_test: is_test || file.starts_with("tests/log_contract/contract/"),
                    ..tagged(&docs)
                });
            }
            docs.clear();
            is_test = false;
        }
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let words = before.split(' ').filter(|word| !word.is_empty());
    let is_definition = words
        .into_iter()
        .all(|word| word.starts_with("pub") || word == "async" || word == "const");
    is_definition.then(|| rest.split(['(', '<']).next().unwrap_or_default())
}

fn tagged(docs: &[&str]) -> Tagged {
    let mut tags: Vec<(&str, String)> = Vec::new();
    let mut continues = false;
    for line in docs {
        let tag = line.split_once(':').filter(|(tag, _)| {
            let kind = tag.split(" (").next().unwrap_or_default();
            ["Promise", "Fault", "Control", "Contract"].contains(&kind)
        });
        if let Some((tag, text)) = tag {
            tags.push((tag, text.trim().to_owned()));
            continues = true;
        } else if line.is_empty() {
            continues = false;
        } else if let Some((_, text)) = tags.last_mut().filter(|_| continues) {
            text.push(' ');
            text.push_str(line);
        }
    }
    let mut function = Tagged::default();
    for (tag, text) in tags {
        let (kind, section) = tag.split_once(" (").unwrap_or((tag, ""));
        let section = section.trim_end_matches(')').to_owned();
        match kind {
            "Promise" => function.promise = Some((section, text)),
            "Contract" => function.rules.push((section, text)),
            "Fault" => function.faults.push(text),
            _ => function.controls.push(text),
        }
    }
    function
}

/// The errors in the tags of `functions`.
pub fn findings(functions: &[Tagged]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut controls = BTreeSet::new();
    for function in functions {
        let place = format!("{}: {}", function.file, function.name);
        let texts = [&function.faults, &function.controls];
        let texts = texts.into_iter().flatten();
        let sentences = function.promise.iter().chain(&function.rules);
        for text in texts.chain(sentences.map(|(_, text)| text)) {
            if text.is_empty() || text.chars().count() > LONGEST_TEXT || text.contains('|') {
                findings.push(format!("{place}: not a sentence for a table: {text}"));
            }
        }
        for name in function.controls.iter().flat_map(|text| bracketed(text)) {
            controls.insert(name);
            if find_test(functions, name).is_none() {
                findings.push(format!("{place}: no test, or several, is named {name}"));
            }
        }
        for (section, _) in &function.rules {
            if !CONTRACT_SECTIONS.iter().any(|(name, _)| name == section) {
                findings.push(format!(
                    "{place}: no section of the contract is {section:?}"
                ));
            }
        }
        match &function.promise {
            None if !function.faults.is_empty() || !function.controls.is_empty() => {
                findings.push(format!("{place}: a fault or a control without a promise"));
            }
            None => {}
            Some((section, text)) => {
                if !PROMISE_SECTIONS.iter().any(|(name, _)| name == section) {
                    findings.push(format!(
                        "{place}: no section of the promises is {section:?}"
                    ));
                }
                if !function.is_test || function.faults.is_empty() {
                    findings.push(format!("{place}: a promise needs a test and its fault"));
                }
                let same = functions
                    .iter()
                    .filter(|other| other.promise == function.promise);
                if same.into_iter().all(|other| other.controls.is_empty()) {
                    findings.push(format!("{place}: a promise without a control: {text}"));
                }
            }
        }
    }
    for function in functions {
        let breaks_something = function.is_test && function.file.starts_with("tests/faults/");
        let serves = function.promise.is_some() || controls.contains(function.name.as_str());
        if breaks_something && !serves {
            let Tagged { file, name, .. } = function;
            findings.push(format!("{file}: {name} has no promise and is no control"));
        }
    }
    findings
}

/// The names in brackets in `text`.
fn bracketed(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('[').skip(1);
    parts.filter_map(|part| part.split_once(']').map(|(name, _)| name))
}

fn find_test<'a>(functions: &'a [Tagged], name: &str) -> Option<&'a Tagged> {
    let mut tests = functions
        .iter()
        .filter(|function| function.is_test && function.name == name);
    tests.next().filter(|_| tests.next().is_none())
}

/// A link to a test, in its file.
fn link(function: &Tagged) -> String {
    format!("[`{}`](../{})", function.name, function.file)
}

/// `text` with links in place of the names in brackets.
fn linked(text: &str, functions: &[Tagged]) -> String {
    let mut text = text.to_owned();
    let names: BTreeSet<String> = bracketed(&text).map(str::to_owned).collect();
    for name in names {
        if let Some(function) = find_test(functions, &name) {
            text = text.replace(&format!("[{name}]"), &link(function));
        }
    }
    text
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct.join("<br>")
}

/// The tables of the promises.
pub fn promise_tables(functions: &[Tagged]) -> String {
    let mut page = String::new();
    for (section, title) in PROMISE_SECTIONS {
        let _ = write!(page, "\n### {title}\n\n");
        page.push_str("| Promise | Fault | Test | Control |\n|---|---|---|---|\n");
        let of_section = |function: &&Tagged| {
            let promise = function.promise.as_ref();
            promise.is_some_and(|(name, _)| name == section)
        };
        let mut shown = BTreeSet::new();
        for function in functions.iter().filter(of_section) {
            let Some((_, promise)) = &function.promise else {
                continue;
            };
            if !shown.insert(promise) {
                continue;
            }
            let same = || {
                let of_promise = |other: &&Tagged| other.promise == function.promise;
                functions.iter().filter(of_promise)
            };
            let faults = joined(same().flat_map(|function| function.faults.clone()));
            let tests = joined(same().map(link));
            let controls = same().flat_map(|function| &function.controls);
            let controls = joined(controls.map(|text| linked(text, functions)));
            let _ = writeln!(page, "| {promise} | {faults} | {tests} | {controls} |");
        }
    }
    page
}

/// The tables of the contract.
pub fn contract_tables(functions: &[Tagged]) -> String {
    let mut page = String::new();
    for (section, title) in CONTRACT_SECTIONS {
        let _ = write!(page, "\n### {title}\n\n| Rule | Shown by |\n|---|---|\n");
        let mut shown = BTreeSet::new();
        let rules = functions.iter().flat_map(|function| &function.rules);
        for rule in rules.filter(|(name, _)| name == section) {
            if !shown.insert(rule) {
                continue;
            }
            let tests = functions
                .iter()
                .filter(|function| function.rules.contains(rule));
            let _ = writeln!(page, "| {} | {} |", rule.1, joined(tests.map(link)));
        }
    }
    page
}

/// `page` with `tables` as its generated part.
pub fn with_tables(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}
