//! People as the shop's systems write them, and how far a file of documents has come: in the transaction of what is
//! read from it.

use deskwire_protocol::{Role, ShopId, Timestamp};
use sea_orm::QueryResult;

use super::{
    change::{Hand, Shelf, Wanted},
    record::{ImportChange, ImportProgress, ImportRefusal, PersonRecord},
};
use crate::{Side, Store, StoreError, UserRecord, row, sql::ROWS};

fn table(side: Side) -> &'static str {
    match side {
        Side::Buyer => "buyer",
        Side::Shop => "agent",
    }
}

fn person(row: &QueryResult, side: Side) -> Result<PersonRecord, StoreError> {
    let table = table(side);
    Ok(PersonRecord {
        role: match side {
            Side::Buyer => Role::Buyer,
            Side::Shop => row::word(row, table, "role")?,
        },
        user: UserRecord {
            user_id: row::user_id(row, table, "user_id")?,
            name: row::get(row, "name")?,
            locale: row::get(row, "locale")?,
        },
        avatar: row::get(row, "avatar")?,
    })
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Hand<'_> {
    pub(super) async fn load_people(&self, wanted: &Wanted, loaded: &mut Shelf) -> Result<(), StoreError> {
        for side in [Side::Buyer, Side::Shop] {
            let ids = wanted.people.iter().filter(|(of, _)| *of == side).map(|(_, id)| id.to_string());
            let columns = match side {
                Side::Buyer => "user_id, name, locale, avatar",
                Side::Shop => "user_id, name, locale, avatar, role",
            };
            let table = table(side);
            for row in self
                .by_ids(ids, |list, shop| {
                    format!("SELECT {columns} FROM {table} WHERE user_id IN ({list}) AND shop_id = {shop}")
                })
                .await?
            {
                let record = person(&row, side)?;
                loaded.people.insert((side, record.user.user_id.clone()), record);
            }
        }
        Ok(())
    }

    /// What belongs to a shop needs the shop.
    pub(super) async fn make_shop(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut params = self.store.params();
        let (shop, now) = (params.push(self.shop()), params.push(now.millis()));
        let sql =
            format!("INSERT INTO shop (shop_id, create_time) VALUES ({shop}, {now}) ON CONFLICT DO NOTHING");
        self.execute(sql, params).await.map(drop)
    }

    pub(super) async fn write_people(
        &self,
        people: &[PersonRecord],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if people.is_empty() {
            return Ok(());
        }
        self.make_shop(now).await?;
        for side in [Side::Buyer, Side::Shop] {
            let of_side: Vec<&PersonRecord> = people
                .iter()
                .filter(|person| {
                    matches!(
                        (side, person.role),
                        (Side::Buyer, Role::Buyer) | (Side::Shop, Role::Agent | Role::Admin)
                    )
                })
                .collect();
            for people in of_side.chunks(ROWS) {
                let mut rows = Vec::with_capacity(people.len());
                for PersonRecord { role, user, avatar } in people {
                    let mut row = vec![
                        self.shop(),
                        user.user_id.as_str().into(),
                        user.name.as_str().into(),
                        user.locale.clone().into(),
                        avatar.clone().into(),
                        now.millis().into(),
                        now.millis().into(),
                    ];
                    if side == Side::Shop {
                        row.push(row::wire_word(role)?.into());
                    }
                    rows.push(row);
                }
                let mut params = self.store.params();
                let rows = params.rows(rows.into_iter());
                let (more, set) = match side {
                    Side::Buyer => ("", ""),
                    Side::Shop => (", role", ", role = excluded.role"),
                };
                let sql = format!(
                    "INSERT INTO {} (shop_id, user_id, name, locale, avatar, create_time, update_time{more}) VALUES {rows}
                     ON CONFLICT (shop_id, user_id) DO UPDATE SET name = excluded.name, locale = excluded.locale,
                         avatar = excluded.avatar, update_time = excluded.update_time{set}",
                    table(side)
                );
                self.execute(sql, params).await?;
            }
        }
        Ok(())
    }

    /// Notes how far the file has come. Where it does not stand where this began, someone else reads it.
    pub(super) async fn write_import(&self, import: &ImportChange, now: Timestamp) -> Result<(), StoreError> {
        let refused = import.refusals.len() as u64;
        let mut params = self.store.params();
        let shop = params.push(self.shop());
        let kind = params.push(import.kind);
        let digest = params.push(import.digest.as_str());
        let to = params.push(count(import.to));
        let line = params.push(count(import.line));
        let accepted = params.push(count(import.accepted));
        let refused = params.push(count(refused));
        let time = params.push(now.millis());
        let from = params.push(count(import.from));
        let sql = if import.from == 0 {
            format!(
                "INSERT INTO import_file (shop_id, kind, digest, byte_offset, line, accepted, refused, update_time)
                 VALUES ({shop}, {kind}, {digest}, {to}, {line}, {accepted}, {refused}, {time})
                 ON CONFLICT (shop_id, kind, digest) DO UPDATE SET byte_offset = excluded.byte_offset,
                     line = excluded.line, accepted = excluded.accepted, refused = excluded.refused,
                     update_time = excluded.update_time
                 WHERE import_file.byte_offset = {from}"
            )
        } else {
            format!(
                "UPDATE import_file SET byte_offset = {to}, line = {line}, accepted = accepted + {accepted},
                     refused = refused + {refused}, update_time = {time}
                 WHERE shop_id = {shop} AND kind = {kind} AND digest = {digest} AND byte_offset = {from}"
            )
        };
        if self.execute(sql, params).await? != 1 {
            return Err(StoreError::Collision);
        }
        for refusals in import.refusals.chunks(ROWS) {
            let mut params = self.store.params();
            let rows = params.rows(refusals.iter().map(|ImportRefusal { line, id, reason }| {
                vec![
                    self.shop(),
                    import.kind.into(),
                    import.digest.as_str().into(),
                    count(*line).into(),
                    id.clone().into(),
                    reason.as_str().into(),
                ]
            }));
            let sql = format!(
                "INSERT INTO import_refusal (shop_id, kind, digest, line, document_id, reason) VALUES {rows}
                 ON CONFLICT DO NOTHING"
            );
            self.execute(sql, params).await?;
        }
        Ok(())
    }
}

