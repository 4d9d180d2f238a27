//! Small pieces of SQL that both databases read alike: numbered parameters and lists of rows.

use sea_orm::{DbBackend, Value};

/// Rows written into one statement at most; below the 32,766 parameters of `SQLite` for rows of up to 16 columns.
pub(crate) const ROWS: usize = 2_000;

/// Collects parameters and hands out their placeholders.
#[derive(Clone)]
pub(crate) struct Params {
    pub(crate) values: Vec<Value>,
    /// Whether placeholders may still be `?`, which `SQLite` counts. One with a number is a name to it, which it and its
    /// driver look up among all others: thousands of those cost seconds.
    counted: bool,
}

impl Params {
    pub(crate) fn new(backend: DbBackend) -> Self {
        Self { values: Vec::new(), counted: backend == DbBackend::Sqlite }
    }

    /// The placeholder of this value, good for any number of places in the statement.
    pub(crate) fn push(&mut self, value: impl Into<Value>) -> String {
        self.counted = false;
        let mut placeholder = String::new();
        self.place(value.into(), &mut placeholder);
        placeholder
    }

    /// `($1,$2),($3,$4)`: what may follow `VALUES`. Lists are cheapest when they are the first parameters.
    pub(crate) fn rows(&mut self, rows: impl Iterator<Item = Vec<Value>>) -> String {
        let mut sql = String::new();
        for row in rows {
            sql.push_str(if sql.is_empty() { "(" } else { ",(" });
            sql += &self.list(row.into_iter());
            sql.push(')');
        }
        sql
    }

    /// `$1,$2,$3`: what may stand in `IN (…)`. It must stand in the statement before lists made after it.
    pub(crate) fn list(&mut self, values: impl Iterator<Item = Value>) -> String {
        let mut sql = String::new();
        for value in values {
            if !sql.is_empty() {
                sql.push(',');
            }
            self.place(value, &mut sql);
        }
        sql
    }

    fn place(&mut self, value: Value, sql: &mut String) {
        self.values.push(value);
        if self.counted { sql.push('?') } else { sql.push_str(&format!("${}", self.values.len())) }
    }
}
