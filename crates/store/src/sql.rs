//! Small pieces of SQL: parameters, lists and rows, in the form that is cheapest for the database.
//!
//! `PostgreSQL` is given a column of many rows as one parameter, an array: the text of the statement is the same for any
//! number of rows, so it is planned once. `SQLite` has no arrays: it is given a parameter for each field, in a few numbers of rows.

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
    has_arrays: bool,
}

impl Params {
    pub(crate) fn new(backend: DbBackend) -> Self {
        Self {
            values: Vec::new(),
            counted: backend == DbBackend::Sqlite,
            has_arrays: backend == DbBackend::Postgres,
        }
    }

    /// The rows of a table or list, filled up where the statement has a parameter for each field.
    pub(crate) fn filled_up<'r, T>(&self, rows: &'r [T]) -> impl Iterator<Item = &'r T> + use<'r, T> {
        filled_up(rows).take(if self.has_arrays { rows.len() } else { usize::MAX })
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

    /// A table of these rows, with the columns `column1`, `column2` and so on: what may follow `FROM`. It must stand in the
    /// statement before lists and tables made after it, and there must be a row.
    pub(crate) fn table(&mut self, name: &str, rows: impl Iterator<Item = Vec<Value>>) -> String {
        if !self.has_arrays {
            return format!("(VALUES {}) AS {name}", self.rows(rows));
        }
        let mut columns: Vec<Array> = Vec::new();
        for row in rows {
            columns.resize_with(row.len().max(columns.len()), Array::default);
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let names: Vec<String> = (1..=columns.len()).map(|number| format!("column{number}")).collect();
        let arrays: Vec<String> = columns.into_iter().map(|column| self.array(column)).collect();
        format!("unnest({}) AS {name} ({})", arrays.join(", "), names.join(", "))
    }

    /// `IN (…)` of these values, of which there must be one, or what means the same.
    pub(crate) fn one_of(&mut self, values: impl Iterator<Item = Value>) -> String {
        if !self.has_arrays {
            return format!("IN ({})", self.list(values));
        }
        let mut array = Array::default();
        values.for_each(|value| array.push(value));
        format!("= ANY ({})", self.array(array))
    }

    fn array(&mut self, Array { mut literal, element }: Array) -> String {
        literal.push('}');
        let placeholder = self.push(literal);
        format!("{placeholder}::text::{element}[]")
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

/// An array as `PostgreSQL` writes it, all but its end.
struct Array {
    literal: String,
    element: &'static str,
}

impl Default for Array {
    fn default() -> Self {
        Self { literal: "{".into(), element: "text" }
    }
}

impl Array {
    fn push(&mut self, value: Value) {
        if self.literal.len() > 1 {
            self.literal.push(',');
        }
        let (element, text) = match value {
            Value::Bool(value) => ("boolean", value.map(|value| value.to_string())),
            Value::Int(value) => ("integer", value.map(|value| value.to_string())),
            Value::BigInt(value) => ("bigint", value.map(|value| value.to_string())),
            Value::String(value) => ("text", value.map(|value| quoted(&value))),
            // Of what the tables hold there is nothing else: a value that is not known here would be refused by the column.
            other => ("text", Some(quoted(&other.to_string()))),
        };
        self.element = element;
        self.literal.push_str(text.as_deref().unwrap_or("NULL"));
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
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

    #[test]
    fn for_postgres_a_column_is_an_array_and_the_text_says_nothing_of_how_many_rows_there_are() {
        let table = |rows: &[(i64, Option<&str>, bool)]| {
            let mut params = Params::new(DbBackend::Postgres);
            let after = params.push(7_i64);
            let rows = params.filled_up(rows).map(|(number, text, is)| {
                vec![(*number).into(), text.map(str::to_owned).into(), (*is).into()]
            });
            let table = params.table("k", rows);
            let one_of = params.one_of(["a,b".into(), "c".into()].into_iter());
            (format!("SELECT {after} FROM {table} WHERE x {one_of}"), params.values)
        };
        let (sql, values) =
            table(&[(1, Some("say \"\\hi\", {NULL}"), true), (2, None, false), (3, Some("NULL"), true)]);
        assert_eq!(
            sql,
            "SELECT $1 FROM unnest($2::text::bigint[], $3::text::text[], $4::text::boolean[]) AS k (column1, column2, column3) \
             WHERE x = ANY ($5::text::text[])"
        );
        let arrays =
            ["{1,2,3}", r#"{"say \"\\hi\", {NULL}",NULL,"NULL"}"#, "{true,false,true}", r#"{"a,b","c"}"#];
        assert_eq!(values[1..], arrays.map(Value::from));
        assert_eq!(table(&[(1, Some(""), true)]).0, sql);
    }
}
