//! The pages and the static files that they load.

pub mod assets;
mod html;
mod own_pictures;
pub mod pages;
pub mod reference;
pub mod shop;
