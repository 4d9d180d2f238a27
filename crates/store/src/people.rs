//! Shops, buyers and agents, as the tokens name them.

use std::collections::BTreeMap;

use deskwire_protocol::{Role, ShopId, Timestamp, UserId};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::{
    PersonRecord, Scope, Side, Store, StoreError, UserRecord, row,
    shop::{Hand, Shelf, Wanted},
    sql::{Params, ROWS},
};

impl Store {
    /// Makes or renames the user, and makes the shop if it is new. Nothing is written, nor waits for the one who
    /// writes, when all of it is known already: most who come have been here before.
    pub async fn put_user(&self, scope: &Scope, user: &UserRecord, now: Timestamp) -> Result<(), StoreError> {
        if self.knows(scope, user).await? {
            return Ok(());
        }
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = new_shop(&mut params, &scope.shop_id, now);
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

    /// Makes the shop if it is new.
    pub async fn make_shop(&self, shop_id: &ShopId, now: Timestamp) -> Result<(), StoreError> {
        let mut params = self.params();
        let sql = new_shop(&mut params, shop_id, now);
        self.writing().execute_raw(self.statement(sql, params.values)).await?;
        Ok(())
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

fn new_shop(params: &mut Params, shop_id: &ShopId, now: Timestamp) -> String {
    format!(
        "INSERT INTO shop (shop_id, create_time) VALUES ({}, {}) ON CONFLICT DO NOTHING",
        params.push(shop_id.as_str()),
        params.push(now.millis()),
    )
}

impl Hand<'_> {
    pub(crate) async fn load_people(&self, wanted: &Wanted, loaded: &mut Shelf) -> Result<(), StoreError> {
        for (side, columns, table) in
            [(Side::Buyer, "'BUYER' AS role", "buyer"), (Side::Shop, "role", "agent")]
        {
            let ids = wanted.people.iter().filter(|(of, _)| *of == side).map(|(_, id)| id.to_string());
            let sql = |list: &str, shop: &str| {
                format!(
                    "SELECT {columns}, user_id, name, locale, avatar FROM {table}
                     WHERE user_id IN ({list}) AND shop_id = {shop}"
                )
            };
            for row in self.by_ids(ids, sql).await? {
                let record = person(&row, table)?;
                loaded.people.insert((side, record.user.user_id.clone()), record);
            }
        }
        Ok(())
    }

    pub(crate) async fn write_people(
        &self,
        people: &[PersonRecord],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if people.is_empty() {
            return Ok(());
        }
        self.make_shop(now).await?;
        // By id: two who write the same never wait for each other.
        let mut buyers = BTreeMap::new();
        let mut agents = BTreeMap::new();
        for person in people {
            let of_side = match person.role {
                Role::Buyer => &mut buyers,
                Role::Agent | Role::Admin => &mut agents,
            };
            of_side.insert(&person.user.user_id, person);
        }
        for (table, people) in [("buyer", buyers), ("agent", agents)] {
            let people: Vec<_> = people.into_values().collect();
            for people in people.chunks(ROWS) {
                self.write_table(table, people, now).await?;
            }
        }
        Ok(())
    }

    async fn write_table(
        &self,
        table: &str,
        people: &[&PersonRecord],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut params = self.store.params();
        let rows = params.rows(people.iter().map(|PersonRecord { role, user, avatar }| {
            let mut row = vec![
                self.shop(),
                user.user_id.as_str().into(),
                user.name.as_str().into(),
                user.locale.clone().into(),
                avatar.clone().into(),
                now.millis().into(),
                now.millis().into(),
            ];
            match role {
                Role::Buyer => {}
                Role::Agent => row.push("AGENT".into()),
                Role::Admin => row.push("ADMIN".into()),
            }
            row
        }));
        let (column, role) = match table {
            "agent" => (", role", ", role = excluded.role"),
            _ => ("", ""),
        };
        let sql = format!(
            "INSERT INTO {table} (shop_id, user_id, name, locale, avatar, create_time, update_time{column}) VALUES {rows}
             ON CONFLICT (shop_id, user_id) DO UPDATE SET name = excluded.name, locale = excluded.locale,
                 avatar = excluded.avatar, update_time = excluded.update_time{role}"
        );
        self.execute(sql, params).await?;
        Ok(())
    }

    async fn make_shop(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut params = self.store.params();
        let sql = new_shop(&mut params, self.shop_id, now);
        self.execute(sql, params).await?;
        Ok(())
    }
}

fn person(row: &QueryResult, table: &'static str) -> Result<PersonRecord, StoreError> {
    Ok(PersonRecord {
        role: row::word(row, table, "role")?,
        user: UserRecord {
            user_id: row::user_id(row, table, "user_id")?,
            name: row::get(row, "name")?,
            locale: row::get(row, "locale")?,
        },
        avatar: row::get(row, "avatar")?,
    })
}
