//! What a cart does when one request comes after the other: quantities, a version, and what undo
//! goes back to. It shares nothing with the service, so that it cannot share a mistake.

use todc_utils::specifications::Specification;

/// The products in play. None has a limit of its own, and no price changes, so a line is taken out
/// by one event.
pub const SKUS: [&str; 3] = ["teapot", "sencha", "notebook"];

pub type Quantities = [u32; SKUS.len()];

/// A request to a cart; products are indices of [`SKUS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Add(usize, u32),
    Set(usize, u32),
    Remove(usize),
    Clear,
    Undo,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Done {
        version: u64,
        quantities: Quantities,
    },
    NoSuchLine,
    NothingToUndo,
    Mismatch {
        current: u64,
    },
    /// No response: the command was executed or it was not.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub change: Change,
    pub if_match: Option<u64>,
    pub answer: Answer,
}

/// A cart, from right after its opening on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cart {
    version: u64,
    quantities: Quantities,
    /// The quantities before each command that is not undone.
    before: Vec<Quantities>,
}

impl Specification for Cart {
    type State = Cart;
    type Operation = Operation;

    fn init() -> Cart {
        Cart {
            version: 1,
            quantities: [0; SKUS.len()],
            before: Vec::new(),
        }
    }

    fn apply(operation: &Operation, cart: &Cart) -> (bool, Cart) {
        let mut next = cart.clone();
        let answer = next.obey(operation.change, operation.if_match);
        let right = operation.answer == Answer::Unknown || operation.answer == answer;
        (right, next)
    }
}

impl Cart {
    fn obey(&mut self, change: Change, if_match: Option<u64>) -> Answer {
        if if_match.is_some_and(|version| version != self.version) {
            return Answer::Mismatch {
                current: self.version,
            };
        }
        let mut wanted = self.quantities;
        match change {
            Change::Add(sku, quantity) => wanted[sku] += quantity,
            Change::Set(sku, quantity) => wanted[sku] = quantity,
            Change::Remove(sku) if wanted[sku] == 0 => return Answer::NoSuchLine,
            Change::Remove(sku) => wanted[sku] = 0,
            Change::Clear => wanted = [0; SKUS.len()],
            Change::Undo => match self.before.pop() {
                Some(before) => wanted = before,
                None => return Answer::NothingToUndo,
            },
        }
        if change != Change::Undo && wanted != self.quantities {
            self.before.push(self.quantities);
        }
        let changed = wanted.iter().zip(self.quantities);
        self.version += changed.filter(|(wanted, had)| *wanted != had).count() as u64;
        self.quantities = wanted;
        Answer::Done {
            version: self.version,
            quantities: wanted,
        }
    }
}
