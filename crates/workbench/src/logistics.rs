//! Parcels of an order, for both sides.

use deskwire_protocol::{logistics::LogisticsResult, order::OrderParams};

use crate::{Caller, Workbench, WorkbenchError};

impl Workbench {
    /// `workbench.logistics.get` and `buyer.logistics.get`.
    pub async fn logistics_get(
        &self,
        caller: &Caller,
        params: OrderParams,
    ) -> Result<LogisticsResult, WorkbenchError> {
        let record = self.order_record(&caller.scope, &params.order_id).await?;
        let order_id = record.order.id;
        let packages = self.store().packages(&caller.scope.shop_id, std::slice::from_ref(&order_id)).await?;
        let link = self.config().links.tracking(&caller.scope.shop_id, &order_id);
        Ok(LogisticsResult {
            packages: packages.into_iter().map(|record| record.package).collect(),
            order_id,
            link,
        })
    }
}
