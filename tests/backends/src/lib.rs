//! Starts the real backends that tests run against, on free ports in temporary directories.
//!
//! A backend that this crate starts ends with the process that asked for it, however that process ends: by
//! returning, by a panic or by SIGKILL. A backend whose programs are missing is an error that says what to
//! install; it never makes a test pass by not running.
//!
//! `scripts/test` starts each backend once for the whole run, by the program `with-backends`, and hands its address
//! down in the environment. Without that, each test process starts its own when it first asks.

mod owned;
mod ports;
pub mod postgres;
pub mod redis;

pub use ports::free_ports;
pub use postgres::{Database, Postgres};
pub use redis::Redis;
