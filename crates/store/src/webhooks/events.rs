//! Events and who is to get them, written in the transaction of the change that caused them.

use std::collections::HashMap;

use deskwire_protocol::{
    ShopId, Timestamp,
    ids::{WebhookDeliveryId, WebhookId},
    webhook::{Subscription, WebhookDelivery, WebhookDeliveryStatus, WebhookStatus},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};

use super::record::{WebhookEventRecord, WebhookRecord};
use crate::{Store, StoreError, row, sql::ROWS};

/// An event, and the webhooks that it goes to.
type Addressed<'a> = (&'a WebhookEventRecord, Vec<&'a WebhookId>);

impl Store {
    /// The shop's webhooks that are told anything: one short query, since every change asks it.
    pub(crate) async fn enabled_webhooks(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
    ) -> Result<Vec<(WebhookId, Subscription)>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT webhook_id, events FROM webhook WHERE shop_id = {} AND status = 'ENABLED'",
            params.push(shop_id.as_str())
        );
        let rows = transaction.query_all_raw(self.statement(sql, params.values)).await?;
        rows.iter()
            .map(|row| {
                let webhook_id = row::needed_id(row, "webhook", "webhook_id")?;
                Ok((webhook_id, row::from_json(row, "webhook", "events")?))
            })
            .collect()
    }

    /// Writes the events that some webhook wants, each with its deliveries; whether there were any.
    pub(crate) async fn write_webhook_events(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
        webhooks: &[(WebhookId, Subscription)],
        events: &[WebhookEventRecord],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut wanted = Vec::new();
        for event in events {
            let wants = |(_, events): &&(WebhookId, Subscription)| events.wants(event.kind);
            let to: Vec<&WebhookId> = webhooks.iter().filter(wants).map(|(id, _)| id).collect();
            if !to.is_empty() {
                wanted.push((event, to));
            }
        }
        for events in wanted.chunks(ROWS) {
            self.insert_events(transaction, shop_id, events, now).await?;
        }
        Ok(!wanted.is_empty())
    }

    /// Has one webhook told something, whatever it wants; none where it is told nothing at all.
    pub async fn tell_webhook(
        &self,
        shop_id: &ShopId,
        webhook_id: &WebhookId,
        event: &WebhookEventRecord,
        now: Timestamp,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        let transaction = self.begin().await?;
        let webhook = self.lock_webhook(&transaction, shop_id, webhook_id).await?;
        let enabled = |webhook: &WebhookRecord| webhook.status == WebhookStatus::Enabled;
        let Some(webhook) = webhook.filter(enabled) else { return Ok(None) };
        let addressed = [(event, vec![&webhook.webhook_id])];
        let delivery_id = self.insert_events(&transaction, shop_id, &addressed, now).await?;
        transaction.commit().await?;
        self.webhook_events_written().notify_one();
        let delivery_id =
            delivery_id.ok_or_else(|| StoreError::corrupt("webhook_delivery", "has no number"))?;
        Ok(Some(WebhookDelivery {
            delivery_id,
            webhook_id: webhook.webhook_id,
            event_id: event.event_id.clone(),
            event_type: event.kind,
            status: WebhookDeliveryStatus::Pending,
            next_attempt_time: Some(now),
            create_time: now,
            attempts: Vec::new(),
        }))
    }

    /// The last delivery's number.
    async fn insert_events(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
        events: &[Addressed<'_>],
        now: Timestamp,
    ) -> Result<Option<WebhookDeliveryId>, StoreError> {
        let mut params = self.params();
        let rows = params.rows(events.iter().map(|(event, _)| {
            vec![
                event.event_id.as_str().into(),
                shop_id.as_str().into(),
                event.kind.as_str().into(),
                event.body.as_str().into(),
                now.millis().into(),
            ]
        }));
        let sql = format!(
            "INSERT INTO webhook_event (event_id, shop_id, event_type, body, create_time) VALUES {rows}
             RETURNING event_no, event_id"
        );
        let mut numbers: HashMap<String, i64> = HashMap::with_capacity(events.len());
        for row in transaction.query_all_raw(self.statement(sql, params.values)).await? {
            numbers.insert(row::get(&row, "event_id")?, row::get(&row, "event_no")?);
        }

        let mut deliveries: Vec<Vec<Value>> = Vec::with_capacity(events.len());
        for (event, to) in events {
            let number = numbers.get(event.event_id.as_str()).copied();
            let number = number.ok_or_else(|| StoreError::corrupt("webhook_event", "was not numbered"))?;
            for webhook_id in to {
                deliveries.push(vec![webhook_id.as_str().into(), number.into(), now.millis().into()]);
            }
        }
        let mut last = None;
        for deliveries in deliveries.chunks(ROWS) {
            let mut params = self.params();
            let rows = params.rows(deliveries.iter().cloned());
            let sql = format!(
                "INSERT INTO webhook_delivery (webhook_id, event_no, status, attempts, claim, next_attempt_time)
                 SELECT k.column1, k.column2, 'PENDING', 0, 0, k.column3 FROM (VALUES {rows}) AS k
                 WHERE true RETURNING delivery_no"
            );
            for row in transaction.query_all_raw(self.statement(sql, params.values)).await? {
                last = last.max(WebhookDeliveryId::new(row::get(&row, "delivery_no")?));
            }
        }
        Ok(last)
    }
}
