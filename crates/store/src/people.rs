//! Shops, buyers and agents, as the tokens name them.

use std::collections::{BTreeMap, BTreeSet};

use deskwire_protocol::{Role, ShopId, Timestamp, UserId};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{
    PersonRecord, Scope, Side, Store, StoreError, UserRecord, revocation, row,
    shop::{Hand, Shelf, Wanted},
    sql::{Params, ROWS},
};

/// Someone who comes with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub scope: Scope,
    /// As the token's claims tell.
    pub user: UserRecord,
    /// When the token was made.
    pub issue_time: Timestamp,
}

/// Whether someone who comes is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// And known from now on.
    Admitted,
    /// The token was withdrawn since it was made; nothing was written.
    Revoked,
}

/// Who comes, and what is told of them.
type Newcomer<'a> = (&'a Scope, &'a UserRecord);

/// What is known of someone who comes.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    revoke_time: Option<Timestamp>,
    /// All that the token tells.
    is_known: bool,
}

impl Store {
    /// Lets in all who come at once: each user is made or renamed, and the shop is made if it is new. Nothing is written,
    /// nor waits for the one who writes, when all of it is known already: most who come have been here before.
    pub async fn arrive(&self, arrivals: &[Arrival], now: Timestamp) -> Result<Vec<Admission>, StoreError> {
        let people: Vec<Newcomer> =
            arrivals.iter().map(|Arrival { scope, user, .. }| (scope, user)).collect();
        let standings = self.standings(&people).await?;
        let mut new = Vec::new();
        let mut admissions = Vec::with_capacity(arrivals.len());
        for (arrival, standing) in arrivals.iter().zip(standings) {
            if standing.revoke_time.is_some_and(|revoke_time| arrival.issue_time <= revoke_time) {
                admissions.push(Admission::Revoked);
                continue;
            }
            if !standing.is_known {
                new.push((&arrival.scope, &arrival.user));
            }
            admissions.push(Admission::Admitted);
        }
        self.put_users(&new, now).await?;
        Ok(admissions)
    }

    /// The same for one, whose token is not asked for.
    pub async fn put_user(&self, scope: &Scope, user: &UserRecord, now: Timestamp) -> Result<(), StoreError> {
        let people = [(scope, user)];
        if self.standings(&people).await?.iter().all(|standing| standing.is_known) {
            return Ok(());
        }
        self.put_users(&people, now).await
    }

    async fn standings(&self, people: &[Newcomer<'_>]) -> Result<Vec<Standing>, StoreError> {
        let mut standings = vec![Standing::default(); people.len()];
        for (chunk, standings) in people.chunks(ROWS).zip(standings.chunks_mut(ROWS)) {
            let mut params = self.params();
            let keys = params.filled_up(chunk).enumerate().map(|(place, (scope, _))| {
                vec![
                    i64::try_from(place).unwrap_or(i64::MAX).into(),
                    scope.shop_id.as_str().into(),
                    revocation::word(scope.side()).into(),
                    scope.user_id.as_str().into(),
                ]
            });
            let keys = params.table("k", keys);
            let sql = format!(
                "SELECT k.column1 AS place, r.revoke_time, b.name AS buyer_name, b.locale AS buyer_locale, a.role,
                     a.name AS agent_name, a.locale AS agent_locale
                 FROM {keys}
                 LEFT JOIN revocation r ON r.shop_id = k.column2 AND r.side = k.column3 AND r.user_id = k.column4
                 LEFT JOIN buyer b ON k.column3 = 'BUYER' AND b.shop_id = k.column2 AND b.user_id = k.column4
                 LEFT JOIN agent a ON k.column3 = 'SHOP' AND a.shop_id = k.column2 AND a.user_id = k.column4"
            );
            for row in self.rows(sql, params).await? {
                let place = usize::try_from(row::get::<i64>(&row, "place")?).unwrap_or(usize::MAX);
                if let (Some((scope, user)), Some(standing)) = (chunk.get(place), standings.get_mut(place)) {
                    let revoke_time: Option<i64> = row::get(&row, "revoke_time")?;
                    let name = match scope.side() {
                        Side::Buyer => "buyer",
                        Side::Shop => "agent",
                    };
                    let role: Option<String> = row::get(&row, "role")?;
                    let in_role = role.as_deref() == role_word(scope.role);
                    standing.revoke_time = revoke_time.map(Timestamp::from_millis);
                    standing.is_known = in_role
                        && row::get::<Option<String>>(&row, &format!("{name}_name"))?.as_ref()
                            == Some(&user.name)
                        && row::get::<Option<String>>(&row, &format!("{name}_locale"))? == user.locale;
                }
            }
        }
        Ok(standings)
    }

    async fn put_users(&self, people: &[Newcomer<'_>], now: Timestamp) -> Result<(), StoreError> {
        if people.is_empty() {
            return Ok(());
        }
        // By key: two who write the same never wait for each other. Who comes twice is written once.
        let mut shops = BTreeSet::new();
        let mut buyers = BTreeMap::new();
        let mut agents = BTreeMap::new();
        for (scope, user) in people {
            shops.insert(scope.shop_id.as_str());
            let of_side = match scope.side() {
                Side::Buyer => &mut buyers,
                Side::Shop => &mut agents,
            };
            of_side.insert((scope.shop_id.as_str(), scope.user_id.as_str()), (*scope, *user));
        }
        let shops: Vec<_> = shops.into_iter().collect();
        let transaction = self.begin().await?;
        for shops in shops.chunks(ROWS) {
            let mut params = self.params();
            let rows = params.filled_up(shops).map(|shop| vec![(*shop).into(), now.millis().into()]);
            let rows = params.table("v", rows);
            let sql = format!(
                "INSERT INTO shop (shop_id, create_time) SELECT * FROM {rows} WHERE true ON CONFLICT DO NOTHING"
            );
            transaction.execute_raw(self.statement(sql, params.values)).await?;
        }
        for (table, people) in [("buyer", buyers), ("agent", agents)] {
            let people: Vec<_> = people.into_values().collect();
            for people in people.chunks(ROWS) {
                let mut params = self.params();
                let rows = params.filled_up(people).map(|(scope, user)| {
                    let mut row = vec![
                        scope.shop_id.as_str().into(),
                        scope.user_id.as_str().into(),
                        user.name.as_str().into(),
                        user.locale.clone().into(),
                        now.millis().into(),
                        now.millis().into(),
                    ];
                    row.extend(role_word(scope.role).map(Value::from));
                    row
                });
                let rows = params.table("v", rows);
                let (column, role) = match table {
                    "agent" => (", role", ", role = excluded.role"),
                    _ => ("", ""),
                };
                let sql = format!(
                    "INSERT INTO {table} (shop_id, user_id, name, locale, create_time, update_time{column})
                     SELECT * FROM {rows} WHERE true
                     ON CONFLICT (shop_id, user_id) DO UPDATE SET name = excluded.name, locale = excluded.locale,
                         update_time = excluded.update_time{role}"
                );
                transaction.execute_raw(self.statement(sql, params.values)).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
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

/// As the table of agents has it; buyers have a table of their own.
const fn role_word(role: Role) -> Option<&'static str> {
    match role {
        Role::Buyer => None,
        Role::Agent => Some("AGENT"),
        Role::Admin => Some("ADMIN"),
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
