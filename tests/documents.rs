//! The tables of the documents are those of the tests: see [`cartlog_testkit::promises`].
//!
//! `UPDATE_DOCS=1 cargo test --test documents` renews them.

use cartlog_testkit::promises::{
    Tagged, contract_tables, findings, functions, promise_tables, with_tables,
};
use cartlog_testkit::repository;

fn tagged() -> Vec<Tagged> {
    functions(&repository()).expect("readable sources")
}

#[track_caller]
fn page_is_current(page: &str, tables: &str) {
    let path = repository().join(page);
    let current = std::fs::read_to_string(&path).expect("the page");
    let renewed = with_tables(&current, tables).expect("the marks of the generated part");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, renewed).expect("the page can be written");
    } else {
        assert!(
            renewed == current,
            "{page} is out of date: UPDATE_DOCS=1 cargo test --test documents"
        );
    }
}

#[test]
fn pages_list_promises_and_rules_of_the_tests() {
    let functions = tagged();
    page_is_current("docs/guarantees.md", &promise_tables(&functions));
    page_is_current("docs/contract.md", &contract_tables(&functions));
}

#[test]
fn promises_have_a_fault_and_a_control() {
    assert_eq!(findings(&tagged()), [""; 0]);
}

/// The checks above notice a promise without a control, a control that is no test, a test of a
/// fault without a promise, and a row that is no sentence.
#[test]
fn control_forged_tags_are_found() {
    let functions = tagged();
    let promised = |function: &&mut Tagged| {
        let names_control = function.controls.iter().any(|text| text.contains('['));
        function.file == "tests/faults/kills.rs" && names_control
    };
    for (forge, finding) in [
        (
            (|function| function.controls.clear()) as fn(&mut Tagged),
            "without a control",
        ),
        (
            |function| function.controls[0] = "[control_none]".into(),
            "named control_none",
        ),
        (|function| function.promise = None, "without a promise"),
        (|function| function.faults.clear(), "needs a test"),
        (
            |function| function.faults[0] = "long".repeat(100),
            "not a sentence",
        ),
    ] {
        let mut forged = functions.clone();
        forge(forged.iter_mut().find(promised).expect("a promise"));
        let found = findings(&forged);
        assert!(found.iter().any(|it| it.contains(finding)), "{found:?}");
    }
}
