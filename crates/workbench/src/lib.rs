//! What an agent has beside the chat: this buyer's orders with their parcels and returns, the shop's products and
//! coupons, and the cards by which any of them is put into the conversation.

#[allow(dead_code, unused_imports, reason = "cards come before the methods that send them")]
mod cards;
mod error;
#[allow(dead_code, unused_imports, reason = "cards come before the methods that send them")]
mod locale;
#[allow(dead_code, unused_imports, reason = "the rules come before the methods that ask them")]
mod rules;

pub use error::WorkbenchError;
