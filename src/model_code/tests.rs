//! The lines of every event and command exist, are whole, and are those of the file.

use super::*;
use crate::cart::{CartCommand, CartEvent};
use crate::decider::Event;
use crate::orders::{OrderCommand, OrderEvent};

/// The excerpt is what the file has at these lines.
fn assert_is_in_file(excerpt: &Excerpt) {
    let sources = [CART.decide, CART.evolve, ORDER.decide, ORDER.evolve];
    let mut sources = sources.into_iter().flatten();
    let source = sources.find(|source| source.file == excerpt.file);
    let lines = source.expect("a known file").text.lines();
    let lines = lines.skip(excerpt.first_line - 1);
    for (line, shown) in lines.zip(&excerpt.lines) {
        assert_eq!(line.trim_start(), shown.trim_start(), "{excerpt:?}");
    }
}

/// Its brackets are balanced: nothing was cut off at either end.
fn assert_is_whole(excerpt: &Excerpt) {
    let code: Vec<&str> = excerpt.lines.iter().map(|line| code_of(line)).collect();
    let code = code.join("\n");
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        let count = |bracket| code.chars().filter(|letter| *letter == bracket).count();
        assert_eq!(count(open), count(close), "{excerpt:#?}");
    }
}

/// `line` without its comment.
fn code_of(line: &'static str) -> &'static str {
    line.split("//").next().unwrap_or_default()
}

fn assert_shows(excerpts: &[Excerpt], arm: &str) {
    let first = excerpts
        .first()
        .unwrap_or_else(|| panic!("no lines for {arm}"));
    assert!(is_arm(first.lines[0], arm), "{arm}: {:?}", first.lines);
    for excerpt in excerpts {
        assert_is_in_file(excerpt);
        assert_is_whole(excerpt);
    }
}

#[test]
fn every_event_has_the_lines_that_apply_it() {
    for name in CartEvent::NAMES {
        assert_shows(&evolve_of(name), &format!("CartEvent::{name}"));
    }
    for name in OrderEvent::NAMES {
        assert_shows(&evolve_of(name), &format!("OrderEvent::{name}"));
    }
    assert_eq!(evolve_of("Unknown"), []);
}

#[test]
fn every_command_has_the_lines_that_decide_it() {
    for name in CartCommand::NAMES {
        let arm = format!("CartCommand::{}", variant_of(name));
        assert_shows(&decide_of("CartOpened", name), &arm);
    }
    for name in OrderCommand::NAMES {
        let arm = format!("OrderCommand::{}", variant_of(&name.replace("_order", "")));
        assert_shows(&decide_of("OrderPlaced", name), &arm);
    }
    assert_eq!(decide_of("CartOpened", "unknown"), []);
}

#[test]
fn called_functions_and_listed_methods_follow_their_arm() {
    let text = |excerpts: &[Excerpt]| {
        let lines = excerpts.iter().flat_map(|excerpt| &excerpt.lines);
        lines.copied().collect::<Vec<_>>().join("\n")
    };
    let adding = text(&decide_of("ItemAdded", "add_item"));
    for called in [
        "fn add(",
        "fn within_units(",
        "fn added(",
        "CartEvent::ItemAdded(Units {",
    ] {
        assert!(adding.contains(called), "{called}\n{adding}");
    }
    assert!(!adding.contains("fn undo("), "{adding}");
    assert!(text(&decide_of("ItemAdded", "undo")).contains("fn reversal(&self"));
    assert!(text(&decide_of("CartCheckedOut", "checkout")).contains("fn check_out("));
    let evolved = text(&evolve_of("ItemAdded"));
    assert!(evolved.contains("fn change("), "{evolved}");
    assert!(evolved.contains("fn add(&mut self"), "{evolved}");
    let all = [CART.decide, CART.evolve, ORDER.decide, ORDER.evolve];
    for source in all.into_iter().flatten() {
        let functions = functions(source);
        for method in source.methods {
            let named = functions.iter().find(|function| function.name == *method);
            assert!(named.is_some_and(|function| function.is_method), "{method}");
        }
    }
}
