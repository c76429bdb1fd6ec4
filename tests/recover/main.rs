//! Recovery: views that are wrong, damaged, of another definition or gone are made again from the
//! log, and whatever is wrong with log or views is found and named.

mod kept;
mod rebuild;
#[expect(dead_code, reason = "other tests need the rest of it")]
#[path = "../reads/shop.rs"]
mod shop;
