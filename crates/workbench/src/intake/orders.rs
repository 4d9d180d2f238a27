//! Orders of the shop's systems.

use deskwire_protocol::{
    ShopId,
    card::ThingKind,
    order::{Editor, Order},
};
use deskwire_store::OrderRecord;

use super::{
    Documents, Outcomes, Written,
    stage::{Stage, split, stands},
};
use crate::{Workbench, WorkbenchError, place::set_times, rules::orders::upsert};

impl Workbench {
    /// Makes or changes orders. The outer error means that nothing was written.
    pub async fn put_orders(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        orders: Vec<Order>,
    ) -> Result<Outcomes, WorkbenchError> {
        self.put_and_tell(shop_id, editor, &Documents::Orders(orders)).await
    }
}

impl Stage<'_> {
    pub(super) fn put_order(&mut self, order: &Order) -> Result<Written, WorkbenchError> {
        let stored = stands(&self.orders, &self.loaded.orders, &order.id);
        let write = upsert(stored.map(|record| &record.order), order.clone(), self.now)?;
        let (written, document) = split(write);
        if let Some(order) = document {
            let mut record = match stored {
                Some(stored) => OrderRecord { order, ..stored.clone() },
                None => OrderRecord {
                    order,
                    client_order_id: None,
                    remind_time: None,
                    lapse_time: None,
                    note: None,
                    version: 0,
                },
            };
            set_times(self.times.deadline_notice, stored, &mut record, self.now);
            let id = record.order.id.clone();
            self.note("orders.put", ThingKind::Order.as_str(), id.as_str());
            self.orders.insert(id, record);
        }
        Ok(written)
    }
}
