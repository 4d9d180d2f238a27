//! Orders with their notes, parcels and returns. Every query starts from the shop.

use deskwire_protocol::{
    ShopId, Timestamp, UserId,
    ids::{OrderId, PackageId, ReturnId},
    order::{Editor, EditorKind, OrderStatus, SellerNote},
    returns::ReturnStatus,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    document,
    record::{OrderRecord, PackageRecord, ReturnRequestRecord},
    search::{fold, id_part, like},
};
use crate::{
    Store, StoreError, row,
    sql::{Params, ROWS},
};

/// What an order `o` is read with; join [`NOTE`].
pub(super) const ORDER: &str = "o.order_id, o.client_order_id, o.remind_time, o.lapse_time, o.version, o.document, o.note_version, \
     n.text AS note_text, n.editor_kind, n.editor_id, n.editor_name, n.update_time AS note_time";
/// The current note of order `o`.
pub(super) const NOTE: &str = "LEFT JOIN seller_note n \
     ON n.shop_id = o.shop_id AND n.order_id = o.order_id AND n.version = o.note_version";

/// Which orders, newest first.
#[derive(Debug, Clone, Default)]
pub struct OrderQuery {
    /// Only these.
    pub status: Option<OrderStatus>,
    /// Only those whose id has this part.
    pub id_part: Option<String>,
    /// Only those before this one.
    pub before: Option<(Timestamp, OrderId)>,
}

/// Which returns, newest change first.
#[derive(Debug, Clone, Default)]
pub struct ReturnQuery {
    /// Only this buyer's.
    pub buyer_id: Option<UserId>,
    /// Only of this order.
    pub order_id: Option<OrderId>,
    /// Only these.
    pub status: Option<ReturnStatus>,
    /// Only those before this one.
    pub before: Option<(Timestamp, ReturnId)>,
}

pub(super) fn order(row: &QueryResult) -> Result<OrderRecord, StoreError> {
    let version: i64 = row::get(row, "note_version")?;
    let note = match version {
        0 => None,
        version => Some(note(row, version)?),
    };
    Ok(OrderRecord {
        order: document::read(row, "shop_order")?,
        client_order_id: row::id(row, "shop_order", "client_order_id")?,
        remind_time: row::get::<Option<i64>>(row, "remind_time")?.map(Timestamp::from_millis),
        lapse_time: row::get::<Option<i64>>(row, "lapse_time")?.map(Timestamp::from_millis),
        note,
        version: row::get(row, "version")?,
    })
}

fn note(row: &QueryResult, version: i64) -> Result<SellerNote, StoreError> {
    Ok(SellerNote {
        text: row::get(row, "note_text")?,
        version: u32::try_from(version)
            .map_err(|_| StoreError::corrupt("seller_note", "version is no count"))?,
        editor: Editor {
            kind: row::word::<EditorKind>(row, "seller_note", "editor_kind")?,
            id: row::get(row, "editor_id")?,
            name: row::get(row, "editor_name")?,
        },
        update_time: row::time(row, "note_time")?,
    })
}

pub(super) fn package(row: &QueryResult) -> Result<PackageRecord, StoreError> {
    Ok(PackageRecord {
        package: document::read(row, "package")?,
        create_time: row::time(row, "create_time")?,
    })
}

pub(super) fn return_request(row: &QueryResult) -> Result<ReturnRequestRecord, StoreError> {
    const TABLE: &str = "return_request";
    Ok(ReturnRequestRecord {
        request: document::read(row, TABLE)?,
        buyer_id: row::user_id(row, TABLE, "buyer_id")?,
        client_return_id: row::id(row, TABLE, "client_return_id")?,
        answer_due_time: row::get::<Option<i64>>(row, "answer_due_time")?.map(Timestamp::from_millis),
    })
}

/// What a return is read with.
pub(super) const RETURN: &str =
    "return_id, order_id, buyer_id, client_return_id, answer_due_time, update_time, document";

