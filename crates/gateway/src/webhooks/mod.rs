//! Webhooks on their way: deliveries that are due are taken from the store, signed, and posted to where the shop's systems
//! are; what came of it is written down. Nothing is reached that is not on the public network, unless configured.
//!
//! The way of a delivery: `deliver` takes it -> `attempt` -> `target` (its URL) -> `address` (where that may lead) ->
//! `connect` -> `signature` -> the receiver's answer -> `backoff` -> the store.

mod address;
mod attempt;
mod backoff;
mod config;
mod connect;
mod deliver;
mod prune;
mod receivers;
mod signature;
mod target;

pub use address::{AddressRange, AddressRangeError};
pub use config::WebhooksConfig;
pub(crate) use deliver::deliver;
pub(crate) use prune::prune;
pub(crate) use signature::draw_secret;
pub(crate) use target::Target;
