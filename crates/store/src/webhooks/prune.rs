//! What nobody needs any more goes, a few rows at a time: the tables stay bounded and nobody waits long for it.

use deskwire_protocol::Timestamp;
use sea_orm::ConnectionTrait;

use crate::{Store, StoreError, row};

/// Rows of one transaction.
const AT_ONCE: u32 = 500;

impl Store {
    /// Removes events from before a time that no webhook waits for, and what is left of deleted webhooks. Whether there may
    /// be more to remove.
    pub async fn prune_webhooks(&self, before: Timestamp) -> Result<bool, StoreError> {
        let mut params = self.params();
        let events = format!(
            "DELETE FROM webhook_event WHERE event_no IN (
                 SELECT e.event_no FROM webhook_event e WHERE e.create_time < {} AND NOT EXISTS (
                     SELECT 1 FROM webhook_delivery d JOIN webhook w ON w.webhook_id = d.webhook_id
                     WHERE d.event_no = e.event_no AND d.next_attempt_time IS NOT NULL AND w.status = 'ENABLED'
                 ) ORDER BY e.create_time LIMIT {AT_ONCE}
             )",
            params.push(before.millis())
        );
        let transaction = self.begin().await?;
        let mut most = transaction.execute_raw(self.statement(events, params.values)).await?.rows_affected();
        // The row of a deleted webhook stays long enough for whoever was about to tell it something.
        let mut params = self.params();
        let before = params.push(before.millis());
        let deleted = format!(
            "SELECT w.webhook_id FROM webhook w WHERE w.status = 'DELETED' AND (
                 w.update_time < {before}
                 OR EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.webhook_id = w.webhook_id)
             ) ORDER BY w.webhook_id LIMIT 10"
        );
        for row in transaction.query_all_raw(self.statement(deleted, params.values)).await? {
            let webhook_id: String = row::get(&row, "webhook_id")?;
            let mut params = self.params();
            let deliveries = format!(
                "DELETE FROM webhook_delivery WHERE delivery_no IN (
                     SELECT delivery_no FROM webhook_delivery WHERE webhook_id = {} ORDER BY delivery_no LIMIT {AT_ONCE}
                 )",
                params.push(webhook_id.as_str())
            );
            let gone =
                transaction.execute_raw(self.statement(deliveries, params.values)).await?.rows_affected();
            most = most.max(gone);
            if gone == 0 {
                let mut params = self.params();
                let id = params.push(webhook_id.as_str());
                let webhook = format!("DELETE FROM webhook WHERE webhook_id = {id}");
                transaction.execute_raw(self.statement(webhook, params.values)).await?;
            }
        }
        transaction.commit().await?;
        Ok(most >= u64::from(AT_ONCE))
    }
}
