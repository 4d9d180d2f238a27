//! The delivery log: what is on its way to a webhook, with every try; and the hand that tries something again.

use std::collections::HashMap;

use deskwire_protocol::{
    ShopId, Timestamp,
    ids::{WebhookDeliveryId, WebhookId},
    webhook::{WebhookAttempt, WebhookDelivery, WebhookDeliveryStatus, WebhookStatus},
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::deliveries::delivery_id;
use crate::{
    Store, StoreError, row,
    sql::{Params, ROWS},
};

const TABLE: &str = "webhook_delivery";

/// What became of trying again by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryRetry {
    /// It is tried as soon as may be.
    Due(WebhookDelivery),
    /// It is being tried at this moment.
    Sending(WebhookDelivery),
    /// Its webhook is switched off.
    SwitchedOff,
    /// The shop has no such delivery.
    NotFound,
}

impl Store {
    /// What was and is on its way to a webhook of the shop, the newest first, before this one.
    pub async fn webhook_deliveries(
        &self,
        shop_id: &ShopId,
        webhook_id: &WebhookId,
        before: Option<WebhookDeliveryId>,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let mut params = self.params();
        let mut condition = format!(
            "d.webhook_id = {} AND w.shop_id = {}",
            params.push(webhook_id.as_str()),
            params.push(shop_id.as_str())
        );
        if let Some(before) = before {
            condition += &format!(" AND d.delivery_no < {}", params.push(before.get()));
        }
        self.read_deliveries(&condition, limit, params).await
    }

    /// One of them.
    pub async fn webhook_delivery(
        &self,
        shop_id: &ShopId,
        id: WebhookDeliveryId,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        let mut params = self.params();
        let condition = format!(
            "d.delivery_no = {} AND w.shop_id = {}",
            params.push(id.get()),
            params.push(shop_id.as_str())
        );
        Ok(self.read_deliveries(&condition, 1, params).await?.pop())
    }

    /// Has a delivery tried again now, whatever became of it so far. It is the same event, so the receiver knows it again.
    pub async fn retry_webhook_delivery(
        &self,
        shop_id: &ShopId,
        id: WebhookDeliveryId,
        now: Timestamp,
    ) -> Result<DeliveryRetry, StoreError> {
        let Some(found) = self.webhook_delivery(shop_id, id).await? else {
            return Ok(DeliveryRetry::NotFound);
        };
        let webhook = self.webhook(shop_id, &found.webhook_id).await?;
        if webhook.is_none_or(|webhook| webhook.status != WebhookStatus::Enabled) {
            return Ok(DeliveryRetry::SwitchedOff);
        }
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!(
            "UPDATE webhook_delivery SET status = 'PENDING', next_attempt_time = {}
             WHERE delivery_no = {} AND status <> 'SENDING'",
            params.push(now.millis()),
            params.push(id.get())
        );
        let changed = transaction.execute_raw(self.statement(sql, params.values)).await?.rows_affected();
        transaction.commit().await?;
        if changed == 0 {
            return Ok(DeliveryRetry::Sending(found));
        }
        self.webhook_events_written().notify_one();
        let status = WebhookDeliveryStatus::Pending;
        Ok(DeliveryRetry::Due(WebhookDelivery { status, next_attempt_time: Some(now), ..found }))
    }

    async fn read_deliveries(
        &self,
        condition: &str,
        limit: u32,
        params: Params,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let sql = format!(
            "SELECT d.delivery_no, d.webhook_id, d.status, d.next_attempt_time, e.event_id, e.event_type, e.create_time
             FROM webhook_delivery d JOIN webhook w ON w.webhook_id = d.webhook_id AND w.status <> 'DELETED'
             JOIN webhook_event e ON e.event_no = d.event_no
             WHERE {condition} ORDER BY d.delivery_no DESC LIMIT {limit}"
        );
        let rows = self.rows(sql, params).await?;
        let mut deliveries = rows.iter().map(delivery).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<WebhookDeliveryId> = deliveries.iter().map(|delivery| delivery.delivery_id).collect();
        let mut attempts = self.attempts(&ids).await?;
        for delivery in &mut deliveries {
            delivery.attempts = attempts.remove(&delivery.delivery_id).unwrap_or_default();
        }
        Ok(deliveries)
    }

    async fn attempts(
        &self,
        ids: &[WebhookDeliveryId],
    ) -> Result<HashMap<WebhookDeliveryId, Vec<WebhookAttempt>>, StoreError> {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for ids in ids.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(ids.iter().map(|id| id.get().into()));
            let sql = format!(
                "SELECT delivery_no, number, time, duration_ms, response_status, error FROM webhook_attempt
                 WHERE delivery_no IN ({list}) ORDER BY delivery_no, number"
            );
            for row in self.rows(sql, params).await? {
                found.entry(delivery_id(&row)?).or_default().push(attempt(&row)?);
            }
        }
        Ok(found)
    }
}

fn delivery(row: &QueryResult) -> Result<WebhookDelivery, StoreError> {
    Ok(WebhookDelivery {
        delivery_id: delivery_id(row)?,
        webhook_id: row::needed_id(row, TABLE, "webhook_id")?,
        event_id: row::needed_id(row, TABLE, "event_id")?,
        event_type: row::word(row, TABLE, "event_type")?,
        status: row::word(row, TABLE, "status")?,
        next_attempt_time: row::get::<Option<i64>>(row, "next_attempt_time")?.map(Timestamp::from_millis),
        create_time: row::time(row, "create_time")?,
        attempts: Vec::new(),
    })
}

fn attempt(row: &QueryResult) -> Result<WebhookAttempt, StoreError> {
    let corrupt = |column| StoreError::corrupt("webhook_attempt", format_args!("{column} is out of range"));
    let status = row::get::<Option<i64>>(row, "response_status")?;
    Ok(WebhookAttempt {
        number: u32::try_from(row::get::<i64>(row, "number")?).map_err(|_| corrupt("number"))?,
        time: row::time(row, "time")?,
        duration_ms: u32::try_from(row::get::<i64>(row, "duration_ms")?)
            .map_err(|_| corrupt("duration_ms"))?,
        response_status: status.map(u16::try_from).transpose().map_err(|_| corrupt("response_status"))?,
        error: row::get(row, "error")?,
    })
}
