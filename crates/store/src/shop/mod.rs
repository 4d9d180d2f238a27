//! The shop's things: orders with their parcels and returns, products, coupons, and the cards that show them.

mod cards;
mod change;
mod coupons;
mod document;
mod import;
mod orders;
mod products;
mod record;
mod search;

pub use change::{Shelf, ShopChanges, Wanted};
pub use coupons::CouponQuery;
pub use orders::{OrderQuery, ReturnQuery};
pub use products::ProductQuery;
pub use record::{
    AuditRecord, CardPlace, CardRecord, CardRefresh, ClaimRecord, CouponRecord, ImportChange, ImportProgress,
    ImportRefusal, OrderRecord, PackageRecord, PersonRecord, PostRecord, ProductRecord, ReturnRequestRecord,
    ShownCard, Subject,
};
