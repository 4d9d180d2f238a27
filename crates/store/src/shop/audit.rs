//! Who did what: written with what was done, in its transaction.

use deskwire_protocol::ShopId;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::record::AuditRecord;
use crate::{Store, StoreError, row, sql::ROWS};

impl Store {
    pub(crate) async fn write_audit(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
        audit: &[AuditRecord],
    ) -> Result<(), StoreError> {
        for audit in audit.chunks(ROWS) {
            let mut rows = Vec::with_capacity(audit.len());
            for record in audit {
                rows.push(vec![
                    shop_id.as_str().into(),
                    record.time.millis().into(),
                    row::wire_word(&record.actor_kind)?.into(),
                    record.actor_id.as_str().into(),
                    record.action.into(),
                    record.thing_kind.into(),
                    record.thing_id.as_str().into(),
                    record.result.as_str().into(),
                    record.detail.clone().into(),
                ]);
            }
            let mut params = self.params();
            let rows = params.rows(rows.into_iter());
            let sql = format!(
                "INSERT INTO audit (shop_id, time, actor_kind, actor_id, action, thing_kind, thing_id, result, detail)
                 VALUES {rows}"
            );
            transaction.execute_raw(self.statement(sql, params.values)).await?;
        }
        Ok(())
    }
}
