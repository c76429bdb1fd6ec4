//! Proof for a visitor who does not trust the shop. The oracles are programs that no one here
//! wrote: Cloudflare's `tlog_tiles`, a port of Go's `sumdb/tlog`, and `signed_note`, one of
//! `sumdb/note`.

mod cosigning;
mod published;
mod shared;
mod signer;
mod tampering;
mod trees;
mod witness;
mod witness_oracle;
