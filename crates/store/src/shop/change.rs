//! A change of a shop's things in one transaction: load under locks, ask the rules, write what they answer. Whatever is
//! written marks the cards that show it, so that no way to change a thing leaves a card behind.

use std::collections::{BTreeSet, HashMap};

use deskwire_protocol::{
    ShopId, Timestamp, UserId,
    coupon::DisplayType,
    ids::{
        ClientCouponId, ClientOrderId, ClientReturnId, CouponId, OrderId, PackageId, ProductId, ReturnId,
        SkuId, WebhookId,
    },
    order::OrderStatus,
    product::Product,
    webhook::Subscription,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Value};

use super::{
    cards::{SOONER, mark_order},
    coupons::{self, CLAIM, COUPON},
    document,
    import::ImportChange,
    orders::{self, NOTE, ORDER, RETURN},
    products::{self, PRODUCT},
    record::{
        AuditRecord, ClaimRecord, CouponRecord, OrderRecord, PackageRecord, PostRecord, ProductRecord,
        ReturnRequestRecord, Subject,
    },
    search::{self, fold},
};
use crate::{
    PersonRecord, Side, Store, StoreError, WebhookEventRecord, row,
    sql::{Params, ROWS},
};

/// Rows of many columns written into one statement.
const WIDE_ROWS: usize = 500;

/// What must be loaded to decide. Locked in the order of the fields, and by id within one: two nodes never wait for each
/// other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Orders, with their parcels and returns.
    pub orders: Vec<OrderId>,
    /// Orders by themselves.
    pub bare_orders: Vec<OrderId>,
    /// Orders by themselves, and what was taken for them where they were placed here and still stand: the products of
    /// their variants, and the claim that was used on them.
    pub cancelled_orders: Vec<OrderId>,
    /// Orders that the buyer's client placed under these names.
    pub client_orders: Vec<(UserId, ClientOrderId)>,
    /// Parcels, and the orders they are of.
    pub packages: Vec<PackageId>,
    /// Returns, and the orders they are of.
    pub returns: Vec<ReturnId>,
    /// Returns that the buyer's client asked for under these names.
    pub client_returns: Vec<(UserId, ClientReturnId)>,
    /// Products.
    pub products: Vec<ProductId>,
    /// Variants: the products that they are of.
    pub skus: Vec<SkuId>,
    /// Coupons.
    pub coupons: Vec<CouponId>,
    /// Coupons that these agents' clients made under these names.
    pub client_coupons: Vec<(UserId, ClientCouponId)>,
    /// What buyers have of coupons.
    pub claims: Vec<(CouponId, UserId)>,
    /// Buyers and agents.
    pub people: Vec<(Side, UserId)>,
}

/// What was taken for orders that were placed here.
struct Taken {
    skus: Vec<SkuId>,
    claims: Vec<(CouponId, UserId)>,
}

/// What was loaded; what the shop does not have is left out.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Orders.
    pub orders: HashMap<OrderId, OrderRecord>,
    /// The wanted parcels, and all those of the wanted orders.
    pub packages: HashMap<PackageId, PackageRecord>,
    /// The wanted returns, and all those of the wanted orders.
    pub returns: HashMap<ReturnId, ReturnRequestRecord>,
    /// Products.
    pub products: HashMap<ProductId, ProductRecord>,
    /// To which product a variant belongs.
    pub skus: HashMap<SkuId, ProductId>,
    /// Coupons.
    pub coupons: HashMap<CouponId, CouponRecord>,
    /// Claims, of each buyer by number.
    pub claims: Vec<ClaimRecord>,
    /// Buyers and agents.
    pub people: HashMap<(Side, UserId), PersonRecord>,
    /// The shop's webhooks that are told anything, and what.
    pub webhooks: Vec<(WebhookId, Subscription)>,
}

/// What is to be written: whole new states.
#[derive(Debug, Clone, Default)]
pub struct ShopChanges {
    /// Orders, made or changed. Their version is counted up here. A note with a new version is kept as one more.
    pub orders: Vec<OrderRecord>,
    /// Parcels.
    pub packages: Vec<PackageRecord>,
    /// Returns.
    pub returns: Vec<ReturnRequestRecord>,
    /// Products. Their version is counted up here.
    pub products: Vec<ProductRecord>,
    /// Coupons. Their version is counted up here.
    pub coupons: Vec<CouponRecord>,
    /// Claims, made or used.
    pub claims: Vec<ClaimRecord>,
    /// Buyers and agents.
    pub people: Vec<PersonRecord>,
    /// How far the file has come from which this is.
    pub import: Option<ImportChange>,
    /// Who did what.
    pub audit: Vec<AuditRecord>,
    /// Messages that are owed.
    pub posts: Vec<PostRecord>,
    /// What webhooks are told; kept for those only who want to be told it ([`Shelf::webhooks`]).
    pub webhook_events: Vec<WebhookEventRecord>,
}

