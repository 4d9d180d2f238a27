//! A buyer orders a product: the order, what it takes of the stock and the coupon it uses are written together, once.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp,
    card::{CardKind, ThingKind},
    coupon::Claim,
    ids::{LineItemId, OrderId, ProductId},
    order::{OrderResult, OrderStatus},
    product::OrderPlaceParams,
};
use deskwire_store::{
    ClaimRecord, OrderRecord, PostRecord, ProductRecord, Shelf, ShopChanges, Subject, Wanted,
};

use crate::{
    Caller, Workbench, WorkbenchError,
    coupons::{facts, with},
    owed::post_id,
    rules::{
        place::{NewOrder, Placed, Wares, place},
        products::stock,
        reminders::{Told, remind_time},
    },
    workbench::Deed,
};

impl Workbench {
    /// `buyer.orders.place`: twice by one `client_order_id` is one order, answered as it stands now.
    pub async fn orders_place(
        &self,
        caller: &Caller,
        params: OrderPlaceParams,
    ) -> Result<OrderResult, WorkbenchError> {
        self.place(caller, params, None).await
    }

    /// The same; on a product's card only a variant of that product.
    pub(crate) async fn place(
        &self,
        caller: &Caller,
        params: OrderPlaceParams,
        on_card_of: Option<&ProductId>,
    ) -> Result<OrderResult, WorkbenchError> {
        let (shop_id, buyer_id) = (&caller.scope.shop_id, &caller.scope.user_id);
        let order_id: OrderId = self.draw_id("ord")?;
        let wanted = Wanted {
            client_orders: vec![(buyer_id.clone(), params.client_order_id.clone())],
            skus: vec![params.sku_id.clone()],
            claims: params.coupon_id.iter().map(|id| (id.clone(), buyer_id.clone())).collect(),
            ..Wanted::default()
        };
        let deed = Deed {
            editor: caller.editor(),
            action: "orders.place",
            kind: ThingKind::Order,
            id: order_id.to_string(),
        };
        let new = NewOrder {
            order_id,
            line_item_id: LineItemId::new("1").map_err(|problem| WorkbenchError::invalid("id", problem))?,
            payment_window: self.config().payment_window,
        };
        let record = self.change(shop_id, &wanted, deed, |loaded, now| {
            let known = |record: &&OrderRecord| {
                record.order.user_id == *buyer_id
                    && record.client_order_id.as_ref() == Some(&params.client_order_id)
            };
            if let Some(known) = loaded.orders.values().find(known) {
                return Ok((ShopChanges::default(), known.clone()));
            }
            let product_id = loaded.skus.get(&params.sku_id);
            if on_card_of.is_some_and(|shown| product_id != Some(shown)) {
                return Err(WorkbenchError::invalid("params.sku_id", "is no variant of the card's product"));
            }
            self.placed(loaded, caller, &params, new.clone(), now)
        });
        let record = record.await?;
        if let Some(coupon_id) = &params.coupon_id {
            self.show_buyer(shop_id, &Subject::Coupon(coupon_id.clone()), buyer_id).await;
        }
        let orders = self.complete(shop_id, vec![record], caller.scope.side()).await?;
        Ok(OrderResult { order: orders.into_iter().next().ok_or(WorkbenchError::NotFound)? })
    }

    fn placed(
        &self,
        loaded: &Shelf,
        caller: &Caller,
        params: &OrderPlaceParams,
        new: NewOrder,
        now: Timestamp,
    ) -> Result<(ShopChanges, OrderRecord), WorkbenchError> {
        let buyer_id = &caller.scope.user_id;
        let product = loaded.skus.get(&params.sku_id).and_then(|id| loaded.products.get(id));
        let product = product.ok_or(WorkbenchError::NotFound)?;
        let coupon = params.coupon_id.as_ref().and_then(|id| loaded.coupons.get(id));
        let facts = coupon.map(facts);
        let claims: Vec<Claim> = loaded.claims.iter().map(|record| record.claim.clone()).collect();
        let wares = Wares {
            product: &product.product,
            coupon: facts.as_ref().map(|facts| (facts, claims.as_slice())),
        };
        let Placed { order, product: left, redeemed } = place(params, buyer_id, wares, new, now)?;
        let mut record = OrderRecord {
            order,
            client_order_id: Some(params.client_order_id.clone()),
            remind_time: None,
            lapse_time: None,
            note: None,
            version: 0,
        };
        self.set_times(None, &mut record, now);
        let mut changes = ShopChanges {
            orders: vec![record.clone()],
            products: vec![ProductRecord { stock: stock(&left), product: left, ..product.clone() }],
            posts: vec![PostRecord {
                post_no: 0,
                buyer_id: buyer_id.clone(),
                client_message_id: post_id("order", record.order.id.as_str())?,
                kind: CardKind::Order,
                reference: record.order.id.to_string(),
            }],
            ..ShopChanges::default()
        };
        if let (Some(stored), Some((used, claim))) = (coupon, redeemed) {
            changes.coupons.push(with(stored, used));
            let had = loaded.claims.iter().find(|had| had.claim.number == claim.number);
            let had = had.ok_or(WorkbenchError::NotFound)?;
            changes.claims.push(ClaimRecord { claim, ..had.clone() });
        }
        Ok((changes, record))
    }

    /// When an order's agents are to be reminded, and when it lapses.
    pub(crate) fn set_times(&self, stored: Option<&OrderRecord>, record: &mut OrderRecord, now: Timestamp) {
        set_times(self.config().deadline_notice, stored, record, now);
    }
}

/// When an order's agents are to be reminded, so long before each of its deadlines, and when it lapses.
pub(crate) fn set_times(
    notice: Duration,
    stored: Option<&OrderRecord>,
    record: &mut OrderRecord,
    now: Timestamp,
) {
    let stored = stored.map(|stored| Told { order: &stored.order, remind_time: stored.remind_time });
    record.remind_time = remind_time(notice, stored, &record.order, now);
    let waits_for_payment = record.client_order_id.is_some() && record.order.status == OrderStatus::Unpaid;
    record.lapse_time = record.order.deadlines.payment_due_time.filter(|_| waits_for_payment);
}
