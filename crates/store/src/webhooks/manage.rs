//! Webhooks made, changed and removed by their shop. Every query starts from the shop.

use deskwire_protocol::{ShopId, Timestamp, ids::WebhookId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};

use super::record::{WEBHOOK, WebhookRecord};
use crate::{AuditRecord, Store, StoreError, row};

/// Sets this lock on a shop's name apart from others: "webhooks" as a number.
const WEBHOOK_COUNT_LOCK: i64 = 0x7765_6268_6f6f_6b73;

impl Store {
    /// Keeps a new webhook, unless the shop has `limit` of them; whether it was kept.
    pub async fn create_webhook(
        &self,
        webhook: &WebhookRecord,
        limit: u32,
        audit: AuditRecord,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        self.lock_webhook_count(&transaction, &webhook.shop_id).await?;
        let mut params = self.params();
        let sql = format!(
            "SELECT count(*) AS number FROM webhook WHERE shop_id = {} AND status <> 'DELETED'",
            params.push(webhook.shop_id.as_str())
        );
        let counted = transaction.query_one_raw(self.statement(sql, params.values)).await?;
        let number: i64 = counted.map_or(Ok(0), |row| row::get(&row, "number"))?;
        if number >= i64::from(limit) {
            return Ok(false);
        }
        self.write_webhook(&transaction, webhook).await?;
        self.write_audit(&transaction, &webhook.shop_id, &[audit]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The shop's webhooks, the oldest first, after the one that was made then.
    pub async fn webhooks(
        &self,
        shop_id: &ShopId,
        after: Option<&(Timestamp, WebhookId)>,
        limit: u32,
    ) -> Result<Vec<WebhookRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = format!("shop_id = {} AND status <> 'DELETED'", params.push(shop_id.as_str()));
        if let Some((time, id)) = after {
            let (time, id) = (params.push(time.millis()), params.push(id.as_str()));
            condition += &format!(" AND (create_time, webhook_id) > ({time}, {id})");
        }
        let sql = format!(
            "SELECT {WEBHOOK} FROM webhook WHERE {condition} ORDER BY create_time, webhook_id LIMIT {limit}"
        );
        self.rows(sql, params).await?.iter().map(WebhookRecord::read).collect()
    }

    /// One of the shop's webhooks.
    pub async fn webhook(
        &self,
        shop_id: &ShopId,
        webhook_id: &WebhookId,
    ) -> Result<Option<WebhookRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT {WEBHOOK} FROM webhook WHERE webhook_id = {} AND shop_id = {} AND status <> 'DELETED'",
            params.push(webhook_id.as_str()),
            params.push(shop_id.as_str())
        );
        self.rows(sql, params).await?.first().map(WebhookRecord::read).transpose()
    }

    /// Changes a webhook under its lock into what `change` makes of it; what it is then, none where there is none.
    pub async fn change_webhook(
        &self,
        shop_id: &ShopId,
        webhook_id: &WebhookId,
        audit: AuditRecord,
        change: impl FnOnce(&mut WebhookRecord) + Send,
    ) -> Result<Option<WebhookRecord>, StoreError> {
        let transaction = self.begin().await?;
        let Some(mut webhook) = self.lock_webhook(&transaction, shop_id, webhook_id).await? else {
            return Ok(None);
        };
        change(&mut webhook);
        self.write_webhook(&transaction, &webhook).await?;
        self.write_audit(&transaction, shop_id, &[audit]).await?;
        transaction.commit().await?;
        // What waited while it was switched off is due.
        self.webhook_events_written().notify_one();
        Ok(Some(webhook))
    }

    /// Removes a webhook, and forgets its secrets; whether there was one. Its deliveries go bit by bit, with
    /// [`Store::prune_webhooks`].
    pub async fn delete_webhook(
        &self,
        shop_id: &ShopId,
        webhook_id: &WebhookId,
        audit: AuditRecord,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!(
            "UPDATE webhook SET status = 'DELETED', secret = '', older_secret = NULL, update_time = {}
             WHERE webhook_id = {} AND shop_id = {} AND status <> 'DELETED'",
            params.push(audit.time.millis()),
            params.push(webhook_id.as_str()),
            params.push(shop_id.as_str())
        );
        let deleted = transaction.execute_raw(self.statement(sql, params.values)).await?.rows_affected();
        if deleted == 0 {
            return Ok(false);
        }
        self.write_audit(&transaction, shop_id, &[audit]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Of those who make a webhook of a shop at once, each counts what the one before has made. On `SQLite` a transaction
    /// is alone anyway.
    async fn lock_webhook_count(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
    ) -> Result<(), StoreError> {
        if self.backend() == DbBackend::Postgres {
            // A shop need not have a row that could be locked.
            let mut params = self.params();
            let sql = format!(
                "SELECT pg_advisory_xact_lock(hashtextextended({}, {WEBHOOK_COUNT_LOCK}))",
                params.push(shop_id.as_str())
            );
            transaction.execute_raw(self.statement(sql, params.values)).await?;
        }
        Ok(())
    }

    pub(super) async fn lock_webhook(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
        webhook_id: &WebhookId,
    ) -> Result<Option<WebhookRecord>, StoreError> {
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR NO KEY UPDATE",
            _ => "",
        };
        let mut params = self.params();
        let sql = format!(
            "SELECT {WEBHOOK} FROM webhook
             WHERE webhook_id = {} AND shop_id = {} AND status <> 'DELETED' {lock}",
            params.push(webhook_id.as_str()),
            params.push(shop_id.as_str())
        );
        let row = transaction.query_one_raw(self.statement(sql, params.values)).await?;
        row.as_ref().map(WebhookRecord::read).transpose()
    }

    async fn write_webhook(
        &self,
        transaction: &DatabaseTransaction,
        webhook: &WebhookRecord,
    ) -> Result<(), StoreError> {
        let (older_secret, until) = match &webhook.older_secret {
            Some((secret, until)) => (Some(secret.reveal().to_owned()), Some(until.millis())),
            None => (None, None),
        };
        let mut params = self.params();
        let row = params.list(
            [
                webhook.webhook_id.as_str().into(),
                webhook.shop_id.as_str().into(),
                webhook.url.as_str().into(),
                row::to_json(&webhook.events)?.into(),
                row::wire_word(&webhook.status)?.into(),
                webhook.secret.reveal().into(),
                older_secret.into(),
                until.into(),
                webhook.failing_since.map(Timestamp::millis).into(),
                webhook.create_time.millis().into(),
                webhook.update_time.millis().into(),
            ]
            .into_iter(),
        );
        let sql = format!(
            "INSERT INTO webhook (webhook_id, shop_id, url, events, status, secret, older_secret, older_secret_until,
                 failing_since, create_time, update_time) VALUES ({row})
             ON CONFLICT (webhook_id) DO UPDATE SET url = excluded.url, events = excluded.events,
                 status = excluded.status, secret = excluded.secret, older_secret = excluded.older_secret,
                 older_secret_until = excluded.older_secret_until, failing_since = excluded.failing_since,
                 update_time = excluded.update_time"
        );
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        Ok(())
    }
}
