//! What the shop's own systems are told of a change: which events follow from it, and the body of each, in which a thing
//! is written as the workbench's `get` answers it.

use std::collections::HashMap;

use deskwire_chat::Chance;
use deskwire_protocol::{
    ShopId, Timestamp, UserId,
    coupon::{Claim, Coupon},
    ids::{OrderId, WebhookId},
    logistics::Package,
    order::{Order, SellerNote},
    product::Product,
    returns::Return,
    webhook::WebhookEventType,
};
use deskwire_store::{
    ClaimRecord, CouponRecord, OrderRecord, PackageRecord, ProductRecord, ReturnRequestRecord, Shelf,
    ShopChanges, Side, WebhookEventRecord,
};
use serde::Serialize;

use crate::Workbench;

/// The body of a webhook.
#[derive(Serialize)]
struct Body<'a, T> {
    #[serde(rename = "type")]
    kind: WebhookEventType,
    /// When it happened, ISO 8601: as Standard Webhooks has it.
    timestamp: String,
    /// Of two events of one thing the one with the larger number is the later.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    data: &'a T,
}

#[derive(Serialize)]
struct OfOrder<'a> {
    order: &'a Order,
}

#[derive(Serialize)]
struct OfNote<'a> {
    order_id: &'a OrderId,
    seller_note: Option<&'a SellerNote>,
}

#[derive(Serialize)]
struct OfPackage<'a> {
    package: &'a Package,
}

#[derive(Serialize)]
struct OfReturn<'a> {
    #[serde(rename = "return")]
    request: &'a Return,
}

#[derive(Serialize)]
struct OfProduct<'a> {
    product: &'a Product,
}

#[derive(Serialize)]
struct OfCoupon<'a> {
    coupon: &'a Coupon,
}

#[derive(Serialize)]
struct OfClaim<'a> {
    buyer_id: &'a UserId,
    claim: &'a Claim,
}

#[derive(Serialize)]
struct OfPing<'a> {
    webhook_id: &'a WebhookId,
}

