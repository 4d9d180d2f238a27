//! Small pieces of SQL that both databases read alike: numbered parameters and lists of rows.

use std::fmt::Write as _;

use sea_orm::Value;

/// Rows written into one statement at most; below the 32,766 parameters of `SQLite` for rows of up to 16 columns.
pub(crate) const ROWS: usize = 2_000;

/// Collects parameters and hands out their placeholders.
#[derive(Default)]
pub(crate) struct Params {
    pub(crate) values: Vec<Value>,
}

impl Params {
    /// The placeholder of this value.
    pub(crate) fn push(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// `($1,$2),($3,$4)`: what may follow `VALUES`.
    pub(crate) fn rows(&mut self, rows: impl Iterator<Item = Vec<Value>>) -> String {
        let mut sql = String::new();
        for row in rows {
            sql.push_str(if sql.is_empty() { "(" } else { ",(" });
            for (index, value) in row.into_iter().enumerate() {
                self.values.push(value);
                let comma = if index == 0 { "" } else { "," };
                // Writing into a string cannot fail.
                let _: Result<(), std::fmt::Error> = write!(sql, "{comma}${}", self.values.len());
            }
            sql.push(')');
        }
        sql
    }

    /// `$1,$2,$3`: what may stand in `IN (…)`.
    pub(crate) fn list(&mut self, values: impl Iterator<Item = Value>) -> String {
        let placeholders: Vec<String> = values.map(|value| self.push(value)).collect();
        placeholders.join(",")
    }
}
