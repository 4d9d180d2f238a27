//! What an agent has beside the chat: this buyer's orders with their parcels and returns, the shop's products and
//! coupons, and the cards by which any of them is put into the conversation.
//!
//! A noun a file, each with its methods on [`Workbench`]; every one of them starts from the scope of a [`Caller`]. What
//! may happen is decided by `rules`, which are pure; what a card looks like by `cards`, which are pure too. `live` keeps
//! cards true, `intake` takes what the shop's systems write, `owed` brings into conversations what happened outside of
//! them, `timekeeper` does what is due, and `audit` notes of each change who did what to which thing.

mod acts;
mod audit;
mod beside;
mod cards;
mod config;
mod coupons;
mod error;
mod intake;
mod live;
mod locale;
mod logistics;
mod orders;
mod owed;
mod page;
mod picture;
mod place;
mod products;
mod returns;
mod rules;
mod sending;
mod shop_system;
mod timekeeper;
mod webhooks;
mod workbench;

pub use beside::named_orders;
pub use cards::{LinkError, LinkTemplates, Links};
pub use config::WorkbenchConfig;
pub use error::WorkbenchError;
pub use intake::{Documents, ImportRow, ImportStep, Intake, Outcomes, PersonPut, Written};
pub use locale::{LocaleError, Zone, ZoneError};
pub use sending::Prepared;
pub use shop_system::{Listed, PageOf, ShopCoupons, ShopOrders, ShopProducts};
pub use webhooks::ping as webhook_ping;
pub use workbench::{Caller, Workbench};
