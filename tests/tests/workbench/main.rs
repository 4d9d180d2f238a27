//! The workbench over sockets, line by line of what the product does: each test names its line. On every codec and
//! store.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod audit;
mod cards;
mod contract;
mod coupons;
mod fixtures;
mod frame;
mod logistics;
mod orders;
mod products;
mod races;
mod returns;
mod scope;
mod snapshot;
mod time;
mod timekeeper;
