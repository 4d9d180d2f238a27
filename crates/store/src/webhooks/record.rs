//! Webhooks and deliveries as the store keeps them.

use std::{fmt, time::Duration};

use deskwire_protocol::{
    ShopId, Timestamp,
    ids::{WebhookDeliveryId, WebhookEventId, WebhookId},
    webhook::{Subscription, Webhook, WebhookEventType, WebhookStatus},
};
use sea_orm::QueryResult;

use crate::{StoreError, row};

/// What a webhook is read with. (`SQLite` knows no other name of the table in `RETURNING`.)
pub(super) const WEBHOOK: &str = "webhook.webhook_id, webhook.shop_id, webhook.url, webhook.events, webhook.status, \
     webhook.secret, webhook.older_secret, webhook.older_secret_until, webhook.failing_since, webhook.create_time, \
     webhook.update_time";

/// What a webhook's events are signed with. It is kept as it is, since signing needs it; nothing shows it by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// `whsec_…`.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// For signing, and for the one answer that tells it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

/// Where events are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRecord {
    /// Which.
    pub webhook_id: WebhookId,
    /// Of which shop.
    pub shop_id: ShopId,
    /// Where it is.
    pub url: String,
    /// What it wants to be told.
    pub events: Subscription,
    /// Whether it is told.
    pub status: WebhookStatus,
    /// By which its events are signed.
    pub secret: WebhookSecret,
    /// By which they are signed as well, until then.
    pub older_secret: Option<(WebhookSecret, Timestamp)>,
    /// Since when nothing could be delivered.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

impl WebhookRecord {
    /// As others see it: without its secrets.
    #[must_use]
    pub fn to_webhook(&self, now: Timestamp) -> Webhook {
        let until = self.older_secret.as_ref().map(|(_, until)| *until);
        Webhook {
            webhook_id: self.webhook_id.clone(),
            url: self.url.clone(),
            events: self.events.clone(),
            status: self.status,
            failing_since: self.failing_since,
            older_secret_until: until.filter(|until| *until > now),
            create_time: self.create_time,
            update_time: self.update_time,
        }
    }

    /// The secrets that are good at `now`, the newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let older = self.older_secret.as_ref().filter(|(_, until)| *until > now).map(|(secret, _)| secret);
        std::iter::once(&self.secret).chain(older)
    }

    pub(super) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        const TABLE: &str = "webhook";
        let older: Option<String> = row::get(row, "older_secret")?;
        let until: Option<i64> = row::get(row, "older_secret_until")?;
        Ok(Self {
            webhook_id: row::needed_id(row, TABLE, "webhook_id")?,
            shop_id: row::shop_id(row, TABLE)?,
            url: row::get(row, "url")?,
            events: row::from_json(row, TABLE, "events")?,
            status: row::word(row, TABLE, "status")?,
            secret: WebhookSecret(row::get(row, "secret")?),
            older_secret: older.map(WebhookSecret).zip(until.map(Timestamp::from_millis)),
            failing_since: row::get::<Option<i64>>(row, "failing_since")?.map(Timestamp::from_millis),
            create_time: row::time(row, "create_time")?,
            update_time: row::time(row, "update_time")?,
        })
    }
}

/// What webhooks are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEventRecord {
    /// By which receivers tell it from others; unique.
    pub event_id: WebhookEventId,
    /// Of which type.
    pub kind: WebhookEventType,
    /// The body, JSON, as it is sent every time.
    pub body: String,
}

/// A delivery that this node has taken: until the end of its lease no other one tries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Which.
    pub delivery_id: WebhookDeliveryId,
    /// How many times it was taken.
    pub claim: i64,
    /// How many times it was tried before.
    pub attempts: u32,
    /// What the receiver knows it by.
    pub event_id: WebhookEventId,
    /// Of which type.
    pub kind: WebhookEventType,
    /// To be sent.
    pub body: String,
    /// To where.
    pub webhook: WebhookRecord,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has it.
    Delivered,
    /// To be tried again then.
    Retry(Timestamp),
    /// It was tried for the last time.
    Failed,
    /// The receiver wants nothing any more, neither this nor anything else.
    Gone,
}

/// A try, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryResult {
    /// Which delivery.
    pub delivery_id: WebhookDeliveryId,
    /// As it was taken: of one that was taken again meanwhile nothing is written.
    pub claim: i64,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// Which try it was, 1 being the first.
    pub number: u32,
    /// When it began.
    pub time: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What was answered.
    pub response_status: Option<u16>,
    /// Why it did not count.
    pub error: Option<String>,
    /// What follows.
    pub outcome: DeliveryOutcome,
}
