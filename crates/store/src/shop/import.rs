//! How far each file has come that was imported, and what of it was refused. Written in the transaction of the rows that it
//! counts, so that neither a kill nor a second reader of the same file loses or doubles one.

use deskwire_protocol::{ShopId, Timestamp};
use sea_orm::{ConnectionTrait, Value};

use super::change::Hand;
use crate::{
    Store, StoreError, row,
    sql::{Params, ROWS},
};

/// A file of one kind of document, known again by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFile {
    /// As far as it was read, in bytes.
    pub byte_offset: u64,
    /// The last line that was read.
    pub line: u64,
    /// Rows that were taken.
    pub accepted: u64,
    /// Rows that were refused.
    pub refused: u64,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRefusal {
    /// In which line it begins.
    pub line: u64,
    /// What it calls itself, as far as that could be read.
    pub id: Option<String>,
    /// Why.
    pub reason: String,
}

/// The next piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportChange {
    /// What is in the file.
    pub kind: &'static str,
    /// By what it is known again.
    pub digest: String,
    /// Where it stands before. Where it does not, the change is a [`StoreError::Collision`].
    pub from: u64,
    /// Where it stands after.
    pub to: u64,
    /// The last line that was read.
    pub line: u64,
    /// Rows of this piece that were taken.
    pub accepted: u64,
    /// Rows of this piece that were refused.
    pub refusals: Vec<ImportRefusal>,
}

impl Store {
    /// How far a file has come; begun now if it was never read.
    pub async fn begin_import(
        &self,
        shop_id: &ShopId,
        kind: &'static str,
        digest: &str,
        now: Timestamp,
    ) -> Result<ImportFile, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "INSERT INTO import_file (shop_id, kind, digest, byte_offset, line, accepted, refused, update_time)
             VALUES ({}, {}, {}, 0, 0, 0, 0, {}) ON CONFLICT DO NOTHING",
            params.push(shop_id.as_str()),
            params.push(kind),
            params.push(digest),
            params.push(now.millis())
        );
        self.writing().execute_raw(self.statement(sql, params.values)).await?;
        let mut params = self.params();
        let sql = format!(
            "SELECT byte_offset, line, accepted, refused FROM import_file WHERE {}",
            at(&mut params, shop_id.as_str().into(), kind, digest)
        );
        let rows = self.rows(sql, params).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("import_file", "was not begun"))?;
        let count = |column: &str| -> Result<u64, StoreError> {
            let count: i64 = row::get(row, column)?;
            u64::try_from(count).map_err(|problem| StoreError::corrupt("import_file", problem))
        };
        Ok(ImportFile {
            byte_offset: count("byte_offset")?,
            line: count("line")?,
            accepted: count("accepted")?,
            refused: count("refused")?,
        })
    }

    /// Forgets that a file was read: it is read from its beginning.
    pub async fn forget_import(&self, shop_id: &ShopId, kind: &str, digest: &str) -> Result<(), StoreError> {
        let mut params = self.params();
        let sql = format!(
            "DELETE FROM import_file WHERE {}",
            at(&mut params, shop_id.as_str().into(), kind, digest)
        );
        self.writing().execute_raw(self.statement(sql, params.values)).await?;
        Ok(())
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
            "SELECT line, thing_id, reason FROM import_refusal WHERE {} AND line > {} ORDER BY line LIMIT {limit}",
            at(&mut params, shop_id.as_str().into(), kind, digest),
            params.push(number(after_line)),
        );
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                let line: i64 = row::get(row, "line")?;
                Ok(ImportRefusal {
                    line: u64::try_from(line)
                        .map_err(|problem| StoreError::corrupt("import_refusal", problem))?,
                    id: row::get(row, "thing_id")?,
                    reason: row::get(row, "reason")?,
                })
            })
            .collect()
    }
}

impl Hand<'_> {
    pub(super) async fn write_import(&self, import: &ImportChange, now: Timestamp) -> Result<(), StoreError> {
        let ImportChange { kind, digest, from, to, line, accepted, refusals } = import;
        let mut params = self.store.params();
        let sql = format!(
            "UPDATE import_file SET byte_offset = {}, line = {}, accepted = accepted + {}, refused = refused + {},
                 update_time = {} WHERE {} AND byte_offset = {}",
            params.push(number(*to)),
            params.push(number(*line)),
            params.push(number(*accepted)),
            params.push(number(refusals.len() as u64)),
            params.push(now.millis()),
            at(&mut params, self.shop(), kind, digest),
            params.push(number(*from)),
        );
        if self.execute(sql, params).await? != 1 {
            return Err(StoreError::Collision);
        }
        for refusals in refusals.chunks(ROWS) {
            let mut params = self.store.params();
            let rows = params.rows(refusals.iter().map(|refusal| {
                vec![
                    self.shop(),
                    (*kind).into(),
                    digest.as_str().into(),
                    number(refusal.line),
                    refusal.id.clone().into(),
                    refusal.reason.as_str().into(),
                ]
            }));
            let sql = format!(
                "INSERT INTO import_refusal (shop_id, kind, digest, line, thing_id, reason) VALUES {rows}"
            );
            self.execute(sql, params).await?;
        }
        Ok(())
    }
}

fn at(params: &mut Params, shop_id: Value, kind: &str, digest: &str) -> String {
    format!(
        "shop_id = {} AND kind = {} AND digest = {}",
        params.push(shop_id),
        params.push(kind),
        params.push(digest)
    )
}

fn number(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}