impl ShopChanges {
    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            orders,
            packages,
            returns,
            products,
            coupons,
            claims,
            people,
            import,
            audit,
            posts,
            webhook_events,
        } = self;
        orders.is_empty()
            && packages.is_empty()
            && returns.is_empty()
            && products.is_empty()
            && coupons.is_empty()
            && claims.is_empty()
            && people.is_empty()
            && import.is_none()
            && audit.is_empty()
            && posts.is_empty()
            && webhook_events.is_empty()
    }

    /// The things whose cards may look different now.
    pub fn subjects(&self) -> BTreeSet<Subject> {
        let orders = self.orders.iter().map(|record| record.order.id.clone());
        let of_packages = self.packages.iter().map(|record| record.package.order_id.clone());
        let of_returns = self.returns.iter().map(|record| record.request.order_id.clone());
        let of_claims = self.claims.iter().map(|record| record.claim.coupon_id.clone());
        orders
            .chain(of_packages)
            .chain(of_returns)
            .map(Subject::Order)
            .chain(self.products.iter().map(|record| Subject::Product(record.product.id.clone())))
            .chain(
                self.coupons
                    .iter()
                    .map(|record| record.coupon.id.clone())
                    .chain(of_claims)
                    .map(Subject::Coupon),
            )
            .collect()
    }
}

impl Store {
    /// Loads what is wanted of the shop under its locks, asks `decide`, writes what it answers and commits. When this
    /// returns `Ok`, all of it is durable; when `Err`, none of it is known to be. Where two make at once what can be made
    /// once, the second gets [`StoreError::Collision`], and sees the first when it tries again.
    pub async fn change<R: Send>(
        &self,
        shop_id: &ShopId,
        wanted: &Wanted,
        now: Timestamp,
        decide: impl FnOnce(&Shelf) -> (ShopChanges, R) + Send,
    ) -> Result<R, StoreError> {
        let transaction = self.begin().await?;
        let hand = Hand { store: self, transaction, shop_id };
        let loaded = hand.load(wanted).await?;
        let (changes, answer) = decide(&loaded);
        hand.write(&loaded, &changes, now).await.map_err(StoreError::or_collision)?;
        let told = self.write_webhook_events(
            &hand.transaction,
            shop_id,
            &loaded.webhooks,
            &changes.webhook_events,
            now,
        );
        let told = told.await?;
        hand.transaction.commit().await?;
        if told {
            self.webhook_events_written().notify_one();
        }
        Ok(answer)
    }
}

/// One transaction on one shop.
pub(crate) struct Hand<'a> {
    pub(crate) store: &'a Store,
    transaction: DatabaseTransaction,
    pub(crate) shop_id: &'a ShopId,
}

