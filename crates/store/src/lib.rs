//! The only crate that knows SQL: conversations, messages and people, on `SQLite` or `PostgreSQL`.
//!
//! What may happen is not decided here: [`Store::commit`] loads under its locks, asks a pure function, and writes
//! what that answers, in one transaction.

mod api_keys;
mod commit;
mod config;
mod conversations;
mod durability;
mod error;
mod messages;
mod migration;
mod people;
mod planted;
mod record;
mod revocation;
mod row;
mod scope;
mod shop;
mod sql;
mod store;
mod webhooks;

pub use api_keys::{ApiKeyId, ApiKeyRecord, ApiScope};
pub use commit::{Changes, Loaded, Needs, SendKey, SentRecord};
pub use config::StoreConfig;
pub use conversations::ConversationQuery;
pub use durability::Durability;
pub use error::StoreError;
pub use messages::{EventsAfter, HistoryRange};
pub use people::{Admission, Arrival};
pub use planted::{Bug, Planted};
pub use record::{ConversationRecord, EventRecord, Head, MessageRecord, PersonRecord, UserRecord};
pub use revocation::Revocation;
pub use scope::{Scope, Side};
pub use shop::{
    AuditRecord, AuditResult, CardPlace, CardRecord, CardRefresh, ClaimRecord, CouponQuery, CouponRecord,
    ImportChange, ImportFile, ImportRefusal, OrderQuery, OrderRecord, PackageRecord, PostRecord,
    ProductQuery, ProductRecord, ReturnQuery, ReturnRequestRecord, Shelf, ShopChanges, ShownCard, Subject,
    Wanted,
};
pub use store::Store;
pub use webhooks::{
    ClaimLimits, ClaimedDelivery, DeliveryOutcome, DeliveryResult, DeliveryRetry, WebhookEventRecord,
    WebhookRecord, WebhookSecret,
};
