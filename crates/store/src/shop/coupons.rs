//! Coupons and what buyers have claimed. Every query starts from the shop.

use deskwire_protocol::{
    ShopId, Timestamp, UserId,
    coupon::{Claim, CouponStatus, DisplayType},
    ids::{CouponId, OrderId},
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    document,
    record::{ClaimRecord, CouponRecord},
    search::{self, Index},
};
use crate::{Store, StoreError, row, sql::ROWS};

/// What a coupon `t` is read with.
pub(super) const COUPON: &str = "t.coupon_no, t.maker_id, t.client_coupon_id, t.deactivated, t.claimed_count, t.redeemed_count, t.version, t.document";
/// What a claim `c` is read with.
pub(super) const CLAIM: &str =
    "c.coupon_id, c.buyer_id, c.number, c.claim_time, c.start_time, c.end_time, c.order_id, c.message_id";

/// Which coupons, newest first.
#[derive(Debug, Clone, Default)]
pub struct CouponQuery {
    /// Words that must all be found in the name.
    pub text: Option<String>,
    /// Only these, reckoned at `now`.
    pub status: Option<CouponStatus>,
    /// When `status` is reckoned.
    pub now: Timestamp,
    /// Only these.
    pub display_type: Option<DisplayType>,
    /// Of the personalized ones only this buyer's.
    pub buyer_id: Option<UserId>,
    /// Only those before this one.
    pub before: Option<i64>,
}

fn count(row: &QueryResult, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row::get::<i64>(row, column)?)
        .map_err(|_| StoreError::corrupt("coupon", format_args!("{column} is no count")))
}

pub(super) fn coupon(row: &QueryResult) -> Result<CouponRecord, StoreError> {
    let mut coupon: deskwire_protocol::coupon::Coupon = document::read(row, "coupon")?;
    coupon.claimed_count = count(row, "claimed_count")?;
    coupon.redeemed_count = count(row, "redeemed_count")?;
    let maker_id: Option<UserId> = row::id(row, "coupon", "maker_id")?;
    Ok(CouponRecord {
        coupon,
        deactivated: row::get(row, "deactivated")?,
        made_as: maker_id.zip(row::id(row, "coupon", "client_coupon_id")?),
        coupon_no: row::get(row, "coupon_no")?,
        version: row::get(row, "version")?,
    })
}

pub(super) fn claim(row: &QueryResult) -> Result<ClaimRecord, StoreError> {
    const TABLE: &str = "coupon_claim";
    Ok(ClaimRecord {
        buyer_id: row::user_id(row, TABLE, "buyer_id")?,
        claim: Claim {
            coupon_id: row::needed_id(row, TABLE, "coupon_id")?,
            number: u32::try_from(row::get::<i64>(row, "number")?)
                .map_err(|_| StoreError::corrupt(TABLE, "number is no count"))?,
            claim_time: row::time(row, "claim_time")?,
            start_time: row::time(row, "start_time")?,
            end_time: row::time(row, "end_time")?,
            order_id: row::id(row, TABLE, "order_id")?,
        },
        message_id: row::id(row, TABLE, "message_id")?,
    })
}

/// When time alone begins or ends it next.
pub(super) fn turn_time(record: &CouponRecord, now: Timestamp) -> Option<Timestamp> {
    let duration = record.coupon.claim_duration;
    let turns = [duration.start_time, duration.end_time];
    turns.into_iter().filter(|turn| *turn > now && !record.deactivated).min()
}

