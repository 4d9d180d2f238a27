//! What an agent has beside the chat: this buyer's orders with their parcels and returns, the shop's products and
//! coupons, and the cards by which any of them is put into the conversation.

mod cards;
mod error;
mod locale;
#[allow(dead_code, unused_imports, reason = "the rules come before the methods that ask them")]
mod rules;

pub use error::WorkbenchError;
