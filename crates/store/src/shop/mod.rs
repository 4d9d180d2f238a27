//! The shop's things: orders with their parcels and returns, products, coupons, and the cards that show them.

mod audit;
mod cards;
mod change;
mod coupons;
mod document;
mod import;
mod orders;
mod products;
mod record;
mod search;

pub(crate) use change::Hand;
pub use change::{Shelf, ShopChanges, Wanted};
pub use coupons::CouponQuery;
pub use import::{ImportChange, ImportFile, ImportRefusal};
pub use orders::{OrderQuery, ReturnQuery};
pub use products::ProductQuery;
pub use record::{
    AuditRecord, AuditResult, CardPlace, CardRecord, CardRefresh, ClaimRecord, CouponRecord, OrderRecord,
    PackageRecord, PostRecord, ProductRecord, ReturnRequestRecord, ShownCard, Subject,
};