impl Hand<'_> {
    pub(crate) async fn rows(&self, sql: String, params: Params) -> Result<Vec<QueryResult>, StoreError> {
        Ok(self.transaction.query_all_raw(self.store.statement(sql, params.values)).await?)
    }

    /// Runs a statement; how many rows it wrote.
    pub(crate) async fn execute(&self, sql: String, params: Params) -> Result<u64, StoreError> {
        Ok(self.transaction.execute_raw(self.store.statement(sql, params.values)).await?.rows_affected())
    }

    /// Runs a statement that writes `rows` rows, unless someone wrote one of them first.
    async fn upsert(&self, sql: String, params: Params, rows: usize) -> Result<(), StoreError> {
        let written = self.execute(sql, params).await?;
        if u64::try_from(rows).is_ok_and(|rows| rows == written) {
            Ok(())
        } else {
            Err(StoreError::Collision)
        }
    }

    pub(crate) fn shop(&self) -> Value {
        self.shop_id.as_str().into()
    }

    /// Runs a query with `{list}` over texts, in pieces.
    pub(crate) async fn by_ids(
        &self,
        ids: impl IntoIterator<Item = String>,
        sql: impl Fn(&str, &str) -> String,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let ids: BTreeSet<String> = ids.into_iter().collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut found = Vec::new();
        for ids in ids.chunks(ROWS) {
            let mut params = self.store.params();
            let list = params.list(ids.iter().map(|id| id.as_str().into()));
            let shop = params.push(self.shop());
            found.extend(self.rows(sql(&list, &shop), params).await?);
        }
        Ok(found)
    }

    /// Runs a query with `{rows}` over pairs of texts, in pieces.
    async fn by_pairs(
        &self,
        pairs: impl IntoIterator<Item = (String, String)>,
        sql: impl Fn(&str, &str) -> String,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let mut found = Vec::new();
        for pairs in pairs.chunks(ROWS) {
            let mut params = self.store.params();
            let rows = params.rows(pairs.iter().map(|(a, b)| vec![a.as_str().into(), b.as_str().into()]));
            let shop = params.push(self.shop());
            found.extend(self.rows(sql(&rows, &shop), params).await?);
        }
        Ok(found)
    }

    async fn load(&self, wanted: &Wanted) -> Result<Shelf, StoreError> {
        let mut loaded = Shelf::default();
        let lock = match self.store.backend() {
            DbBackend::Postgres => "FOR UPDATE",
            _ => "",
        };

        let mut orders: BTreeSet<String> = wanted.orders.iter().map(ToString::to_string).collect();
        let texts = |ids: &[PackageId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        for row in self
            .by_ids(texts(&wanted.packages), |list, shop| {
                format!("SELECT order_id FROM package WHERE package_id IN ({list}) AND shop_id = {shop}")
            })
            .await?
        {
            orders.insert(row::get(&row, "order_id")?);
        }
        for row in self
            .by_ids(wanted.returns.iter().map(ToString::to_string), |list, shop| {
                format!(
                    "SELECT order_id FROM return_request WHERE return_id IN ({list}) AND shop_id = {shop}"
                )
            })
            .await?
        {
            orders.insert(row::get(&row, "order_id")?);
        }
        let named = |pairs: &[(UserId, ClientReturnId)]| {
            pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>()
        };
        for row in self
            .by_pairs(named(&wanted.client_returns), |rows, shop| {
                format!(
                    "SELECT r.order_id FROM (VALUES {rows}) AS k JOIN return_request r
                     ON r.shop_id = {shop} AND r.buyer_id = k.column1 AND r.client_return_id = k.column2"
                )
            })
            .await?
        {
            orders.insert(row::get(&row, "order_id")?);
        }
        let named: Vec<_> =
            wanted.client_orders.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        for row in self
            .by_pairs(named, |rows, shop| {
                format!(
                    "SELECT o.order_id FROM (VALUES {rows}) AS k JOIN shop_order o
                     ON o.shop_id = {shop} AND o.buyer_id = k.column1 AND o.client_order_id = k.column2"
                )
            })
            .await?
        {
            orders.insert(row::get(&row, "order_id")?);
        }
        let bare = wanted.bare_orders.iter().chain(&wanted.cancelled_orders);
        let bare = bare.map(ToString::to_string).collect::<BTreeSet<_>>();
        let both = orders.union(&bare).cloned().collect();
        self.load_orders(both, lock, &mut loaded).await?;
        self.load_parts_of_orders(orders, &mut loaded).await?;
        let taken = self.load_taken(&wanted.cancelled_orders, &loaded).await?;

        let mut products: BTreeSet<String> = wanted.products.iter().map(ToString::to_string).collect();
        for row in self
            .by_ids(wanted.skus.iter().chain(&taken.skus).map(ToString::to_string), |list, shop| {
                format!("SELECT sku_id, product_id FROM sku WHERE sku_id IN ({list}) AND shop_id = {shop}")
            })
            .await?
        {
            let product_id: ProductId = row::needed_id(&row, "sku", "product_id")?;
            products.insert(product_id.to_string());
            loaded.skus.insert(row::needed_id(&row, "sku", "sku_id")?, product_id);
        }
        for row in self
            .by_ids(products, |list, shop| {
                format!(
                    "SELECT {PRODUCT} FROM product t WHERE t.product_id IN ({list}) AND t.shop_id = {shop}
                     ORDER BY t.product_id {lock}"
                )
            })
            .await?
        {
            let record = products::product(&row)?;
            loaded.products.insert(record.product.id.clone(), record);
        }
        self.load_coupons(wanted, &taken.claims, lock, &mut loaded).await?;
        self.load_people(wanted, &mut loaded).await?;
        loaded.webhooks = self.store.enabled_webhooks(&self.transaction, self.shop_id).await?;
        Ok(loaded)
    }

    async fn load_orders(
        &self,
        orders: BTreeSet<String>,
        lock: &str,
        loaded: &mut Shelf,
    ) -> Result<(), StoreError> {
        if !lock.is_empty() {
            // By itself: what a statement joins to a row that it waited for is of the time before the wait, and the order
            // may have another note since.
            self.by_ids(orders.iter().cloned(), |list, shop| {
                format!(
                    "SELECT order_id FROM shop_order WHERE order_id IN ({list}) AND shop_id = {shop}
                     ORDER BY order_id {lock}"
                )
            })
            .await?;
        }
        for row in self
            .by_ids(orders, |list, shop| {
                format!("SELECT {ORDER} FROM shop_order o {NOTE} WHERE o.order_id IN ({list}) AND o.shop_id = {shop}")
            })
            .await?
        {
            let record = orders::order(&row)?;
            loaded.orders.insert(record.order.id.clone(), record);
        }
        Ok(())
    }

    async fn load_parts_of_orders(
        &self,
        orders: BTreeSet<String>,
        loaded: &mut Shelf,
    ) -> Result<(), StoreError> {
        for row in self
            .by_ids(orders.iter().cloned(), |list, shop| {
                format!("SELECT create_time, document FROM package WHERE order_id IN ({list}) AND shop_id = {shop}")
            })
            .await?
        {
            let record = orders::package(&row)?;
            loaded.packages.insert(record.package.id.clone(), record);
        }
        for row in self
            .by_ids(orders, |list, shop| {
                format!("SELECT {RETURN} FROM return_request WHERE order_id IN ({list}) AND shop_id = {shop}")
            })
            .await?
        {
            let record = orders::return_request(&row)?;
            loaded.returns.insert(record.request.return_id.clone(), record);
        }
        Ok(())
    }

    /// What was taken for these orders. The orders are locked: nothing more is taken for them meanwhile.
    async fn load_taken(&self, orders: &[OrderId], loaded: &Shelf) -> Result<Taken, StoreError> {
        let placed = orders.iter().filter_map(|id| loaded.orders.get(id)).filter(|record| {
            record.client_order_id.is_some() && record.order.status != OrderStatus::Cancelled
        });
        let placed: Vec<&OrderRecord> = placed.collect();
        let items = placed.iter().flat_map(|record| &record.order.line_items);
        let mut taken = Taken { skus: items.map(|item| item.sku_id.clone()).collect(), claims: Vec::new() };
        for row in self
            .by_ids(placed.iter().map(|record| record.order.id.to_string()), |list, shop| {
                format!(
                    "SELECT coupon_id, buyer_id FROM coupon_claim WHERE order_id IN ({list}) AND shop_id = {shop}"
                )
            })
            .await?
        {
            let coupon_id = row::needed_id(&row, "coupon_claim", "coupon_id")?;
            taken.claims.push((coupon_id, row::user_id(&row, "coupon_claim", "buyer_id")?));
        }
        Ok(taken)
    }

    async fn load_coupons(
        &self,
        wanted: &Wanted,
        taken: &[(CouponId, UserId)],
        lock: &str,
        loaded: &mut Shelf,
    ) -> Result<(), StoreError> {
        let claims = || wanted.claims.iter().chain(taken);
        let mut coupons: BTreeSet<String> = wanted.coupons.iter().map(ToString::to_string).collect();
        coupons.extend(claims().map(|(coupon, _)| coupon.to_string()));
        let named: Vec<_> =
            wanted.client_coupons.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        for row in self
            .by_pairs(named, |rows, shop| {
                format!(
                    "SELECT t.coupon_id FROM (VALUES {rows}) AS k JOIN coupon t
                     ON t.shop_id = {shop} AND t.maker_id = k.column1 AND t.client_coupon_id = k.column2"
                )
            })
            .await?
        {
            coupons.insert(row::get(&row, "coupon_id")?);
        }
        for row in self
            .by_ids(coupons, |list, shop| {
                format!(
                    "SELECT {COUPON} FROM coupon t WHERE t.coupon_id IN ({list}) AND t.shop_id = {shop}
                     ORDER BY t.coupon_id {lock}"
                )
            })
            .await?
        {
            let record = coupons::coupon(&row)?;
            loaded.coupons.insert(record.coupon.id.clone(), record);
        }
        // Each once: several orders may have used claims of one coupon.
        let pairs: BTreeSet<_> = claims().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        for row in self
            .by_pairs(pairs, |rows, shop| {
                format!(
                    "SELECT {CLAIM} FROM (VALUES {rows}) AS k JOIN coupon_claim c
                     ON c.shop_id = {shop} AND c.coupon_id = k.column1 AND c.buyer_id = k.column2
                     ORDER BY c.coupon_id, c.buyer_id, c.number"
                )
            })
            .await?
        {
            loaded.claims.push(coupons::claim(&row)?);
        }
        Ok(())
    }

    async fn write(&self, loaded: &Shelf, changes: &ShopChanges, now: Timestamp) -> Result<(), StoreError> {
        for orders in changes.orders.chunks(WIDE_ROWS) {
            self.write_orders(loaded, orders).await?;
        }
        for packages in changes.packages.chunks(WIDE_ROWS) {
            self.write_packages(packages).await?;
        }
        for returns in changes.returns.chunks(WIDE_ROWS) {
            self.write_returns(returns).await?;
        }
        self.count_up_orders(changes).await?;
        self.write_products(loaded, &changes.products).await?;
        for coupons in changes.coupons.chunks(WIDE_ROWS) {
            self.write_coupons(loaded, coupons, now).await?;
        }
        for claims in changes.claims.chunks(ROWS) {
            self.write_claims(claims).await?;
        }
        self.write_people(&changes.people, now).await?;
        if let Some(import) = &changes.import {
            self.write_import(import, now).await?;
        }
        self.store.write_audit(&self.transaction, self.shop_id, &changes.audit).await?;
        for posts in changes.posts.chunks(ROWS) {
            self.write_posts(posts, now).await?;
        }
        self.mark_cards(changes.subjects(), now).await
    }

    async fn write_orders(&self, loaded: &Shelf, orders: &[OrderRecord]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(orders.len());
        let mut notes = Vec::new();
        for record in orders {
            let order = &record.order;
            let note_version = record.note.as_ref().map_or(0, |note| i64::from(note.version));
            rows.push(vec![
                self.shop(),
                order.id.as_str().into(),
                fold(order.id.as_str()).into(),
                order.user_id.as_str().into(),
                row::wire_word(&order.status)?.into(),
                record.client_order_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                note_version.into(),
                record.remind_time.map(Timestamp::millis).into(),
                record.lapse_time.map(Timestamp::millis).into(),
                order.create_time.millis().into(),
                order.update_time.millis().into(),
                (record.version + 1).into(),
                document::write("shop_order", order)?,
            ]);
            let stored = loaded.orders.get(&order.id).and_then(|stored| stored.note.as_ref());
            if let Some(note) =
                record.note.as_ref().filter(|note| stored.map(|note| note.version) != Some(note.version))
            {
                notes.push(vec![
                    self.shop(),
                    order.id.as_str().into(),
                    i64::from(note.version).into(),
                    note.text.as_str().into(),
                    row::wire_word(&note.editor.kind)?.into(),
                    note.editor.id.as_str().into(),
                    note.editor.name.as_str().into(),
                    note.update_time.millis().into(),
                ]);
            }
        }
        let count = rows.len();
        let mut params = self.store.params();
        let rows = params.rows(rows.into_iter());
        let sql = format!(
            "INSERT INTO shop_order (shop_id, order_id, order_id_folded, buyer_id, status, client_order_id, note_version,
                 remind_time, lapse_time, create_time, update_time, version, document) VALUES {rows}
             ON CONFLICT (shop_id, order_id) DO UPDATE SET status = excluded.status,
                 note_version = excluded.note_version, remind_time = excluded.remind_time,
                 lapse_time = excluded.lapse_time,
                 update_time = excluded.update_time, version = excluded.version, document = excluded.document
                 WHERE shop_order.version = excluded.version - 1"
        );
        self.upsert(sql, params, count).await?;
        if !notes.is_empty() {
            let mut params = self.store.params();
            let rows = params.rows(notes.into_iter());
            let sql = format!(
                "INSERT INTO seller_note (shop_id, order_id, version, text, editor_kind, editor_id, editor_name,
                     update_time) VALUES {rows}"
            );
            self.execute(sql, params).await?;
        }
        Ok(())
    }

    async fn write_packages(&self, packages: &[PackageRecord]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(packages.len());
        for PackageRecord { package, create_time } in packages {
            rows.push(vec![
                self.shop(),
                package.id.as_str().into(),
                package.order_id.as_str().into(),
                create_time.millis().into(),
                package.update_time.millis().into(),
                document::write("package", package)?,
            ]);
        }
        let mut params = self.store.params();
        let rows = params.rows(rows.into_iter());
        let sql = format!(
            "INSERT INTO package (shop_id, package_id, order_id, create_time, update_time, document) VALUES {rows}
             ON CONFLICT (shop_id, package_id) DO UPDATE SET update_time = excluded.update_time,
                 document = excluded.document WHERE package.order_id = excluded.order_id"
        );
        self.upsert(sql, params, packages.len()).await
    }

    async fn write_returns(&self, returns: &[ReturnRequestRecord]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(returns.len());
        for record in returns {
            let request = &record.request;
            rows.push(vec![
                self.shop(),
                request.return_id.as_str().into(),
                request.order_id.as_str().into(),
                record.buyer_id.as_str().into(),
                record.client_return_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                row::wire_word(&request.return_status)?.into(),
                record.answer_due_time.map(Timestamp::millis).into(),
                request.create_time.millis().into(),
                request.update_time.millis().into(),
                document::write("return_request", request)?,
            ]);
        }
        let mut params = self.store.params();
        let rows = params.rows(rows.into_iter());
        let sql = format!(
            "INSERT INTO return_request (shop_id, return_id, order_id, buyer_id, client_return_id, status,
                 answer_due_time, create_time, update_time, document) VALUES {rows}
             ON CONFLICT (shop_id, return_id) DO UPDATE SET status = excluded.status,
                 answer_due_time = excluded.answer_due_time, update_time = excluded.update_time,
                 document = excluded.document WHERE return_request.order_id = excluded.order_id"
        );
        self.upsert(sql, params, returns.len()).await
    }

    /// Orders whose parcels or returns alone have changed count that too.
    async fn count_up_orders(&self, changes: &ShopChanges) -> Result<(), StoreError> {
        let written: BTreeSet<&OrderId> = changes.orders.iter().map(|record| &record.order.id).collect();
        let of_packages = changes.packages.iter().map(|record| &record.package.order_id);
        let of_returns = changes.returns.iter().map(|record| &record.request.order_id);
        let others: BTreeSet<&OrderId> =
            of_packages.chain(of_returns).filter(|id| !written.contains(id)).collect();
        let others: Vec<&OrderId> = others.into_iter().collect();
        for ids in others.chunks(ROWS) {
            let mut params = self.store.params();
            let list = params.list(ids.iter().map(|id| id.as_str().into()));
            let sql = format!(
                "UPDATE shop_order SET version = version + 1 WHERE order_id IN ({list}) AND shop_id = {}",
                params.push(self.shop())
            );
            self.execute(sql, params).await?;
        }
        Ok(())
    }

    async fn write_products(&self, loaded: &Shelf, products: &[ProductRecord]) -> Result<(), StoreError> {
        let mut numbers: HashMap<ProductId, i64> = HashMap::with_capacity(products.len());
        for products in products.chunks(WIDE_ROWS) {
            numbers.extend(self.write_product_rows(products).await?);
        }
        let mut skus = Vec::new();
        let mut texts = Vec::new();
        let mut replaced = Vec::new();
        for record in products {
            let stored = loaded.products.get(&record.product.id).map(|stored| &stored.product);
            let ids = |product: &Product| product.skus.iter().map(|sku| sku.id.clone()).collect::<Vec<_>>();
            if stored.map(ids).as_ref() != Some(&ids(&record.product)) {
                skus.push(record);
            }
            let text = ProductText::of(&record.product);
            if stored.map(ProductText::of).as_ref() != Some(&text) {
                let number = numbers.get(&record.product.id).copied().ok_or(StoreError::Collision)?;
                texts.push((number, text));
                if stored.is_some() {
                    replaced.push(number);
                }
            }
        }
        // All at once: a variant may go from one product to another.
        self.write_skus(loaded, &skus).await?;
        self.delete_texts("product", replaced).await?;
        for texts in texts.chunks(ROWS) {
            self.write_product_texts(texts).await?;
        }
        Ok(())
    }

    /// The numbers of these products.
    async fn write_product_rows(
        &self,
        products: &[ProductRecord],
    ) -> Result<Vec<(ProductId, i64)>, StoreError> {
        let mut rows = Vec::with_capacity(products.len());
        for record in products {
            rows.push(vec![
                self.shop(),
                record.product.id.as_str().into(),
                row::wire_word(&record.product.status)?.into(),
                record.product.category.clone().into(),
                i64::try_from(record.stock).unwrap_or(i64::MAX).into(),
                record.product.update_time.millis().into(),
                (record.version + 1).into(),
                document::write("product", &record.product)?,
            ]);
        }
        let mut params = self.store.params();
        let rows = params.rows(rows.into_iter());
        let sql = format!(
            "INSERT INTO product (shop_id, product_id, status, category, stock, update_time, version, document)
             VALUES {rows}
             ON CONFLICT (shop_id, product_id) DO UPDATE SET status = excluded.status, category = excluded.category,
                 stock = excluded.stock, update_time = excluded.update_time, version = excluded.version,
                 document = excluded.document WHERE product.version = excluded.version - 1
             RETURNING product_no, product_id"
        );
        let numbered = self.rows(sql, params).await?;
        if numbered.len() != products.len() {
            return Err(StoreError::Collision);
        }
        numbered
            .iter()
            .map(|row| Ok((row::needed_id(row, "product", "product_id")?, row::get(row, "product_no")?)))
            .collect()
    }

    async fn write_skus(&self, loaded: &Shelf, products: &[&ProductRecord]) -> Result<(), StoreError> {
        let known: Vec<_> =
            products.iter().filter(|record| loaded.products.contains_key(&record.product.id)).collect();
        for products in known.chunks(ROWS) {
            let mut params = self.store.params();
            let list = params.list(products.iter().map(|record| record.product.id.as_str().into()));
            let sql = format!(
                "DELETE FROM sku WHERE product_id IN ({list}) AND shop_id = {}",
                params.push(self.shop())
            );
            self.execute(sql, params).await?;
        }
        let rows: Vec<Vec<Value>> = products
            .iter()
            .flat_map(|record| record.product.skus.iter().map(|sku| (&record.product.id, &sku.id)))
            .map(|(product, sku)| vec![self.shop(), sku.as_str().into(), product.as_str().into()])
            .collect();
        for rows in rows.chunks(ROWS) {
            let mut params = self.store.params();
            let rows = params.rows(rows.iter().cloned());
            self.execute(format!("INSERT INTO sku (shop_id, sku_id, product_id) VALUES {rows}"), params)
                .await?;
        }
        Ok(())
    }

    async fn write_product_texts(&self, texts: &[(i64, ProductText)]) -> Result<(), StoreError> {
        let mut params = self.store.params();
        let sql = if self.store.backend() == DbBackend::Sqlite {
            let scope = self.store.make_search_scope(&self.transaction, self.shop_id).await?;
            let rows = params.rows(texts.iter().map(|(number, text)| {
                let ProductText { title, product_id, seller_sku } = text;
                vec![
                    (*number).into(),
                    scope.as_str().into(),
                    title.as_str().into(),
                    product_id.as_str().into(),
                    seller_sku.as_str().into(),
                ]
            }));
            format!("INSERT INTO product_search (rowid, scope, title, product_id, seller_sku) VALUES {rows}")
        } else {
            let rows = params.rows(texts.iter().map(|(number, text)| {
                let ProductText { title, product_id, seller_sku } = text;
                let everything = format!("{title}\n{product_id}\n{seller_sku}");
                vec![
                    (*number).into(),
                    self.shop(),
                    title.as_str().into(),
                    product_id.as_str().into(),
                    seller_sku.as_str().into(),
                    everything.into(),
                ]
            }));
            format!(
                "INSERT INTO product_search (product_no, shop_id, title, product_id, seller_sku, everything)
                 VALUES {rows}"
            )
        };
        self.execute(sql, params).await?;
        Ok(())
    }

    async fn delete_texts(&self, table: &str, numbers: Vec<i64>) -> Result<(), StoreError> {
        let column = match self.store.backend() {
            DbBackend::Sqlite => "rowid".to_owned(),
            _ => format!("{table}_no"),
        };
        for numbers in numbers.chunks(ROWS) {
            let mut params = self.store.params();
            let list = params.list(numbers.iter().map(|number| (*number).into()));
            self.execute(format!("DELETE FROM {table}_search WHERE {column} IN ({list})"), params).await?;
        }
        Ok(())
    }

    async fn write_coupons(
        &self,
        loaded: &Shelf,
        records: &[CouponRecord],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(records.len());
        for record in records {
            let coupon = &record.coupon;
            let display_type: DisplayType = coupon.display_type;
            rows.push(vec![
                self.shop(),
                coupon.id.as_str().into(),
                row::wire_word(&display_type)?.into(),
                coupon.issue.as_ref().map(|issue| issue.buyer_id.as_str().to_owned()).into(),
                record.made_as.as_ref().map(|(maker, _)| maker.as_str().to_owned()).into(),
                record.made_as.as_ref().map(|(_, id)| id.as_str().to_owned()).into(),
                record.deactivated.into(),
                coupon.claim_duration.start_time.millis().into(),
                coupon.claim_duration.end_time.millis().into(),
                coupons::turn_time(record, now).map(Timestamp::millis).into(),
                coupon.usage_limits.total_claim_limit.map(i64::from).into(),
                coupon.usage_limits.redemption_limit.map(i64::from).into(),
                i64::from(coupon.claimed_count).into(),
                i64::from(coupon.redeemed_count).into(),
                coupon.update_time.millis().into(),
                (record.version + 1).into(),
                document::write("coupon", coupon)?,
            ]);
        }
        let mut params = self.store.params();
        let rows = params.rows(rows.into_iter());
        let sql = format!(
            "INSERT INTO coupon (shop_id, coupon_id, display_type, buyer_id, maker_id, client_coupon_id, deactivated,
                 start_time, end_time, turn_time, total_claim_limit, redemption_limit, claimed_count, redeemed_count, update_time, version,
                 document) VALUES {rows}
             ON CONFLICT (shop_id, coupon_id) DO UPDATE SET deactivated = excluded.deactivated,
                 start_time = excluded.start_time, end_time = excluded.end_time, turn_time = excluded.turn_time,
                 total_claim_limit = excluded.total_claim_limit, redemption_limit = excluded.redemption_limit,
                 claimed_count = excluded.claimed_count, redeemed_count = excluded.redeemed_count,
                 update_time = excluded.update_time, version = excluded.version, document = excluded.document
                 WHERE coupon.version = excluded.version - 1
             RETURNING coupon_no, coupon_id"
        );
        let mut numbers: HashMap<CouponId, i64> = HashMap::with_capacity(records.len());
        for row in self.rows(sql, params).await? {
            numbers.insert(row::needed_id(&row, "coupon", "coupon_id")?, row::get(&row, "coupon_no")?);
        }
        let mut texts = Vec::new();
        let mut replaced = Vec::new();
        for CouponRecord { coupon, .. } in records {
            let number = numbers.get(&coupon.id).copied().ok_or(StoreError::Collision)?;
            let stored = loaded.coupons.get(&coupon.id).map(|stored| &stored.coupon.title);
            if stored != Some(&coupon.title) {
                texts.push((number, search::name(&coupon.title)));
                if stored.is_some() {
                    replaced.push(number);
                }
            }
        }
        self.delete_texts("coupon", replaced).await?;
        if texts.is_empty() {
            return Ok(());
        }
        let mut params = self.store.params();
        let (columns, scope): (_, Value) = if self.store.backend() == DbBackend::Sqlite {
            let scope = self.store.make_search_scope(&self.transaction, self.shop_id).await?;
            ("rowid, scope, title", scope.into())
        } else {
            ("coupon_no, shop_id, title", self.shop())
        };
        let rows = params
            .rows(texts.into_iter().map(|(number, title)| vec![number.into(), scope.clone(), title.into()]));
        self.execute(format!("INSERT INTO coupon_search ({columns}) VALUES {rows}"), params).await?;
        Ok(())
    }

    async fn write_claims(&self, claims: &[ClaimRecord]) -> Result<(), StoreError> {
        let mut params = self.store.params();
        let rows = params.rows(claims.iter().map(|ClaimRecord { buyer_id, claim, message_id }| {
            vec![
                self.shop(),
                claim.coupon_id.as_str().into(),
                buyer_id.as_str().into(),
                i64::from(claim.number).into(),
                claim.claim_time.millis().into(),
                claim.start_time.millis().into(),
                claim.end_time.millis().into(),
                claim.order_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                message_id.map(|id| id.to_string()).into(),
            ]
        }));
        let sql = format!(
            "INSERT INTO coupon_claim (shop_id, coupon_id, buyer_id, number, claim_time, start_time, end_time, order_id,
                 message_id) VALUES {rows}
             ON CONFLICT (shop_id, coupon_id, buyer_id, number) DO UPDATE SET order_id = excluded.order_id"
        );
        self.execute(sql, params).await?;
        Ok(())
    }

    async fn write_posts(&self, posts: &[PostRecord], now: Timestamp) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(posts.len());
        for post in posts {
            rows.push(vec![
                self.shop(),
                post.buyer_id.as_str().into(),
                post.client_message_id.as_str().into(),
                row::wire_word(&post.kind)?.into(),
                post.reference.as_str().into(),
                now.millis().into(),
            ]);
        }
        let mut params = self.store.params();
        let rows = params.rows(rows.into_iter());
        let sql = format!(
            "INSERT INTO card_post (shop_id, buyer_id, client_message_id, card_kind, reference, create_time)
             VALUES {rows}"
        );
        self.execute(sql, params).await?;
        Ok(())
    }

    /// Things that no message shows are not marked: an import of a million orders marks none.
    async fn mark_cards(&self, subjects: BTreeSet<Subject>, now: Timestamp) -> Result<(), StoreError> {
        let mut subjects: Vec<Subject> = subjects.into_iter().collect();
        subjects.sort_by(|a, b| mark_order(self.shop_id, a).cmp(&mark_order(self.shop_id, b)));
        for subjects in subjects.chunks(ROWS) {
            let mut params = self.store.params();
            let rows =
                params.rows(subjects.iter().map(|subject| vec![subject.kind().into(), subject.id().into()]));
            let (shop, now) = (params.push(self.shop()), params.push(now.millis()));
            let sql = format!(
                "INSERT INTO card_refresh (shop_id, subject_kind, subject_id, due_time, generation)
                 SELECT {shop}, k.column1, k.column2, {now}, 1 FROM (VALUES {rows}) AS k
                 WHERE EXISTS (SELECT 1 FROM card c
                     WHERE c.shop_id = {shop} AND c.subject_kind = k.column1 AND c.subject_id = k.column2)
                 ORDER BY k.column1, k.column2
                 {SOONER}"
            );
            self.execute(sql, params).await?;
        }
        Ok(())
    }
}

/// By what a product is found.
#[derive(Debug, PartialEq, Eq)]
struct ProductText {
    title: String,
    product_id: String,
    seller_sku: String,
}

impl ProductText {
    fn of(product: &Product) -> Self {
        let skus: Vec<String> =
            product.skus.iter().filter_map(|sku| sku.seller_sku.as_deref()).map(fold).collect();
        Self {
            title: search::name(&product.title),
            product_id: fold(product.id.as_str()),
            seller_sku: skus.join("\n"),
        }
    }
}