/// Something that happened, and the record of it.
#[derive(Debug, Clone, Copy)]
enum Happened<'a> {
    Order(WebhookEventType, &'a OrderRecord),
    Note(&'a OrderRecord),
    Package(&'a PackageRecord),
    Return(WebhookEventType, &'a ReturnRequestRecord),
    Product(&'a ProductRecord),
    Coupon(&'a CouponRecord),
    Claim(WebhookEventType, &'a ClaimRecord),
}

impl Happened<'_> {
    const fn kind(self) -> WebhookEventType {
        match self {
            Self::Order(kind, _) | Self::Return(kind, _) | Self::Claim(kind, _) => kind,
            Self::Note(_) => WebhookEventType::OrderNoteUpdated,
            Self::Package(_) => WebhookEventType::PackageUpdated,
            Self::Product(_) => WebhookEventType::ProductUpdated,
            Self::Coupon(_) => WebhookEventType::CouponUpdated,
        }
    }
}

impl Workbench {
    /// The events of these changes that some webhook of the shop wants. Nothing is looked at where there is none.
    pub(crate) fn webhook_events(
        &self,
        shop_id: &ShopId,
        loaded: &Shelf,
        changes: &ShopChanges,
        now: Timestamp,
    ) -> Vec<WebhookEventRecord> {
        let wanted = |kind| loaded.webhooks.iter().any(|(_, wants)| wants.wants(kind));
        if loaded.webhooks.is_empty() {
            return Vec::new();
        }
        let happened: Vec<Happened<'_>> =
            what_happened(loaded, changes).into_iter().filter(|happened| wanted(happened.kind())).collect();
        let orders = self.orders_told(shop_id, loaded, changes, &happened);
        let sequences = Sequences::new(loaded, changes);
        let teller = Teller { chance: self.chance(), now };
        happened
            .into_iter()
            .filter_map(|happened| {
                let kind = happened.kind();
                match happened {
                    Happened::Order(_, record) => {
                        let order = orders.get(&record.order.id)?;
                        teller.event(kind, Some(record.version + 1), &OfOrder { order })
                    }
                    Happened::Note(OrderRecord { order, note, version, .. }) => {
                        let data = OfNote { order_id: &order.id, seller_note: note.as_ref() };
                        teller.event(kind, Some(version + 1), &data)
                    }
                    Happened::Package(PackageRecord { package, .. }) => {
                        teller.event(kind, sequences.of_order(&package.order_id), &OfPackage { package })
                    }
                    Happened::Return(_, ReturnRequestRecord { request, .. }) => {
                        let sequence = sequences.of_order(&request.order_id);
                        let request = &self.complete_return(shop_id, request.clone(), Side::Shop);
                        teller.event(kind, sequence, &OfReturn { request })
                    }
                    Happened::Product(record) => {
                        let product = &self.complete_product(shop_id, record.clone());
                        teller.event(kind, Some(record.version + 1), &OfProduct { product })
                    }
                    Happened::Coupon(record) => {
                        let coupon = &self.complete_coupon(shop_id, record, now);
                        teller.event(kind, Some(record.version + 1), &OfCoupon { coupon })
                    }
                    Happened::Claim(_, ClaimRecord { buyer_id, claim, message_id: _ }) => {
                        teller.event(kind, sequences.of_coupon(claim), &OfClaim { buyer_id, claim })
                    }
                }
            })
            .collect()
    }

    /// The orders that are told, with their parcels and returns as they are after the change.
    fn orders_told(
        &self,
        shop_id: &ShopId,
        loaded: &Shelf,
        changes: &ShopChanges,
        happened: &[Happened<'_>],
    ) -> HashMap<OrderId, Order> {
        let told = happened.iter().filter_map(|happened| match happened {
            Happened::Order(_, record) => Some((*record).clone()),
            Happened::Note(_)
            | Happened::Package(_)
            | Happened::Return(..)
            | Happened::Product(_)
            | Happened::Coupon(_)
            | Happened::Claim(..) => None,
        });
        let told: Vec<OrderRecord> = told.collect();
        if told.is_empty() {
            return HashMap::new();
        }
        let mut packages = loaded.packages.clone();
        packages.extend(changes.packages.iter().map(|record| (record.package.id.clone(), record.clone())));
        let mut packages: Vec<PackageRecord> = packages.into_values().collect();
        packages.sort_by(|a, b| (a.create_time, &a.package.id).cmp(&(b.create_time, &b.package.id)));
        let mut returns = loaded.returns.clone();
        returns
            .extend(changes.returns.iter().map(|record| (record.request.return_id.clone(), record.clone())));
        let mut returns: Vec<ReturnRequestRecord> = returns.into_values().collect();
        returns.sort_by(|a, b| {
            let key =
                |record: &ReturnRequestRecord| (record.request.update_time, record.request.return_id.clone());
            key(b).cmp(&key(a))
        });
        let orders = self.with_parts(shop_id, told, packages, returns, Side::Shop);
        orders.into_iter().map(|order| (order.id.clone(), order)).collect()
    }
}

/// The event by which someone tries a webhook.
#[must_use]
pub fn ping(webhook_id: &WebhookId, chance: &dyn Chance, now: Timestamp) -> Option<WebhookEventRecord> {
    Teller { chance, now }.event(WebhookEventType::Ping, None, &OfPing { webhook_id })
}

/// What follows from the changes, in the order of orders, parcels, returns, products, coupons, claims.
fn what_happened<'a>(loaded: &Shelf, changes: &'a ShopChanges) -> Vec<Happened<'a>> {
    let mut happened = Vec::new();
    for record in &changes.orders {
        let stored = loaded.orders.get(&record.order.id);
        match stored {
            None => happened.push(Happened::Order(WebhookEventType::OrderPlaced, record)),
            Some(stored) if stored.order != record.order => {
                happened.push(Happened::Order(WebhookEventType::OrderUpdated, record));
            }
            Some(_) => {}
        }
        if stored.and_then(|stored| stored.note.as_ref()) != record.note.as_ref() {
            happened.push(Happened::Note(record));
        }
    }
    for record in &changes.packages {
        if loaded.packages.get(&record.package.id).map(|stored| &stored.package) != Some(&record.package) {
            happened.push(Happened::Package(record));
        }
    }
    for record in &changes.returns {
        match loaded.returns.get(&record.request.return_id) {
            None => happened.push(Happened::Return(WebhookEventType::ReturnRequested, record)),
            Some(stored) if stored.request != record.request => {
                happened.push(Happened::Return(WebhookEventType::ReturnUpdated, record));
            }
            Some(_) => {}
        }
    }
    for record in &changes.products {
        let stored = loaded.products.get(&record.product.id);
        if stored.map(|stored| &stored.product) != Some(&record.product) {
            happened.push(Happened::Product(record));
        }
    }
    for record in &changes.coupons {
        let stored = loaded.coupons.get(&record.coupon.id);
        if stored.map(but_for_counts) != Some(but_for_counts(record)) {
            happened.push(Happened::Coupon(record));
        }
    }
    for record in &changes.claims {
        let same = |stored: &&ClaimRecord| {
            stored.buyer_id == record.buyer_id
                && stored.claim.coupon_id == record.claim.coupon_id
                && stored.claim.number == record.claim.number
        };
        match loaded.claims.iter().find(same) {
            None => happened.push(Happened::Claim(WebhookEventType::CouponClaimed, record)),
            Some(stored) if stored.claim != record.claim => {
                happened.push(Happened::Claim(WebhookEventType::CouponClaimUpdated, record));
            }
            Some(_) => {}
        }
    }
    happened
}

/// A coupon without what every claim and use of it changes: those are events of their own.
fn but_for_counts(record: &CouponRecord) -> (Coupon, bool) {
    let coupon = Coupon {
        claimed_count: 0,
        redeemed_count: 0,
        update_time: Timestamp::default(),
        ..record.coupon.clone()
    };
    (coupon, record.deactivated)
}

/// The versions that orders and coupons have after the change.
struct Sequences<'a> {
    loaded: &'a Shelf,
    orders: HashMap<&'a OrderId, i64>,
    changes: &'a ShopChanges,
}

impl<'a> Sequences<'a> {
    fn new(loaded: &'a Shelf, changes: &'a ShopChanges) -> Self {
        let orders = if changes.packages.is_empty() && changes.returns.is_empty() {
            HashMap::new()
        } else {
            changes.orders.iter().map(|record| (&record.order.id, record.version + 1)).collect()
        };
        Self { loaded, orders, changes }
    }

    fn of_order(&self, id: &OrderId) -> Option<i64> {
        let stored = || self.loaded.orders.get(id).map(|record| record.version + 1);
        self.orders.get(id).copied().or_else(stored)
    }

    fn of_coupon(&self, claim: &Claim) -> Option<i64> {
        let changed = self.changes.coupons.iter().find(|record| record.coupon.id == claim.coupon_id);
        changed.or_else(|| self.loaded.coupons.get(&claim.coupon_id)).map(|record| record.version + 1)
    }
}

/// Makes events, as webhooks are told them.
struct Teller<'c> {
    chance: &'c dyn Chance,
    now: Timestamp,
}

impl Teller<'_> {
    fn event(
        &self,
        kind: WebhookEventType,
        sequence: Option<i64>,
        data: &impl Serialize,
    ) -> Option<WebhookEventRecord> {
        match self.try_event(kind, sequence, data) {
            Ok(event) => Some(event),
            Err(problem) => {
                tracing::error!(%kind, problem, "an event for webhooks cannot be written and is left out");
                None
            }
        }
    }

    fn try_event(
        &self,
        kind: WebhookEventType,
        sequence: Option<i64>,
        data: &impl Serialize,
    ) -> Result<WebhookEventRecord, Box<dyn std::error::Error>> {
        // Nobody guesses it, and no two are alike.
        let event_id = format!("msg_{:032x}", self.chance.long_number()).parse()?;
        let timestamp = jiff::Timestamp::from_millisecond(self.now.millis())?;
        let body = Body { kind, timestamp: format!("{timestamp:.3}"), sequence, data };
        Ok(WebhookEventRecord { event_id, kind, body: serde_json::to_string(&body)? })
    }
}

#[cfg(test)]
mod tests {
    use deskwire_chat::SystemChance;
    use deskwire_protocol::{
        ids::WebhookId,
        order::{Editor, EditorKind, OrderStatus},
    };

    use super::*;
    use crate::rules::samples::{NOW, buyer, coupon, order, order_record, package, product, sku};

    fn note(text: &str, version: u32) -> SellerNote {
        let editor = Editor { kind: EditorKind::Agent, id: "grace".into(), name: "Grace".into() };
        SellerNote { text: text.into(), version, editor, update_time: NOW }
    }

    fn coupon_record() -> CouponRecord {
        CouponRecord { coupon: coupon(), deactivated: false, made_as: None, coupon_no: 1, version: 2 }
    }

    fn claim(number: u32) -> ClaimRecord {
        let claim = Claim {
            coupon_id: coupon().id,
            number,
            claim_time: NOW,
            start_time: NOW,
            end_time: NOW,
            order_id: None,
        };
        ClaimRecord { buyer_id: buyer("ana"), claim, message_id: None }
    }

    fn kinds(loaded: &Shelf, changes: &ShopChanges) -> Vec<&'static str> {
        what_happened(loaded, changes).into_iter().map(|happened| happened.kind().as_str()).collect()
    }

    #[test]
    fn an_order_is_placed_once_and_updated_then() {
        let mut loaded = Shelf::default();
        let mut changes =
            ShopChanges { orders: vec![order_record(OrderStatus::Unpaid)], ..ShopChanges::default() };
        assert_eq!(kinds(&loaded, &changes), ["order.placed"]);
        loaded.orders.insert(changes.orders[0].order.id.clone(), changes.orders[0].clone());
        assert_eq!(kinds(&loaded, &changes), Vec::<&str>::new(), "nothing has changed");
        changes.orders[0].order.status = OrderStatus::AwaitingShipment;
        assert_eq!(kinds(&loaded, &changes), ["order.updated"]);
    }

    #[test]
    fn a_note_is_an_event_of_its_own() {
        let mut loaded = Shelf::default();
        let mut noted = order_record(OrderStatus::Unpaid);
        loaded.orders.insert(noted.order.id.clone(), noted.clone());
        noted.note = Some(note("gift wrap", 1));
        let changes = ShopChanges { orders: vec![noted], ..ShopChanges::default() };
        assert_eq!(kinds(&loaded, &changes), ["order.note.updated"]);
    }

    #[test]
    fn claims_and_uses_of_a_coupon_are_no_updates_of_it() {
        let mut loaded = Shelf::default();
        let stored = coupon_record();
        loaded.coupons.insert(stored.coupon.id.clone(), stored.clone());
        loaded.claims.push(claim(1));
        let mut counted = stored.clone();
        counted.coupon.claimed_count += 1;
        counted.coupon.update_time = NOW.plus(std::time::Duration::from_secs(1));
        let mut used = claim(1);
        used.claim.order_id = Some(order(OrderStatus::Unpaid).id);
        let changes =
            ShopChanges { coupons: vec![counted], claims: vec![used, claim(2)], ..ShopChanges::default() };
        assert_eq!(kinds(&loaded, &changes), ["coupon.claim.updated", "coupon.claimed"]);
        let ended = CouponRecord { deactivated: true, ..stored };
        let changes = ShopChanges { coupons: vec![ended], ..ShopChanges::default() };
        assert_eq!(kinds(&loaded, &changes), ["coupon.updated"]);
    }

    #[test]
    fn parcels_and_products_are_told_when_new_or_changed() {
        use deskwire_protocol::logistics::PackageStatus;
        let mut loaded = Shelf::default();
        let parcel = PackageRecord { package: package(PackageStatus::Processing), create_time: NOW };
        let shirt = ProductRecord {
            product: product("p", "Shirt", vec![sku("s", 100, 3)]),
            stock: 3,
            product_no: 1,
            version: 1,
        };
        let changes = ShopChanges {
            packages: vec![parcel.clone()],
            products: vec![shirt.clone()],
            ..ShopChanges::default()
        };
        assert_eq!(kinds(&loaded, &changes), ["package.updated", "product.updated"]);
        loaded.packages.insert(parcel.package.id.clone(), parcel);
        loaded.products.insert(shirt.product.id.clone(), shirt.clone());
        assert_eq!(kinds(&loaded, &changes), Vec::<&str>::new());
        let sold = product("p", "Shirt", vec![sku("s", 100, 2)]);
        let changes = ShopChanges {
            products: vec![ProductRecord { product: sold, stock: 2, ..shirt }],
            ..ShopChanges::default()
        };
        assert_eq!(kinds(&loaded, &changes), ["product.updated"], "its stock has changed");
    }

    #[test]
    fn what_belongs_to_an_order_counts_with_it() {
        let mut loaded = Shelf::default();
        let stored = order_record(OrderStatus::Unpaid);
        let id = stored.order.id.clone();
        loaded.orders.insert(id.clone(), stored.clone());
        assert_eq!(Sequences::new(&loaded, &ShopChanges::default()).of_order(&id), Some(5));
        assert_eq!(Sequences::new(&Shelf::default(), &ShopChanges::default()).of_order(&id), None);
    }

    #[test]
    fn a_body_says_what_when_and_with_what() {
        let id = WebhookId::new("wh_1").unwrap();
        let ping = ping(&id, &SystemChance, Timestamp::from_millis(1_764_000_000_000)).unwrap();
        assert_eq!(ping.kind, WebhookEventType::Ping);
        assert_eq!(
            ping.body,
            r#"{"type":"ping","timestamp":"2025-11-24T16:00:00.000Z","data":{"webhook_id":"wh_1"}}"#
        );
    }
}
