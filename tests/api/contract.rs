//! `docs/contract.md` names a test for each rule, and each of them is there.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_rule_of_the_contract_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/contract.md")).expect("the page");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter(|line| !line.starts_with("| rule") && !line.starts_with("| matter"))
        .collect();
    assert!(rows.len() >= 40, "every row of the contract");
    let mut rules = BTreeSet::new();
    for row in rows {
        let rule = row.split('|').nth(1);
        assert!(rules.insert(rule), "{rule:?} stands twice");
        let tests: Vec<(&str, &str)> = row
            .split('`')
            .filter_map(|code| code.split_once(".rs: "))
            .collect();
        assert!(!tests.is_empty(), "no test is named: {row}");
        for (file, name) in tests {
            let path = root.join("tests").join(format!("{file}.rs"));
            let source = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(
                source.contains(&format!("fn {name}(")),
                "{file} has no {name}"
            );
        }
    }
}
