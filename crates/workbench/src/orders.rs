//! Orders: a buyer's orders in this shop with their parcels, returns and note, for the agent beside the chat and for the
//! buyer. A buyer sees neither the note nor what is expected of the shop.

use std::collections::HashMap;

use deskwire_protocol::{
    ShopId, UserId,
    card::ThingKind,
    ids::OrderId,
    logistics::Package,
    order::{
        BuyerOrdersListParams, Editor, NoteHistoryParams, NoteHistoryResult, NoteResult, NoteSetParams,
        Order, OrderLinks, OrderParams, OrderResult, OrdersListParams, OrdersListResult, ReturnState,
        SellerNote,
    },
    page::PageSize,
};
use deskwire_store::{
    OrderQuery, OrderRecord, PackageRecord, ReturnRequestRecord, Scope, ShopChanges, Side, Wanted,
};

use crate::{
    Caller, Workbench, WorkbenchError,
    cards::Links,
    page::{at, cut, read, read_at},
    rules::{
        notes::{self, NoteSet},
        pending::pending_actions,
    },
    workbench::Deed,
};

impl Workbench {
    /// `workbench.orders.list`.
    pub async fn orders_list(
        &self,
        caller: &Caller,
        params: OrdersListParams,
    ) -> Result<OrdersListResult, WorkbenchError> {
        let OrdersListParams { buyer_id, status, order_id, page_size, page_token } = params;
        let before = read_at(page_token.as_ref())?;
        let query = OrderQuery { status, id_part: order_id.filter(|part| !part.is_empty()), before };
        self.list_orders(&caller.scope, &buyer_id, query, page_size).await
    }

    /// `buyer.orders.list`.
    pub async fn buyer_orders_list(
        &self,
        caller: &Caller,
        params: BuyerOrdersListParams,
    ) -> Result<OrdersListResult, WorkbenchError> {
        let BuyerOrdersListParams { status, order_id, page_size, page_token } = params;
        let before = read_at(page_token.as_ref())?;
        let query = OrderQuery { status, id_part: order_id.filter(|part| !part.is_empty()), before };
        self.list_orders(&caller.scope, &caller.scope.user_id, query, page_size).await
    }

    pub(crate) async fn list_orders(
        &self,
        scope: &Scope,
        buyer_id: &UserId,
        query: OrderQuery,
        page_size: PageSize,
    ) -> Result<OrdersListResult, WorkbenchError> {
        let (shop_id, size) = (&scope.shop_id, page_size.get());
        let (records, total_count) = futures::try_join!(
            self.store().buyer_orders(shop_id, buyer_id, &query, size + 1),
            self.store().count_buyer_orders(shop_id, buyer_id, &query),
        )?;
        let (records, next_page_token) =
            cut(records, size, |record| at(record.order.create_time, record.order.id.as_str()));
        let orders = self.complete(shop_id, records, scope.side()).await?;
        let manage_link = match scope.side() {
            Side::Shop => Some(self.config().links.order_management(shop_id)),
            Side::Buyer => None,
        };
        Ok(OrdersListResult { orders, next_page_token, total_count, manage_link })
    }

    /// `workbench.orders.get` and `buyer.orders.get`.
    pub async fn orders_get(
        &self,
        caller: &Caller,
        params: OrderParams,
    ) -> Result<OrderResult, WorkbenchError> {
        let record = self.order_record(&caller.scope, &params.order_id).await?;
        let orders = self.complete(&caller.scope.shop_id, vec![record], caller.scope.side()).await?;
        let order = orders.into_iter().next().ok_or(WorkbenchError::NotFound)?;
        Ok(OrderResult { order })
    }

    /// This buyer's orders of these ids, however they are written, complete, as an agent sees them.
    pub(crate) async fn orders_of(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        ids: &[OrderId],
    ) -> Result<Vec<Order>, WorkbenchError> {
        let records = self.store().orders_named(shop_id, buyer_id, ids).await?;
        self.complete(shop_id, records, Side::Shop).await
    }

    /// The order, where it is the shop's and, for a buyer, the buyer's own.
    pub(crate) async fn order_record(
        &self,
        scope: &Scope,
        id: &OrderId,
    ) -> Result<OrderRecord, WorkbenchError> {
        let records = self.store().orders(&scope.shop_id, std::slice::from_ref(id)).await?;
        let record = records.into_iter().next().ok_or(WorkbenchError::NotFound)?;
        if reaches(scope, &record.order) { Ok(record) } else { Err(WorkbenchError::NotFound) }
    }

