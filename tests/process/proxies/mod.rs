//! The program behind reverse proxies: nginx with settings that are made to hurt, and the files of
//! `deploy/proxies/` as they are shipped.

mod nginx;
mod page;
mod proxy;
mod shipped;
mod shopper;
