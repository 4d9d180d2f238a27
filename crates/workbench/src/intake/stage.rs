//! The shop's things while a call is decided: as they were loaded, with what the documents so far made of them.

use std::{collections::HashMap, hash::Hash};

use deskwire_protocol::{
    Timestamp, UserId,
    ids::{CouponId, OrderId, PackageId, ProductId, ReturnId, SkuId},
    order::Editor,
};
use deskwire_store::{
    ClaimRecord, CouponRecord, OrderRecord, PackageRecord, PersonRecord, PostRecord, ProductRecord,
    ReturnRequestRecord, Shelf, ShopChanges, Side,
};
use indexmap::IndexMap;

use super::{Documents, Outcomes, Times, Written};
use crate::rules::write::Write;

/// What is to be written, in the order in which it came.
pub(super) struct Stage<'a> {
    pub(super) loaded: &'a Shelf,
    pub(super) editor: &'a Editor,
    pub(super) times: Times,
    pub(super) now: Timestamp,
    pub(super) orders: IndexMap<OrderId, OrderRecord>,
    pub(super) packages: IndexMap<PackageId, PackageRecord>,
    pub(super) returns: IndexMap<ReturnId, ReturnRequestRecord>,
    pub(super) products: IndexMap<ProductId, ProductRecord>,
    /// Whose a variant is now; none where its product let it go.
    pub(super) skus: HashMap<SkuId, Option<ProductId>>,
    pub(super) coupons: IndexMap<CouponId, CouponRecord>,
    /// Claims that can be used again.
    pub(super) claims: Vec<ClaimRecord>,
    pub(super) people: IndexMap<(Side, UserId), PersonRecord>,
    /// What a conversation is owed.
    pub(super) posts: Vec<PostRecord>,
    /// How many parcels an order has, where that was counted.
    pub(super) parcels: HashMap<OrderId, usize>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(loaded: &'a Shelf, editor: &'a Editor, times: Times, now: Timestamp) -> Self {
        let mut parcels = HashMap::new();
        for record in loaded.packages.values() {
            *parcels.entry(record.package.order_id.clone()).or_default() += 1;
        }
        Self {
            loaded,
            editor,
            times,
            now,
            orders: IndexMap::new(),
            packages: IndexMap::new(),
            returns: IndexMap::new(),
            products: IndexMap::new(),
            skus: HashMap::new(),
            coupons: IndexMap::new(),
            claims: Vec::new(),
            people: IndexMap::new(),
            posts: Vec::new(),
            parcels,
        }
    }

    /// Decides on each, in order.
    pub(super) fn take(&mut self, documents: &Documents) -> Outcomes {
        match documents {
            Documents::Orders(orders) => orders.iter().map(|order| self.put_order(order)).collect(),
            Documents::Packages(packages) => {
                packages.iter().map(|package| self.put_package(package)).collect()
            }
            Documents::Tracking(steps) => steps.iter().map(|(id, events)| self.track(id, events)).collect(),
            Documents::Returns(returns) => returns.iter().map(|request| self.put_return(request)).collect(),
            Documents::Products(products) => {
                products.iter().map(|product| self.put_product(product)).collect()
            }
            Documents::Inventory(counts) => {
                counts.iter().map(|(id, count)| self.put_inventory(id, *count)).collect()
            }
            Documents::Coupons(coupons) => coupons.iter().map(|coupon| self.put_coupon(coupon)).collect(),
            Documents::People(people) => people.iter().map(|person| self.put_person(person)).collect(),
        }
    }

    /// Where the order in lists is not that of the rows, by id: two who write the same then never wait for each other.
    pub(super) fn into_changes(mut self) -> ShopChanges {
        self.orders.sort_unstable_keys();
        self.packages.sort_unstable_keys();
        self.returns.sort_unstable_keys();
        ShopChanges {
            orders: self.orders.into_values().collect(),
            packages: self.packages.into_values().collect(),
            returns: self.returns.into_values().collect(),
            products: self.products.into_values().collect(),
            coupons: self.coupons.into_values().collect(),
            claims: self.claims,
            people: self.people.into_values().collect(),
            posts: self.posts,
            ..ShopChanges::default()
        }
    }
}

/// How a thing stands: as the call made it, or as it was loaded.
pub(super) fn stands<'s, K: Hash + Eq, V>(
    made: &'s IndexMap<K, V>,
    loaded: &'s HashMap<K, V>,
    id: &K,
) -> Option<&'s V> {
    made.get(id).or_else(|| loaded.get(id))
}

/// What came of a document, and what is to be written of it, if anything.
pub(super) fn split<T>(write: Write<T>) -> (Written, Option<T>) {
    match write {
        Write::Created(document) => (Written::Created, Some(document)),
        Write::Changed { document, .. } => (Written::Changed, Some(document)),
        Write::Unchanged => (Written::Unchanged, None),
        Write::Stale => (Written::Stale, None),
    }
}
