//! Small pieces of SQL that both databases read alike: numbered parameters and lists of rows.

use sea_orm::{DbBackend, Value};

/// Rows written into one statement at most; below the 32,766 parameters of `SQLite` for rows of up to 16 columns.
pub(crate) const ROWS: usize = 2_000;

/// How many rows the statements for many come in. Each text is prepared once and kept; were there one for every
/// number of rows, a busy server would keep hundreds of them, large ones, and have none at hand.
const COUNTS: [usize; 22] =
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, ROWS];

/// The rows, and then the last one again, up to a number for which a statement may be prepared already.
pub(crate) fn filled_up<T>(rows: &[T]) -> impl Iterator<Item = &T> {
    let count = COUNTS.into_iter().find(|count| *count >= rows.len()).unwrap_or(rows.len());
    rows.iter().chain(rows.last().into_iter().cycle().take(count - rows.len()))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_filled_up_by_the_last_one_to_few_numbers_and_by_half_at_most() {
        assert_eq!(filled_up::<u8>(&[]).count(), 0);
        assert_eq!(filled_up(&[1, 2, 3, 4, 5]).copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 5]);
        for rows in 1..=ROWS {
            let filled = filled_up(&vec![(); rows]).count();
            assert!(
                COUNTS.contains(&filled) && filled >= rows && filled <= rows + rows / 2,
                "{rows}: {filled}"
            );
        }
        assert_eq!(filled_up(&[(); ROWS + 1]).count(), ROWS + 1);
    }
}