impl Store {
    /// Orders by id; those that the shop does not have are left out.
    pub async fn orders(&self, shop_id: &ShopId, ids: &[OrderId]) -> Result<Vec<OrderRecord>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(ids.iter().map(|id| id.as_str().into()));
            let sql = format!(
                "SELECT {ORDER} FROM shop_order o {NOTE} WHERE o.order_id IN ({list}) AND o.shop_id = {}",
                params.push(shop_id.as_str())
            );
            for row in self.rows(sql, params).await? {
                found.push(order(&row)?);
            }
        }
        Ok(found)
    }

    /// A buyer's orders by their ids as someone wrote them: whatever their case, accents and forms.
    pub async fn orders_named(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        ids: &[OrderId],
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let mut found = Vec::new();
        for ids in ids.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(ids.iter().map(|id| fold(id.as_str()).into()));
            let sql = format!(
                "SELECT {ORDER} FROM shop_order o {NOTE}
                 WHERE o.order_id_folded IN ({list}) AND o.shop_id = {} AND o.buyer_id = {}",
                params.push(shop_id.as_str()),
                params.push(buyer_id.as_str())
            );
            for row in self.rows(sql, params).await? {
                found.push(order(&row)?);
            }
        }
        Ok(found)
    }

    /// A buyer's orders, newest first.
    pub async fn buyer_orders(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        query: &OrderQuery,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = order_condition(&mut params, shop_id, buyer_id, query)?;
        if let Some((time, id)) = &query.before {
            let (time, id) = (params.push(time.millis()), params.push(id.as_str()));
            condition += &format!(" AND (o.create_time, o.order_id) < ({time}, {id})");
        }
        let sql = format!(
            "SELECT {ORDER} FROM shop_order o {NOTE} WHERE {condition}
             ORDER BY o.create_time DESC, o.order_id DESC LIMIT {limit}"
        );
        self.rows(sql, params).await?.iter().map(order).collect()
    }

    /// Orders of the shop, whoever's, newest first. Which they are is settled within an index that holds all that is asked
    /// for, so that a rare status or a part of an id costs no reading of orders.
    pub async fn shop_orders(
        &self,
        shop_id: &ShopId,
        query: &OrderQuery,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let mut params = self.params();
        let shop = params.push(shop_id.as_str());
        let mut condition = format!("o.shop_id = {shop}{}", order_filters(&mut params, query)?);
        if let Some((time, id)) = &query.before {
            let (time, id) = (params.push(time.millis()), params.push(id.as_str()));
            condition += &format!(" AND (o.create_time, o.order_id) < ({time}, {id})");
        }
        let sql = format!(
            "SELECT {ORDER} FROM shop_order o {NOTE} WHERE o.shop_id = {shop} AND o.order_id IN (
                 SELECT o.order_id FROM shop_order o WHERE {condition}
                 ORDER BY o.create_time DESC, o.order_id DESC LIMIT {limit})
             ORDER BY o.create_time DESC, o.order_id DESC"
        );
        self.rows(sql, params).await?.iter().map(order).collect()
    }

    /// How many these are, on all pages.
    pub async fn count_buyer_orders(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        query: &OrderQuery,
    ) -> Result<u64, StoreError> {
        let mut params = self.params();
        let condition = order_condition(&mut params, shop_id, buyer_id, query)?;
        let rows = self
            .rows(format!("SELECT count(*) AS orders FROM shop_order o WHERE {condition}"), params)
            .await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row::get(row, "orders"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Every version of an order's note below `before`, newest first.
    pub async fn note_history(
        &self,
        shop_id: &ShopId,
        order_id: &OrderId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<SellerNote>, StoreError> {
        let mut params = self.params();
        let mut condition = format!(
            "shop_id = {} AND order_id = {}",
            params.push(shop_id.as_str()),
            params.push(order_id.as_str())
        );
        if let Some(version) = before {
            condition += &format!(" AND version < {}", params.push(i64::from(version)));
        }
        let sql = format!(
            "SELECT version, text AS note_text, editor_kind, editor_id, editor_name, update_time AS note_time
             FROM seller_note WHERE {condition} ORDER BY version DESC LIMIT {limit}"
        );
        let rows = self.rows(sql, params).await?;
        rows.iter().map(|row| note(row, row::get(row, "version")?)).collect()
    }

    /// The parcels of these orders, as they were made.
    pub async fn packages(
        &self,
        shop_id: &ShopId,
        orders: &[OrderId],
    ) -> Result<Vec<PackageRecord>, StoreError> {
        let mut found = Vec::new();
        for orders in orders.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(orders.iter().map(|id| id.as_str().into()));
            let sql = format!(
                "SELECT create_time, document FROM package WHERE order_id IN ({list}) AND shop_id = {}
                 ORDER BY order_id, create_time, package_id",
                params.push(shop_id.as_str())
            );
            for row in self.rows(sql, params).await? {
                found.push(package(&row)?);
            }
        }
        Ok(found)
    }

    /// A parcel by id.
    pub async fn package(
        &self,
        shop_id: &ShopId,
        id: &PackageId,
    ) -> Result<Option<PackageRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT create_time, document FROM package WHERE shop_id = {} AND package_id = {}",
            params.push(shop_id.as_str()),
            params.push(id.as_str())
        );
        self.rows(sql, params).await?.first().map(package).transpose()
    }

    /// The returns of these orders, newest change first.
    pub async fn returns_of(
        &self,
        shop_id: &ShopId,
        orders: &[OrderId],
    ) -> Result<Vec<ReturnRequestRecord>, StoreError> {
        let mut found = Vec::new();
        for orders in orders.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(orders.iter().map(|id| id.as_str().into()));
            let sql = format!(
                "SELECT {RETURN} FROM return_request WHERE order_id IN ({list}) AND shop_id = {}
                 ORDER BY order_id, update_time DESC, return_id DESC",
                params.push(shop_id.as_str())
            );
            for row in self.rows(sql, params).await? {
                found.push(return_request(&row)?);
            }
        }
        Ok(found)
    }

    /// A return by id.
    pub async fn return_request(
        &self,
        shop_id: &ShopId,
        id: &ReturnId,
    ) -> Result<Option<ReturnRequestRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT {RETURN} FROM return_request WHERE shop_id = {} AND return_id = {}",
            params.push(shop_id.as_str()),
            params.push(id.as_str())
        );
        self.rows(sql, params).await?.first().map(return_request).transpose()
    }

    /// Returns of the shop, newest change first.
    pub async fn returns(
        &self,
        shop_id: &ShopId,
        query: &ReturnQuery,
        limit: u32,
    ) -> Result<Vec<ReturnRequestRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = format!("shop_id = {}", params.push(shop_id.as_str()));
        if let Some(buyer_id) = &query.buyer_id {
            condition += &format!(" AND buyer_id = {}", params.push(buyer_id.as_str()));
        }
        if let Some(order_id) = &query.order_id {
            condition += &format!(" AND order_id = {}", params.push(order_id.as_str()));
        }
        if let Some(status) = &query.status {
            condition += &format!(" AND status = {}", params.push(row::wire_word(status)?));
        }
        if let Some((time, id)) = &query.before {
            let (time, id) = (params.push(time.millis()), params.push(id.as_str()));
            condition += &format!(" AND (update_time, return_id) < ({time}, {id})");
        }
        let sql = format!(
            "SELECT {RETURN} FROM return_request WHERE {condition}
             ORDER BY update_time DESC, return_id DESC LIMIT {limit}"
        );
        self.rows(sql, params).await?.iter().map(return_request).collect()
    }

    /// Returns of all shops that the shop had to answer by `now` and did not, longest due first.
    pub async fn returns_due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ShopId, ReturnRequestRecord)>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT shop_id, {RETURN} FROM return_request WHERE answer_due_time <= {}
             ORDER BY answer_due_time LIMIT {limit}",
            params.push(now.millis())
        );
        let rows = self.rows(sql, params).await?;
        Ok(document::read_what_can_be(&rows, "return_request", return_request))
    }

    /// Returns of all shops that the shop has to answer by `until`, of which agents were not told, longest due first.
    pub async fn returns_untold(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ShopId, ReturnRequestRecord)>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT shop_id, {RETURN} FROM return_request WHERE answer_due_time <= {}
                 AND answer_due_time IS NOT NULL AND (told_due_time IS NULL OR told_due_time <> answer_due_time)
             ORDER BY answer_due_time LIMIT {limit}",
            params.push(until.millis())
        );
        let rows = self.rows(sql, params).await?;
        Ok(document::read_what_can_be(&rows, "return_request", return_request))
    }

    /// The agents are told now that this return's answer is due; whether nobody else told them, here or on another node.
    pub async fn take_return_notice(
        &self,
        shop_id: &ShopId,
        id: &ReturnId,
        due_time: Timestamp,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!(
            "UPDATE return_request SET told_due_time = answer_due_time WHERE shop_id = {} AND return_id = {}
                 AND answer_due_time = {} AND (told_due_time IS NULL OR told_due_time <> answer_due_time)",
            params.push(shop_id.as_str()),
            params.push(id.as_str()),
            params.push(due_time.millis())
        );
        let taken = transaction.execute_raw(self.statement(sql, params.values)).await?.rows_affected() > 0;
        transaction.commit().await?;
        Ok(taken)
    }

    /// A buyer's returns that the shop has to answer by `until`, the first due first.
    pub async fn buyer_returns_due(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReturnRequestRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT {RETURN} FROM return_request WHERE shop_id = {} AND buyer_id = {} AND answer_due_time <= {}
             ORDER BY answer_due_time LIMIT {limit}",
            params.push(shop_id.as_str()),
            params.push(buyer_id.as_str()),
            params.push(until.millis())
        );
        self.rows(sql, params).await?.iter().map(return_request).collect()
    }

    /// A buyer's orders that have not come to their end, newest first.
    pub async fn buyer_orders_under_way(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let mut params = self.params();
        let ends = |status: &OrderStatus| {
            matches!(status, OrderStatus::Delivered | OrderStatus::Completed | OrderStatus::Cancelled)
        };
        let mut under_way = Vec::new();
        for status in OrderStatus::ALL.iter().filter(|status| !ends(status)) {
            under_way.push(row::wire_word(status)?.into());
        }
        let list = params.list(under_way.into_iter());
        let sql = format!(
            "SELECT {ORDER} FROM shop_order o {NOTE} WHERE o.status IN ({list}) AND o.shop_id = {} AND o.buyer_id = {}
             ORDER BY o.create_time DESC, o.order_id DESC LIMIT {limit}",
            params.push(shop_id.as_str()),
            params.push(buyer_id.as_str())
        );
        self.rows(sql, params).await?.iter().map(order).collect()
    }

    /// Orders of all shops whose reminder is due, longest due first.
    pub async fn reminders_due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ShopId, OrderRecord)>, StoreError> {
        self.orders_due("remind_time", now, limit).await
    }

    /// Orders of all shops that were placed here and not paid in time, longest due first.
    pub async fn orders_lapsing(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ShopId, OrderRecord)>, StoreError> {
        self.orders_due("lapse_time", now, limit).await
    }

    async fn orders_due(
        &self,
        column: &'static str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ShopId, OrderRecord)>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT o.shop_id, {ORDER} FROM shop_order o {NOTE} WHERE o.{column} <= {}
             ORDER BY o.{column} LIMIT {limit}",
            params.push(now.millis())
        );
        let rows = self.rows(sql, params).await?;
        Ok(document::read_what_can_be(&rows, "shop_order", order))
    }

    /// The agents are told of this reminder of the order now, and of another at `next`; whether nobody else told them,
    /// here or on another node, and the order still is as it was read.
    pub async fn take_reminder(
        &self,
        shop_id: &ShopId,
        record: &OrderRecord,
        next: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!(
            "UPDATE shop_order SET remind_time = {} WHERE shop_id = {} AND order_id = {} AND remind_time = {}
                 AND version = {}",
            params.push(next.map(Timestamp::millis)),
            params.push(shop_id.as_str()),
            params.push(record.order.id.as_str()),
            params.push(record.remind_time.map(Timestamp::millis)),
            params.push(record.version)
        );
        let taken = transaction.execute_raw(self.statement(sql, params.values)).await?.rows_affected() > 0;
        transaction.commit().await?;
        Ok(taken)
    }
}

fn order_condition(
    params: &mut Params,
    shop_id: &ShopId,
    buyer_id: &UserId,
    query: &OrderQuery,
) -> Result<String, StoreError> {
    let (shop_id, buyer_id) = (params.push(shop_id.as_str()), params.push(buyer_id.as_str()));
    Ok(format!("o.shop_id = {shop_id} AND o.buyer_id = {buyer_id}{}", order_filters(params, query)?))
}

fn order_filters(params: &mut Params, query: &OrderQuery) -> Result<String, StoreError> {
    let mut condition = String::new();
    if let Some(status) = &query.status {
        condition += &format!(" AND o.status = {}", params.push(row::wire_word(status)?));
    }
    if let Some(part) = query.id_part.as_deref().map(id_part).filter(|part| !part.is_empty()) {
        condition += &format!(" AND o.order_id_folded LIKE {} ESCAPE '\\'", params.push(like(&part)));
    }
    Ok(condition)
}
