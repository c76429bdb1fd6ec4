//! The source of the models, as it was compiled: the lines that decide a command and that apply
//! an event, for readers who want to see them beside the event.
//!
//! The lines are found by syntax, in the layout that rustfmt gives: an arm of a `match` or an item
//! ends at the line that is indented like its first one and closes it.

use crate::models::Model;
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::RangeInclusive;

/// A file of a model.
struct Source {
    file: &'static str,
    text: &'static str,
    /// The methods that are shown when a shown line calls them. Functions always are; other
    /// methods may belong to the standard library.
    methods: &'static [&'static str],
}

macro_rules! source {
    ($file:literal $(, $method:literal)*) => {
        Source {
            file: concat!("src/", $file),
            text: include_str!($file),
            methods: &[$($method),*],
        }
    };
}

/// The files of the rules and of the fold of a model; the first one has the function itself.
struct Sources {
    command: &'static str,
    event: &'static str,
    decide: &'static [Source],
    evolve: &'static [Source],
}

const CART: Sources = Sources {
    command: "CartCommand",
    event: "CartEvent",
    decide: &[
        source!("cart/decide.rs"),
        source!("cart/checkout.rs"),
        source!("cart/undo.rs", "reversal"),
    ],
    evolve: &[
        source!("cart/evolve.rs"),
        source!("cart/contents.rs", "add", "remove"),
    ],
};

const ORDER: Sources = Sources {
    command: "OrderCommand",
    event: "OrderEvent",
    decide: &[source!("orders/decide.rs")],
    evolve: &[source!("orders/evolve.rs")],
};

/// Consecutive lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "CodeExcerpt")]
pub struct Excerpt {
    /// Path in the repository.
    pub file: &'static str,
    /// Number of the first line, from 1.
    pub first_line: usize,
    /// The lines without their common indentation.
    pub lines: Vec<&'static str>,
}

/// The lines that apply the event called `event`: its arm in `evolve`, then what that calls. Empty
/// for an unknown event.
pub fn evolve_of(event: &str) -> Vec<Excerpt> {
    let sources = sources_of(event);
    excerpts(
        sources.evolve,
        "evolve",
        &format!("{}::{event}", sources.event),
    )
}

/// The lines that decide the command called `command`, which has written an event called `event`:
/// its arm in `decide`, then what that calls. Empty for an unknown command.
pub fn decide_of(event: &str, command: &str) -> Vec<Excerpt> {
    let sources = sources_of(event);
    let variant = variant_of(command.strip_suffix("_order").unwrap_or(command));
    excerpts(
        sources.decide,
        "decide",
        &format!("{}::{variant}", sources.command),
    )
}

fn sources_of(event: &str) -> &'static Sources {
    match Model::of(event) {
        Model::Cart => &CART,
        Model::Order => &ORDER,
    }
}

/// `add_item` as the name of a variant: `AddItem`.
fn variant_of(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect()
}

/// The first arm for `pattern` in the function `name` of the first source, and the functions that
/// it reaches.
fn excerpts(sources: &'static [Source], name: &str, pattern: &str) -> Vec<Excerpt> {
    let main = &sources[0];
    let lines: Vec<&'static str> = main.text.lines().collect();
    let functions: Vec<Function> = sources.iter().flat_map(functions).collect();
    let Some(body) = functions.iter().find(|function| function.name == name) else {
        return Vec::new();
    };
    let arm = body
        .lines
        .clone()
        .find(|line| is_arm(lines[*line], pattern));
    let Some(arm) = arm else {
        return Vec::new();
    };
    let arm = whole_arm(&lines, arm);
    let mut found = vec![Excerpt::of(main, &lines, arm.clone())];
    let mut calls = calls_in(&lines[arm]);
    let mut shown: Vec<&Function> = Vec::new();
    let mut next = 0;
    while let Some(call) = calls.get(next).cloned() {
        next += 1;
        let called = functions
            .iter()
            .find(|function| function.is_called_by(&call));
        let Some(called) = called.filter(|called| !shown.contains(called)) else {
            continue;
        };
        shown.push(called);
        let lines: Vec<&'static str> = called.source.text.lines().collect();
        calls.extend(calls_in(&lines[called.lines.clone()]));
        found.push(Excerpt::of(called.source, &lines, called.lines.clone()));
    }
    found
}

