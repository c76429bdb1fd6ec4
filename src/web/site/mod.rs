//! The pages and the static files that they load.

pub mod assets;
pub mod pages;
pub mod reference;
