//! Load on a running service: virtual buyers and agents over real sockets, what they measured, and whether every
//! message arrived once and in order.
//!
//! A client like any other: it knows the wire contract and nothing of the server. `deskwire load` is its command line.

#![expect(clippy::cast_precision_loss, reason = "figures are shown to a few digits")]

mod client;
mod clock;
mod desk;
mod error;
mod mix;
mod person;
mod record;
mod report;
mod run;
mod scenario;
mod scout;
mod shop;
mod socket;
mod texts;
mod tokens;
mod verdict;
mod wire;

pub use error::LoadError;
pub use report::Report;
pub use run::{Live, Plan, run};
pub use scenario::{Scenario, length_of_time};
pub use socket::Target;
pub use tokens::{TokenSource, Tokens, Who};