    /// Adds what is kept beside the orders: parcels, returns, note, reminder, links. Two queries however many there are.
    pub(crate) async fn complete(
        &self,
        shop_id: &ShopId,
        records: Vec<OrderRecord>,
        side: Side,
    ) -> Result<Vec<Order>, WorkbenchError> {
        let ids: Vec<OrderId> = records.iter().map(|record| record.order.id.clone()).collect();
        let (packages, returns) =
            futures::try_join!(self.store().packages(shop_id, &ids), self.store().returns_of(shop_id, &ids))?;
        Ok(self.with_parts(shop_id, records, packages, returns, side))
    }

    /// The same, of parcels and returns that were read already.
    pub(crate) fn with_parts(
        &self,
        shop_id: &ShopId,
        records: Vec<OrderRecord>,
        packages: Vec<PackageRecord>,
        returns: Vec<ReturnRequestRecord>,
        side: Side,
    ) -> Vec<Order> {
        let mut packages_of: HashMap<OrderId, Vec<Package>> = HashMap::new();
        for record in packages {
            packages_of.entry(record.package.order_id.clone()).or_default().push(record.package);
        }
        let mut returns_of: HashMap<OrderId, Vec<ReturnState>> = HashMap::new();
        for record in returns {
            let request = record.request;
            returns_of.entry(request.order_id).or_default().push(ReturnState {
                return_id: request.return_id,
                return_status: request.return_status,
                update_time: request.update_time,
            });
        }
        let (now, links) = (self.now(), &self.config().links);
        records
            .into_iter()
            .map(|OrderRecord { mut order, note, .. }| {
                order.packages = packages_of.remove(&order.id).unwrap_or_default();
                order.returns = returns_of.remove(&order.id).unwrap_or_default();
                order.reminder = order.nearest_deadline(now);
                order.links = Some(order_links(links, shop_id, &order.id));
                (order.pending_actions, order.seller_note) = match side {
                    Side::Shop => (pending_actions(&order, now), note),
                    Side::Buyer => (Vec::new(), None),
                };
                order
            })
            .collect()
    }

    /// `workbench.orders.note.get`.
    pub async fn note_get(&self, caller: &Caller, params: OrderParams) -> Result<NoteResult, WorkbenchError> {
        Ok(NoteResult { note: self.order_record(&caller.scope, &params.order_id).await?.note })
    }

    /// `workbench.orders.note.set`.
    pub async fn note_set(
        &self,
        caller: &Caller,
        params: NoteSetParams,
    ) -> Result<NoteResult, WorkbenchError> {
        let NoteSetParams { order_id, text, version } = params;
        let note = self.put_note(&caller.scope.shop_id, &caller.editor(), &order_id, &text, version).await?;
        Ok(NoteResult { note })
    }

    /// Writes an order's note as an agent or as the order management page, where its version is the one that stands.
    pub async fn put_note(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        order_id: &OrderId,
        text: &str,
        if_version: u32,
    ) -> Result<Option<SellerNote>, WorkbenchError> {
        let wanted = Wanted { bare_orders: vec![order_id.clone()], ..Wanted::default() };
        let deed = Deed {
            editor: editor.clone(),
            action: "orders.note.set",
            kind: ThingKind::SellerNote,
            id: order_id.to_string(),
        };
        self.change(shop_id, &wanted, deed, |loaded, now| {
            let mut record = loaded.orders.get(order_id).cloned().ok_or(WorkbenchError::NotFound)?;
            match notes::set(record.note.as_ref(), text, if_version, editor.clone(), now)? {
                NoteSet::Unchanged(note) => Ok((ShopChanges::default(), note)),
                NoteSet::Written(note) => {
                    record.note = Some(note.clone());
                    Ok((ShopChanges { orders: vec![record], ..ShopChanges::default() }, Some(note)))
                }
            }
        })
        .await
    }

    /// `workbench.orders.note.history`.
    pub async fn note_history(
        &self,
        caller: &Caller,
        params: NoteHistoryParams,
    ) -> Result<NoteHistoryResult, WorkbenchError> {
        let NoteHistoryParams { order_id, page_size, page_token } = params;
        let before = read(page_token.as_ref())?;
        self.order_record(&caller.scope, &order_id).await?;
        let notes =
            self.store().note_history(&caller.scope.shop_id, &order_id, before, page_size.get() + 1).await?;
        let (notes, next_page_token) = cut(notes, page_size.get(), |note| note.version.to_string());
        Ok(NoteHistoryResult { notes, next_page_token })
    }
}

/// Where an order's pages are.
fn order_links(links: &Links, shop_id: &ShopId, id: &OrderId) -> OrderLinks {
    OrderLinks {
        detail: links.order_detail(shop_id, id),
        tracking: links.tracking(shop_id, id),
        returns: links.returns(shop_id, id, None),
    }
}

/// Whether the order may be told to someone who is known to be of its shop.
pub(crate) fn reaches(scope: &Scope, order: &Order) -> bool {
    match scope.side() {
        Side::Shop => true,
        Side::Buyer => order.user_id == scope.user_id,
    }
}
