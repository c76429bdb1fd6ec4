//! A log that several nodes share, in a real PostgreSQL (a primary with two standbys) and in a real
//! NATS JetStream (three servers), with nodes that are processes of their own, all on loopback. The
//! tests need both, which `tests/all` installs.

mod adapter;
mod connections;
mod failover;
mod jetstream;
mod mirror;
mod moving;
mod nodes;
mod partition;
mod pooler;
mod privileges;
mod refusals;
mod resume;
mod rows;
mod sequencer;
mod signing;
mod slowness;
