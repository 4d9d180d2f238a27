//! Does what is due: requests that the shop left unanswered are approved, orders that nobody paid give back what they
//! took, agents are told of deadlines that come near and of coupons that begin or end. On any node, once.

use deskwire_chat::bus;
use deskwire_protocol::{ShopId, card::ThingKind};
use deskwire_store::{ClaimRecord, OrderRecord, ProductRecord, ShopChanges, Wanted};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    Workbench, WorkbenchError,
    coupons::{facts, with},
    rules::{
        lapse::{Lapsed, lapse},
        products::stock,
        reminders,
    },
    workbench::{Deed, coupon_changed, in_time, system},
};

/// Worked off at once.
const DUE: u32 = 100;

impl Workbench {
    /// Looks for what is due, until `shutdown`.
    pub(crate) async fn keep_time(&self, shutdown: CancellationToken) {
        let look = async {
            loop {
                for (what, outcome) in [
                    ("requests for returns", in_time(Box::pin(self.approve_overdue())).await),
                    ("orders that were not paid", in_time(Box::pin(self.lapse_overdue())).await),
                    ("coupons that begin or end", in_time(Box::pin(self.tell_of_turns())).await),
                    ("deadlines", in_time(Box::pin(self.remind())).await),
                    ("deadlines of returns", in_time(Box::pin(self.remind_of_answers())).await),
                ] {
                    if let Err(error) = outcome {
                        tracing::warn!(%error, what, "what is due could not be done; it is tried again soon");
                    }
                }
                sleep(self.config().poll_interval).await;
            }
        };
        shutdown.run_until_cancelled(look).await;
    }

    /// Cancels what was placed here and not paid in time.
    async fn lapse_overdue(&self) -> Result<(), WorkbenchError> {
        for (shop_id, record) in self.store().orders_lapsing(self.now(), DUE).await? {
            // One that cannot lapse must not keep back those of others.
            if let Err(error) = self.lapse(&shop_id, &record).await {
                let order_id = &record.order.id;
                tracing::warn!(%error, %shop_id, %order_id, "an order that was not paid could not be cancelled");
            }
        }
        Ok(())
    }

    async fn lapse(&self, shop_id: &ShopId, due: &OrderRecord) -> Result<(), WorkbenchError> {
        let id = &due.order.id;
        let used = self.store().claim_on_order(shop_id, id).await?;
        let wanted = Wanted {
            orders: vec![id.clone()],
            skus: due.order.line_items.iter().map(|item| item.sku_id.clone()).collect(),
            claims: used.iter().map(|used| (used.claim.coupon_id.clone(), used.buyer_id.clone())).collect(),
            ..Wanted::default()
        };
        let deed =
            Deed { editor: system(), action: "orders.lapse", kind: ThingKind::Order, id: id.to_string() };
        self.change(shop_id, &wanted, deed, |loaded, now| {
            let Some(stored) = loaded.orders.get(id) else { return Ok((ShopChanges::default(), ())) };
            let sku_id = stored.order.line_items.first().map(|item| &item.sku_id);
            let product = sku_id.and_then(|id| loaded.skus.get(id)).and_then(|id| loaded.products.get(id));
            let claim = loaded.claims.iter().find(|had| had.claim.order_id.as_ref() == Some(id));
            let coupon = claim.and_then(|claim| loaded.coupons.get(&claim.claim.coupon_id));
            let facts = coupon.map(facts);
            let used = facts.as_ref().zip(claim.map(|claim| &claim.claim));
            let Some(Lapsed { order, product: stocked, given_back }) =
                lapse(&stored.order, product.map(|record| &record.product), used, now)?
            else {
                // Paid or cancelled meanwhile: it lapses no more.
                let mut record = stored.clone();
                self.set_times(Some(stored), &mut record, now);
                let is_new = record.lapse_time != stored.lapse_time;
                let orders = if is_new { vec![record] } else { Vec::new() };
                return Ok((ShopChanges { orders, ..ShopChanges::default() }, ()));
            };
            let mut record = OrderRecord { order, ..stored.clone() };
            self.set_times(Some(stored), &mut record, now);
            let mut changes = ShopChanges { orders: vec![record], ..ShopChanges::default() };
            if let (Some(stored), Some(stocked)) = (product, stocked) {
                changes.products.push(ProductRecord {
                    stock: stock(&stocked),
                    product: stocked,
                    ..stored.clone()
                });
            }
            if let (Some(stored), Some(had), Some((given, claim))) = (coupon, claim, given_back) {
                changes.coupons.push(with(stored, given));
                changes.claims.push(ClaimRecord { claim, ..had.clone() });
            }
            Ok((changes, ()))
        })
        .await
    }

    /// Tells open workbenches of coupons that time alone has begun or ended.
    async fn tell_of_turns(&self) -> Result<(), WorkbenchError> {
        let now = self.now();
        for (shop_id, record) in self.store().coupons_turned(now, DUE).await? {
            if self.store().take_coupon_turn(&shop_id, &record, now).await? {
                let told = coupon_changed(&record, now);
                self.chat().tell_workbenches(&shop_id, vec![told]).await;
            }
        }
        Ok(())
    }

    /// Tells agents of deadlines that come near.
    async fn remind(&self) -> Result<(), WorkbenchError> {
        let now = self.now();
        for (shop_id, record) in self.store().reminders_due(now, DUE).await? {
            let Some(remind_time) = record.remind_time else { continue };
            let order = &record.order;
            let (told, next) = reminders::due(self.config().deadline_notice, order, remind_time, now);
            if !self.store().take_reminder(&shop_id, &record, next).await? {
                continue;
            }
            let near = told
                .into_iter()
                .map(|reminder| bus::Workbench::DeadlineNear(reminders::of_order(order, reminder)));
            self.chat().tell_workbenches(&shop_id, near.collect()).await;
        }
        Ok(())
    }

    /// Tells agents of requests that they have to answer soon.
    async fn remind_of_answers(&self) -> Result<(), WorkbenchError> {
        let now = self.now();
        let until = now.plus(self.config().deadline_notice);
        for (shop_id, record) in self.store().returns_untold(until, DUE).await? {
            let (request, Some(due_time)) = (&record.request, record.answer_due_time) else { continue };
            if !self.store().take_return_notice(&shop_id, &request.return_id, due_time).await? {
                continue;
            }
            if let Some(near) = reminders::of_return(request, &record.buyer_id, due_time, now) {
                self.chat().tell_workbenches(&shop_id, vec![bus::Workbench::DeadlineNear(near)]).await;
            }
        }
        Ok(())
    }
}