impl Store {
    /// How far a file has come; none where it was never read.
    pub async fn import_progress(
        &self,
        shop_id: &ShopId,
        kind: &str,
        digest: &str,
    ) -> Result<Option<ImportProgress>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT byte_offset, line, accepted, refused FROM import_file
             WHERE shop_id = {} AND kind = {} AND digest = {}",
            params.push(shop_id.as_str()),
            params.push(kind),
            params.push(digest)
        );
        let rows = self.rows(sql, params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let number = |column| -> Result<u64, StoreError> {
            u64::try_from(row::get::<i64>(row, column)?)
                .map_err(|_| StoreError::corrupt("import_file", format_args!("{column} is negative")))
        };
        Ok(Some(ImportProgress {
            offset: number("byte_offset")?,
            line: number("line")?,
            accepted: number("accepted")?,
            refused: number("refused")?,
        }))
    }

    /// Rows of a file that were refused, after a line.
    pub async fn import_refusals(
        &self,
        shop_id: &ShopId,
        kind: &str,
        digest: &str,
        after_line: u64,
        limit: u32,
    ) -> Result<Vec<ImportRefusal>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT line, document_id, reason FROM import_refusal
             WHERE shop_id = {} AND kind = {} AND digest = {} AND line > {} ORDER BY line LIMIT {limit}",
            params.push(shop_id.as_str()),
            params.push(kind),
            params.push(digest),
            params.push(count(after_line))
        );
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                Ok(ImportRefusal {
                    line: u64::try_from(row::get::<i64>(row, "line")?).unwrap_or(0),
                    id: row::get(row, "document_id")?,
                    reason: row::get(row, "reason")?,
                })
            })
            .collect()
    }
}
