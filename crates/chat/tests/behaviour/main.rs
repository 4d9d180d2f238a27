//! What chat promises, on each store, with one node and with several, with a bus that delivers and one that loses; and what
//! each bus promises.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod bus;
mod bus_over_redis;
mod delivery;
mod node;
mod rules;
mod stalling;
mod writer;
