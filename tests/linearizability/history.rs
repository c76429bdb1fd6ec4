//! What was asked of a cart and what was answered, in the order in which both happened outside.

use crate::cart::{Answer, Cart, Change, Operation};
use std::fmt;
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History as Actions};

/// Calls and returns of one cart's operations, named by their places in `operations`.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub operations: Vec<Operation>,
    order: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Call(usize),
    Return(usize),
}

impl History {
    pub fn calls(&mut self, change: Change, if_match: Option<u64>) -> usize {
        let operation = self.operations.len();
        self.operations.push(Operation {
            change,
            if_match,
            answer: Answer::Unknown,
        });
        self.order.push(Step::Call(operation));
        operation
    }

    pub fn returns(&mut self, operation: usize, answer: Answer) {
        self.operations[operation].answer = answer;
        self.order.push(Step::Return(operation));
    }

    /// Strikes out a call of which it is known that nothing was done, and its return.
    pub fn forget(&mut self, operation: usize) {
        let (call, back) = (Step::Call(operation), Step::Return(operation));
        self.order.retain(|step| *step != call && *step != back);
    }

    pub fn answered(&self) -> usize {
        let returns = self.order.iter();
        returns
            .filter(|step| matches!(step, Step::Return(_)))
            .count()
    }

    pub fn unanswered(&self) -> usize {
        self.order.len() - 2 * self.answered()
    }

    /// Whether there is an order of the operations, each somewhere between its call and its return,
    /// in which a cart would have answered the same (Wing and Gong, with Lowe's memory of what was
    /// tried). What was not answered may stand anywhere behind its call, the end included, where it
    /// makes no difference to anyone.
    pub fn is_linearizable(&self) -> bool {
        let returned = |step: &Step| match step {
            Step::Call(operation) => (*operation, Action::Call(self.operations[*operation])),
            Step::Return(operation) => (*operation, Action::Response(self.operations[*operation])),
        };
        let open = self.order.iter().filter_map(|step| match step {
            Step::Call(operation) if !self.order.contains(&Step::Return(*operation)) => {
                Some(Step::Return(*operation))
            }
            Step::Call(_) | Step::Return(_) => None,
        });
        let open: Vec<Step> = open.collect();
        let actions: Vec<_> = self.order.iter().chain(&open).map(returned).collect();
        actions.is_empty() || WGLChecker::<Cart>::is_linearizable(Actions::from_actions(actions))
    }
}

/// A line for each call and return, to debug a failure.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.order {
            match step {
                Step::Call(number) => {
                    let Operation {
                        change, if_match, ..
                    } = self.operations[*number];
                    writeln!(f, "{number}: {change:?} at {if_match:?}")?;
                }
                Step::Return(number) => {
                    writeln!(f, "{number}:     {:?}", self.operations[*number].answer)?;
                }
            }
        }
        Ok(())
    }
}
