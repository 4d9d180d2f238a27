//! Orders of the shop's systems.

use deskwire_protocol::{
    ShopId,
    order::{Editor, Order, OrderStatus},
};
use deskwire_store::{ClaimRecord, OrderRecord, ProductRecord};

use super::{
    Documents, Outcomes, Written,
    stage::{Stage, split, stands},
};
use crate::{
    Workbench, WorkbenchError,
    coupons::{facts, with},
    place::set_times,
    rules::{
        coupons::give_back,
        lapse::{keep_due_time, put_back},
        orders::upsert,
        products::stock,
    },
};

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
        let placed_here =
            stored.filter(|record| record.client_order_id.is_some()).map(|record| &record.order);
        let mut incoming = order.clone();
        if let Some(placed) = placed_here {
            keep_due_time(placed, &mut incoming);
        }
        let write = upsert(stored.map(|record| &record.order), incoming, self.now)?;
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
            let cancelled = placed_here.filter(|placed| {
                placed.status != OrderStatus::Cancelled && record.order.status == OrderStatus::Cancelled
            });
            let cancelled = cancelled.cloned();
            set_times(self.times.deadline_notice, stored, &mut record, self.now);
            let id = record.order.id.clone();
            self.orders.insert(id, record);
            if let Some(cancelled) = cancelled {
                self.give_back(&cancelled)?;
            }
        }
        Ok(written)
    }

    /// What was taken for an order when it was placed here goes back: its pieces into the stock, its coupon to the buyer.
    fn give_back(&mut self, order: &Order) -> Result<(), WorkbenchError> {
        for item in &order.line_items {
            let Some(id) = self.product_of(&item.sku_id).cloned() else { continue };
            if let Some(stored) = stands(&self.products, &self.loaded.products, &id) {
                let product = put_back(&stored.product, item)?;
                let record = ProductRecord { stock: stock(&product), product, ..stored.clone() };
                self.products.insert(id, record);
            }
        }
        let loaded = self.loaded;
        let used = loaded.claims.iter().find(|had| had.claim.order_id.as_ref() == Some(&order.id));
        if let Some(used) = used
            && let Some(stored) = stands(&self.coupons, &loaded.coupons, &used.claim.coupon_id)
        {
            let (coupon, claim) = give_back(&facts(stored), &used.claim);
            let record = with(stored, coupon);
            self.coupons.insert(record.coupon.id.clone(), record);
            self.claims.push(ClaimRecord { claim, ..used.clone() });
        }
        Ok(())
    }
}