impl Excerpt {
    fn of(source: &Source, lines: &[&'static str], range: RangeInclusive<usize>) -> Excerpt {
        let indent = indent_of(lines[*range.start()]);
        Excerpt {
            file: source.file,
            first_line: range.start() + 1,
            lines: lines[range]
                .iter()
                .map(|line| line.get(indent..).unwrap_or_default())
                .collect(),
        }
    }
}

/// A function with its documentation, as indices of lines.
struct Function {
    source: &'static Source,
    name: &'static str,
    is_method: bool,
    lines: RangeInclusive<usize>,
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.source.file == other.source.file && self.lines == other.lines
    }
}

impl Function {
    fn is_called_by(&self, call: &Call) -> bool {
        self.name == call.name
            && self.is_method == call.is_method
            && (!self.is_method || self.source.methods.contains(&self.name))
    }
}

fn functions(source: &'static Source) -> Vec<Function> {
    let lines: Vec<&'static str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_in(line) else {
            continue;
        };
        let end = block_end(&lines, index);
        let documentation = lines[..index]
            .iter()
            .rev()
            .take_while(|line| line.trim_start().starts_with(['/', '#']))
            .count();
        // The parameters of a signature of several lines come one a line.
        let is_method = line.contains("self") || lines.get(index + 1).is_some_and(|it| is_self(it));
        found.push(Function {
            source,
            name,
            is_method,
            lines: index - documentation..=end,
        });
    }
    found
}

fn is_self(line: &str) -> bool {
    matches!(line.trim(), "self," | "&self," | "&mut self,")
}

/// The name of the function that begins in `line`.
fn function_in(line: &'static str) -> Option<&'static str> {
    let (before, after) = line.split_once("fn ")?;
    let before = before.trim();
    if !(before.is_empty() || before.starts_with("pub")) {
        return None;
    }
    let end = after.find(|letter| !is_of_name(letter))?;
    Some(&after[..end])
}

/// Whether `line` begins an arm for `pattern`, or an `if let` with it.
fn is_arm(line: &str, pattern: &str) -> bool {
    let head = line.split("=>").next().unwrap_or_default();
    head.split('|').any(|alternative| {
        let alternative = alternative.trim();
        let alternative = alternative.strip_prefix("if let ").unwrap_or(alternative);
        alternative
            .strip_prefix(pattern)
            .is_some_and(|rest| !rest.starts_with(is_of_name))
    })
}

/// The arm with `line`, from its first alternative.
fn whole_arm(lines: &[&str], line: usize) -> RangeInclusive<usize> {
    let mut first = line;
    while lines[first].trim_start().starts_with('|') {
        first -= 1;
    }
    first..=block_end(lines, first)
}

/// The last line of what begins in the line `start`.
fn block_end(lines: &[&str], start: usize) -> usize {
    let indent = indent_of(lines[start]);
    let mut end = start;
    for (index, line) in lines.iter().enumerate().skip(start + 1) {
        let text = line.trim_start();
        if text.is_empty() {
            continue;
        }
        if indent_of(line) < indent {
            break;
        }
        if indent_of(line) == indent {
            let rest = text.trim_start_matches(['}', ')', ']']);
            let closes = rest.len() < text.len();
            if closes && matches!(rest, "" | "," | ";") {
                return index;
            }
            let continues = closes || text == "{" || text == "where" || text.starts_with("| ");
            if !continues {
                break;
            }
        }
        end = index;
    }
    end
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    name: String,
    is_method: bool,
}

/// The calls in `lines`, in their order. Paths such as `Type::function` are no calls of the model.
fn calls_in(lines: &[&str]) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in lines {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices('(') {
            let before = &code[..at];
            let name = before
                .rfind(|letter| !is_of_name(letter))
                .map_or(before, |end| &before[end + 1..]);
            let prefix = &before[..before.len() - name.len()];
            if name.is_empty() || prefix.ends_with("::") || prefix.ends_with("fn ") {
                continue;
            }
            calls.push(Call {
                name: name.to_owned(),
                is_method: prefix.ends_with('.'),
            });
        }
    }
    calls
}

#[cfg(test)]
mod tests;
