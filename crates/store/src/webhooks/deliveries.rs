//! Taking deliveries and writing down what became of them. A delivery is taken by setting its next time to the end of a
//! lease: a node that dies lets go of it by the time passing. Whoever took it last is the one whose result counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use deskwire_protocol::{
    Timestamp,
    ids::{WebhookDeliveryId, WebhookId},
    webhook::WebhookStatus,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Value};

use super::record::{ClaimedDelivery, DeliveryOutcome, DeliveryResult, WEBHOOK, WebhookRecord};
use crate::{Store, StoreError, row, sql::ROWS};

/// How many deliveries may be taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimLimits {
    /// In all.
    pub places: usize,
    /// Of one webhook.
    pub per_webhook: usize,
    /// Of these webhooks so many only.
    pub exceptions: HashMap<WebhookId, usize>,
}

impl ClaimLimits {
    fn of(&self, webhook_id: &WebhookId) -> usize {
        self.exceptions.get(webhook_id).copied().unwrap_or(self.per_webhook)
    }
}

impl Store {
    /// Takes deliveries that are due, of each webhook the longest due first, and no more of one webhook than the limits
    /// say: those that answer slowly leave room for the others.
    pub async fn claim_webhook_deliveries(
        &self,
        limits: &ClaimLimits,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let due = self.webhooks_due(limits.places + limits.exceptions.len(), now).await?;
        let due: Vec<WebhookId> = due.into_iter().filter(|id| limits.of(id) > 0).collect();
        if due.is_empty() || limits.places == 0 {
            return Ok(Vec::new());
        }
        let transaction = self.begin().await?;
        let mut taken = Vec::new();
        for webhook_id in due {
            let number = limits.of(&webhook_id).min(limits.places - taken.len());
            if number == 0 {
                break;
            }
            taken.extend(self.take(&transaction, &webhook_id, number, now, lease_until).await?);
        }
        let claimed = self.read_claimed(&transaction, &taken).await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Webhooks that something is due for.
    async fn webhooks_due(&self, limit: usize, now: Timestamp) -> Result<Vec<WebhookId>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT webhook_id FROM (
                 SELECT w.webhook_id, (
                     SELECT d.next_attempt_time FROM webhook_delivery d
                     WHERE d.webhook_id = w.webhook_id AND d.next_attempt_time IS NOT NULL
                     ORDER BY d.next_attempt_time LIMIT 1
                 ) AS due_time FROM webhook w WHERE w.status = 'ENABLED'
             ) AS t WHERE due_time <= {} ORDER BY due_time LIMIT {limit}",
            params.push(now.millis())
        );
        let rows = self.rows(sql, params).await?;
        rows.iter().map(|row| row::needed_id(row, "webhook", "webhook_id")).collect()
    }

    async fn take(
        &self,
        transaction: &DatabaseTransaction,
        webhook_id: &WebhookId,
        number: usize,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        // What another node is taking at this moment is not waited for.
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR NO KEY UPDATE SKIP LOCKED",
            _ => "",
        };
        let mut params = self.params();
        let (webhook_id, now) = (params.push(webhook_id.as_str()), params.push(now.millis()));
        let sql = format!(
            "UPDATE webhook_delivery SET status = 'SENDING', claim = claim + 1, next_attempt_time = {}
             WHERE next_attempt_time <= {now} AND delivery_no IN (
                 SELECT delivery_no FROM webhook_delivery
                 WHERE webhook_id = {webhook_id} AND next_attempt_time <= {now}
                 ORDER BY next_attempt_time, delivery_no LIMIT {number} {lock}
             ) RETURNING delivery_no",
            params.push(lease_until.millis())
        );
        let rows = transaction.query_all_raw(self.statement(sql, params.values)).await?;
        rows.iter().map(|row| row::get(row, "delivery_no")).collect()
    }

    async fn read_claimed(
        &self,
        transaction: &DatabaseTransaction,
        taken: &[i64],
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let mut claimed = Vec::with_capacity(taken.len());
        for taken in taken.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(taken.iter().map(|number| Value::from(*number)));
            let sql = format!(
                "SELECT d.delivery_no, d.claim, d.attempts, e.event_id, e.event_type, e.body, {WEBHOOK}
                 FROM webhook_delivery d JOIN webhook_event e ON e.event_no = d.event_no
                 JOIN webhook ON webhook.webhook_id = d.webhook_id AND webhook.status = 'ENABLED'
                 WHERE d.delivery_no IN ({list}) ORDER BY d.delivery_no"
            );
            for row in transaction.query_all_raw(self.statement(sql, params.values)).await? {
                claimed.push(read_claimed(&row)?);
            }
        }
        Ok(claimed)
    }

    /// Writes down what became of these. A webhook that answered that it is gone, or that could deliver nothing since
    /// `failing_before`, is switched off; those are answered.
    pub async fn finish_webhook_deliveries(
        &self,
        results: &[DeliveryResult],
        now: Timestamp,
        failing_before: Timestamp,
    ) -> Result<Vec<WebhookRecord>, StoreError> {
        let transaction = self.begin().await?;
        for results in results.chunks(ROWS) {
            let written = self.write_results(&transaction, results).await?;
            let counted: Vec<&DeliveryResult> =
                results.iter().filter(|result| written.contains(&result.delivery_id)).collect();
            self.write_attempts(&transaction, &counted).await?;
        }
        let switched_off = self.judge_webhooks(&transaction, results, now, failing_before).await?;
        transaction.commit().await?;
        Ok(switched_off)
    }

    /// Gives back what was taken and not tried to the end: the next node may take it at once.
    pub async fn release_webhook_deliveries(
        &self,
        claims: &[(WebhookDeliveryId, i64)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        for claims in claims.chunks(ROWS) {
            let mut params = self.params();
            let rows = params.rows(claims.iter().map(|(id, claim)| vec![id.get().into(), (*claim).into()]));
            let sql = format!(
                "UPDATE webhook_delivery SET status = 'PENDING', next_attempt_time = {}
                 FROM (VALUES {rows}) AS k
                 WHERE delivery_no = k.column1 AND claim = k.column2 AND status = 'SENDING'",
                params.push(now.millis())
            );
            transaction.execute_raw(self.statement(sql, params.values)).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Those that were not taken by another node meanwhile.
    async fn write_results(
        &self,
        transaction: &DatabaseTransaction,
        results: &[DeliveryResult],
    ) -> Result<HashSet<WebhookDeliveryId>, StoreError> {
        let mut params = self.params();
        let rows = params.rows(results.iter().map(|result| {
            let (status, next) = match result.outcome {
                DeliveryOutcome::Delivered => ("DELIVERED", None),
                DeliveryOutcome::Retry(time) => ("PENDING", Some(time.millis())),
                DeliveryOutcome::Failed | DeliveryOutcome::Gone => ("FAILED", None),
            };
            vec![
                result.delivery_id.get().into(),
                result.claim.into(),
                status.into(),
                i64::from(result.number).into(),
                next.into(),
            ]
        }));
        let sql = format!(
            "UPDATE webhook_delivery SET status = k.column3, attempts = k.column4, next_attempt_time = k.column5
             FROM (VALUES {rows}) AS k
             WHERE delivery_no = k.column1 AND claim = k.column2 AND status = 'SENDING' RETURNING delivery_no"
        );
        let rows = transaction.query_all_raw(self.statement(sql, params.values)).await?;
        rows.iter().map(delivery_id).collect()
    }

    async fn write_attempts(
        &self,
        transaction: &DatabaseTransaction,
        results: &[&DeliveryResult],
    ) -> Result<(), StoreError> {
        if results.is_empty() {
            return Ok(());
        }
        let mut params = self.params();
        let rows = params.rows(results.iter().map(|result| {
            vec![
                result.delivery_id.get().into(),
                i64::from(result.number).into(),
                result.time.millis().into(),
                i64::try_from(result.duration.as_millis()).unwrap_or(i64::MAX).into(),
                result.response_status.map(i64::from).into(),
                result.error.clone().into(),
            ]
        }));
        let sql = format!(
            "INSERT INTO webhook_attempt (delivery_no, number, time, duration_ms, response_status, error) VALUES {rows}"
        );
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        Ok(())
    }

    /// What the results say of their webhooks: all is well again, fails since now, fails for too long, is gone. In the order
    /// of their ids, so that two nodes never wait for each other.
    async fn judge_webhooks(
        &self,
        transaction: &DatabaseTransaction,
        results: &[DeliveryResult],
        now: Timestamp,
        failing_before: Timestamp,
    ) -> Result<Vec<WebhookRecord>, StoreError> {
        let mut verdicts: BTreeMap<&WebhookId, Verdict> = BTreeMap::new();
        for result in results {
            let verdict = match result.outcome {
                DeliveryOutcome::Retry(_) | DeliveryOutcome::Failed => Verdict::Fails,
                DeliveryOutcome::Delivered => Verdict::Well,
                DeliveryOutcome::Gone => Verdict::Gone,
            };
            let known = verdicts.entry(&result.webhook_id).or_insert(verdict);
            *known = verdict.max(*known);
        }
        let mut switched_off = Vec::new();
        for (webhook_id, verdict) in verdicts {
            let mut params = self.params();
            let id = params.push(webhook_id.as_str());
            let change = match verdict {
                Verdict::Well => {
                    format!("SET failing_since = NULL WHERE webhook_id = {id} AND failing_since IS NOT NULL")
                }
                Verdict::Fails => {
                    let (now, before) = (params.push(now.millis()), params.push(failing_before.millis()));
                    format!(
                        "SET failing_since = COALESCE(failing_since, {now}),
                             status = CASE WHEN failing_since <= {before} THEN 'FAILING' ELSE status END
                         WHERE webhook_id = {id} AND status = 'ENABLED'
                             AND (failing_since IS NULL OR failing_since <= {before})"
                    )
                }
                Verdict::Gone => {
                    format!("SET status = 'GONE' WHERE webhook_id = {id} AND status = 'ENABLED'")
                }
            };
            let sql = format!("UPDATE webhook {change} AND status <> 'DELETED' RETURNING {WEBHOOK}");
            if let Some(row) = transaction.query_one_raw(self.statement(sql, params.values)).await? {
                let webhook = WebhookRecord::read(&row)?;
                match webhook.status {
                    WebhookStatus::Gone | WebhookStatus::Failing => switched_off.push(webhook),
                    WebhookStatus::Enabled | WebhookStatus::Disabled => {}
                }
            }
        }
        Ok(switched_off)
    }
}

/// What the results of one batch say of a webhook; what is further down counts more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Fails,
    Well,
    Gone,
}

pub(super) fn delivery_id(row: &QueryResult) -> Result<WebhookDeliveryId, StoreError> {
    WebhookDeliveryId::new(row::get(row, "delivery_no")?)
        .ok_or_else(|| StoreError::corrupt("webhook_delivery", "delivery_no is not positive"))
}

fn read_claimed(row: &QueryResult) -> Result<ClaimedDelivery, StoreError> {
    Ok(ClaimedDelivery {
        delivery_id: delivery_id(row)?,
        claim: row::get(row, "claim")?,
        attempts: u32::try_from(row::get::<i64>(row, "attempts")?)
            .map_err(|_| StoreError::corrupt("webhook_delivery", "attempts is no count"))?,
        event_id: row::needed_id(row, "webhook_event", "event_id")?,
        kind: row::word(row, "webhook_event", "event_type")?,
        body: row::get(row, "body")?,
        webhook: WebhookRecord::read(row)?,
    })
}
