//! What happens to cost, memory and start-up as the log grows.

pub fn run(_arguments: &[String]) {
    todo!()
}

pub fn memory() {
    todo!()
}
