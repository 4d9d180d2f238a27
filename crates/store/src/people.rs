//! Shops, buyers and agents, as the tokens name them.

use deskwire_protocol::{Role, ShopId, Timestamp, UserId};
use sea_orm::ConnectionTrait;

use crate::{PersonRecord, Scope, Side, Store, StoreError, UserRecord, row};

impl Store {
    /// Makes or renames the user, and makes the shop if it is new. Nothing is written, nor waits for the one who
    /// writes, when all of it is known already: most who come have been here before.
    pub async fn put_user(&self, scope: &Scope, user: &UserRecord, now: Timestamp) -> Result<(), StoreError> {
        if self.knows(scope, user).await? {
            return Ok(());
        }
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!(
            "INSERT INTO shop (shop_id, create_time) VALUES ({}, {}) ON CONFLICT DO NOTHING",
            params.push(scope.shop_id.as_str()),
            params.push(now.millis()),
        );
        transaction.execute_raw(self.statement(sql, params.values)).await?;

        let mut params = self.params();
        let shop_id = params.push(scope.shop_id.as_str());
        let user_id = params.push(user.user_id.as_str());
        let name = params.push(user.name.as_str());
        let locale = params.push(user.locale.clone());
        let now = params.push(now.millis());
        let sql = match scope.role {
            Role::Buyer => format!(
                "INSERT INTO buyer (shop_id, user_id, name, locale, create_time, update_time)
                 VALUES ({shop_id}, {user_id}, {name}, {locale}, {now}, {now})
                 ON CONFLICT (shop_id, user_id)
                 DO UPDATE SET name = excluded.name, locale = excluded.locale, update_time = excluded.update_time"
            ),
            Role::Agent | Role::Admin => {
                let role = if scope.role == Role::Admin { "ADMIN" } else { "AGENT" };
                format!(
                    "INSERT INTO agent (shop_id, user_id, role, name, locale, create_time, update_time)
                     VALUES ({shop_id}, {user_id}, '{role}', {name}, {locale}, {now}, {now})
                     ON CONFLICT (shop_id, user_id)
                     DO UPDATE SET role = excluded.role, name = excluded.name, locale = excluded.locale,
                         update_time = excluded.update_time"
                )
            }
        };
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn knows(&self, scope: &Scope, user: &UserRecord) -> Result<bool, StoreError> {
        let mut params = self.params();
        let table = match scope.role {
            Role::Buyer => "buyer WHERE",
            Role::Agent => "agent WHERE role = 'AGENT' AND",
            Role::Admin => "agent WHERE role = 'ADMIN' AND",
        };
        let sql = format!(
            "SELECT 1 AS one FROM {table} shop_id = {} AND user_id = {} AND name = {} AND locale IS NOT DISTINCT FROM {}",
            params.push(scope.shop_id.as_str()),
            params.push(user.user_id.as_str()),
            params.push(user.name.as_str()),
            params.push(user.locale.clone()),
        );
        Ok(self.reading().query_one_raw(self.statement(sql, params.values)).await?.is_some())
    }

    /// The language of a buyer of the shop, where it is known.
    pub async fn buyer_locale(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
    ) -> Result<Option<String>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT locale FROM buyer WHERE shop_id = {} AND user_id = {}",
            params.push(shop_id.as_str()),
            params.push(buyer_id.as_str())
        );
        self.rows(sql, params).await?.first().map_or(Ok(None), |row| row::get(row, "locale"))
    }

    /// A buyer, or one of the shop's own people, as known here.
    pub async fn person(
        &self,
        shop_id: &ShopId,
        side: Side,
        user_id: &UserId,
    ) -> Result<Option<PersonRecord>, StoreError> {
        let mut params = self.params();
        let from = match side {
            Side::Buyer => "'BUYER' AS role, user_id, name, locale, avatar FROM buyer",
            Side::Shop => "role, user_id, name, locale, avatar FROM agent",
        };
        let sql = format!(
            "SELECT {from} WHERE shop_id = {} AND user_id = {}",
            params.push(shop_id.as_str()),
            params.push(user_id.as_str())
        );
        let rows = self.rows(sql, params).await?;
        rows.first()
            .map(|row| {
                Ok(PersonRecord {
                    role: row::word(row, "agent", "role")?,
                    user: UserRecord {
                        user_id: row::user_id(row, "agent", "user_id")?,
                        name: row::get(row, "name")?,
                        locale: row::get(row, "locale")?,
                    },
                    avatar: row::get(row, "avatar")?,
                })
            })
            .transpose()
    }

    /// Whether no shop was ever made.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let row =
            self.reading().query_one_raw(self.statement("SELECT 1 AS one FROM shop LIMIT 1", vec![])).await?;
        Ok(row.is_none())
    }
}
