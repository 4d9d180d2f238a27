//! Webhooks: where a shop's systems are told what has changed, what they are still to be told, and what became of it.
//! Events are written with the change that causes them; deliveries are taken by one node at a time, for a while.

mod deliveries;
mod events;
mod log;
mod manage;
mod prune;
mod record;

pub use deliveries::ClaimLimits;
pub use log::DeliveryRetry;
pub use record::{
    ClaimedDelivery, DeliveryOutcome, DeliveryResult, WebhookEventRecord, WebhookRecord, WebhookSecret,
};
