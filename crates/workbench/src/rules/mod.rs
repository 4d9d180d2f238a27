//! What may happen to the things of a shop, and what it changes: pure, given what the store has loaded. Time, new ids
//! and what is loaded are passed in; no rule reads a clock or waits.

pub(crate) mod amounts;
pub(crate) mod coupons;
pub(crate) mod fields;
pub(crate) mod lapse;
pub(crate) mod logistics;
pub(crate) mod notes;
pub(crate) mod orders;
pub(crate) mod pending;
pub(crate) mod place;
pub(crate) mod products;
pub(crate) mod recognise;
pub(crate) mod refusal;
pub(crate) mod reminders;
pub(crate) mod returns;
pub(crate) mod write;

#[cfg(test)]
pub(crate) mod samples;