impl Store {
    /// Coupons of all shops that time alone has begun or ended by now and of which nobody was told, the first first.
    pub async fn coupons_turned(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ShopId, CouponRecord)>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT t.shop_id, {COUPON} FROM coupon t WHERE t.turn_time <= {} ORDER BY t.turn_time LIMIT {limit}",
            params.push(now.millis())
        );
        let rows = self.rows(sql, params).await?;
        Ok(document::read_what_can_be(&rows, "coupon", coupon))
    }

    /// Workbenches are told now that the coupon has begun or ended; whether nobody else told them, here or on another
    /// node, and the coupon still is as it was read.
    pub async fn take_coupon_turn(
        &self,
        shop_id: &ShopId,
        record: &CouponRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!(
            "UPDATE coupon SET turn_time = {} WHERE shop_id = {} AND coupon_id = {} AND version = {}
                 AND turn_time <= {}",
            params.push(turn_time(record, now).map(Timestamp::millis)),
            params.push(shop_id.as_str()),
            params.push(record.coupon.id.as_str()),
            params.push(record.version),
            params.push(now.millis())
        );
        let taken = transaction.execute_raw(self.statement(sql, params.values)).await?.rows_affected() > 0;
        transaction.commit().await?;
        Ok(taken)
    }

    /// Coupons by id; those that the shop does not have are left out.
    pub async fn coupons(&self, shop_id: &ShopId, ids: &[CouponId]) -> Result<Vec<CouponRecord>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(ids.iter().map(|id| id.as_str().into()));
            let sql = format!(
                "SELECT {COUPON} FROM coupon t WHERE t.coupon_id IN ({list}) AND t.shop_id = {}",
                params.push(shop_id.as_str())
            );
            for row in self.rows(sql, params).await? {
                found.push(coupon(&row)?);
            }
        }
        Ok(found)
    }

    /// Coupons of the shop, newest first.
    pub async fn find_coupons(
        &self,
        shop_id: &ShopId,
        query: &CouponQuery,
        limit: u32,
    ) -> Result<Vec<CouponRecord>, StoreError> {
        let mut params = self.params();
        let words = query.text.as_deref().map_or_else(Vec::new, search::words);
        let index = Index { table: "coupon", columns: &["title"], column: "title" };
        let Some(mut from) = self.searched(&mut params, index, shop_id, &words).await? else {
            return Ok(Vec::new());
        };
        if let Some(status) = query.status {
            let now = params.push(query.now.millis());
            from += &match status {
                CouponStatus::Deactivated => " AND t.deactivated".to_owned(),
                CouponStatus::NotStart => format!(" AND NOT t.deactivated AND t.start_time > {now}"),
                CouponStatus::Ongoing => {
                    format!(" AND NOT t.deactivated AND t.start_time <= {now} AND t.end_time > {now}")
                }
                CouponStatus::Expired => format!(" AND NOT t.deactivated AND t.end_time <= {now}"),
            };
        }
        if let Some(display_type) = &query.display_type {
            from += &format!(" AND t.display_type = {}", params.push(row::wire_word(display_type)?));
        }
        if let Some(buyer_id) = &query.buyer_id {
            from += &format!(" AND (t.buyer_id IS NULL OR t.buyer_id = {})", params.push(buyer_id.as_str()));
        }
        let number =
            if words.is_empty() { "t.coupon_no" } else { self.search_number("s.rowid", "s.coupon_no") };
        if let Some(before) = query.before {
            from += &format!(" AND {number} < {}", params.push(before));
        }
        let sql = format!("SELECT {COUPON} FROM {from} ORDER BY {number} DESC LIMIT {limit}");
        self.rows(sql, params).await?.iter().map(coupon).collect()
    }

    /// What a buyer has of these coupons.
    pub async fn claims_of(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        coupons: &[CouponId],
    ) -> Result<Vec<ClaimRecord>, StoreError> {
        let coupons = coupons.iter().map(CouponId::as_str);
        self.claims_by(shop_id, ("buyer_id", buyer_id.as_str()), ("coupon_id", coupons)).await
    }

    /// What these buyers have of a coupon.
    pub async fn claims_of_buyers(
        &self,
        shop_id: &ShopId,
        coupon_id: &CouponId,
        buyers: &[UserId],
    ) -> Result<Vec<ClaimRecord>, StoreError> {
        let buyers = buyers.iter().map(UserId::as_str);
        self.claims_by(shop_id, ("coupon_id", coupon_id.as_str()), ("buyer_id", buyers)).await
    }

    /// Claims of which one column is this and the other among those.
    async fn claims_by<'a>(
        &self,
        shop_id: &ShopId,
        (one, id): (&'static str, &str),
        (other, ids): (&'static str, impl Iterator<Item = &'a str>),
    ) -> Result<Vec<ClaimRecord>, StoreError> {
        let mut found = Vec::new();
        for ids in ids.collect::<Vec<_>>().chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(ids.iter().map(|id| (*id).into()));
            let sql = format!(
                "SELECT {CLAIM} FROM coupon_claim c
                 WHERE c.{other} IN ({list}) AND c.shop_id = {} AND c.{one} = {} ORDER BY c.{other}, c.number",
                params.push(shop_id.as_str()),
                params.push(id)
            );
            for row in self.rows(sql, params).await? {
                found.push(claim(&row)?);
            }
        }
        Ok(found)
    }

    /// The claim that was used on an order, with whose it is.
    pub async fn claim_on_order(
        &self,
        shop_id: &ShopId,
        order_id: &OrderId,
    ) -> Result<Option<ClaimRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT {CLAIM} FROM coupon_claim c WHERE c.shop_id = {} AND c.order_id = {}",
            params.push(shop_id.as_str()),
            params.push(order_id.as_str())
        );
        self.rows(sql, params).await?.first().map(claim).transpose()
    }

    /// What a buyer has claimed, newest first.
    pub async fn buyer_claims(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        before: Option<(Timestamp, CouponId, u32)>,
        limit: u32,
    ) -> Result<Vec<ClaimRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = format!(
            "c.shop_id = {} AND c.buyer_id = {}",
            params.push(shop_id.as_str()),
            params.push(buyer_id.as_str())
        );
        if let Some((time, id, number)) = before {
            let (time, id) = (params.push(time.millis()), params.push(id.as_str()));
            let number = params.push(i64::from(number));
            condition += &format!(" AND (c.claim_time, c.coupon_id, c.number) < ({time}, {id}, {number})");
        }
        let sql = format!(
            "SELECT {CLAIM} FROM coupon_claim c WHERE {condition}
             ORDER BY c.claim_time DESC, c.coupon_id DESC, c.number DESC LIMIT {limit}"
        );
        self.rows(sql, params).await?.iter().map(claim).collect()
    }
}
