//! Whose tokens were withdrawn, and when.

use deskwire_protocol::{Role, ShopId, Timestamp, UserId};
use sea_orm::ConnectionTrait;

use crate::{Scope, Side, Store, StoreError, row};

/// A user's tokens made before a time are worth nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Of this shop.
    pub shop_id: ShopId,
    /// Buyers and agents are separate name spaces.
    pub side: Side,
    /// Whose.
    pub user_id: UserId,
    /// Tokens made before this.
    pub revoke_time: Timestamp,
}

pub(crate) fn word(side: Side) -> &'static str {
    match side {
        Side::Buyer => "BUYER",
        Side::Shop => "SHOP",
    }
}

impl Store {
    /// Withdraws all tokens that this user got until now. One that a clock further ahead withdrew stays withdrawn.
    pub async fn revoke(
        &self,
        shop_id: &ShopId,
        role: Role,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let scope = Scope { shop_id: shop_id.clone(), role, user_id: user_id.clone() };
        let mut params = self.params();
        let sql = format!(
            "INSERT INTO revocation (shop_id, side, user_id, revoke_time) VALUES ({}, {}, {}, {})
             ON CONFLICT (shop_id, side, user_id) DO UPDATE SET revoke_time = excluded.revoke_time
                 WHERE excluded.revoke_time > revocation.revoke_time",
            params.push(shop_id.as_str()),
            params.push(word(scope.side())),
            params.push(user_id.as_str()),
            params.push(now.millis()),
        );
        self.writing().execute_raw(self.statement(sql, params.values)).await?;
        Ok(())
    }

    /// When this caller's tokens were withdrawn last.
    pub async fn revoked_at(&self, scope: &Scope) -> Result<Option<Timestamp>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT revoke_time FROM revocation WHERE shop_id = {} AND side = {} AND user_id = {}",
            params.push(scope.shop_id.as_str()),
            params.push(word(scope.side())),
            params.push(scope.user_id.as_str()),
        );
        let row = self.reading().query_one_raw(self.statement(sql, params.values)).await?;
        row.map(|row| row::time(&row, "revoke_time")).transpose()
    }

    /// Those made at or after a time.
    pub async fn revocations_since(&self, since: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT shop_id, side, user_id, revoke_time FROM revocation WHERE revoke_time >= {}",
            params.push(since.millis())
        );
        let rows = self.reading().query_all_raw(self.statement(sql, params.values)).await?;
        rows.iter()
            .map(|row| {
                let side: String = row::get(row, "side")?;
                Ok(Revocation {
                    shop_id: row::shop_id(row, "revocation")?,
                    side: if side == word(Side::Buyer) { Side::Buyer } else { Side::Shop },
                    user_id: row::user_id(row, "revocation", "user_id")?,
                    revoke_time: row::time(row, "revoke_time")?,
                })
            })
            .collect()
    }
}
