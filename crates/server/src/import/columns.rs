//! The columns of a CSV file as fields of a document. `payment.total_amount.amount` is a field within a field,
//! `line_items.0.id` one of the first in a list; a cell that is a list or an object as a whole is JSON, and an amount may
//! be written `12.50 EUR`. An empty cell is no field.
//!
//! A cell has no type of its own: it is read as the type that the field has.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

/// Elements of a list that columns may name.
const LIST: usize = 200;

/// Where a column goes, and how its cells are read.
#[derive(Debug)]
struct Column {
    name: String,
    path: Vec<Step>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Element(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Integer,
    Boolean,
    Money,
    /// A list or an object.
    Json,
}

/// All columns of a file.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

impl Columns {
    /// Finds the field of each column in the document's schema; a name that is none is refused.
    pub(super) fn new(schema: &Value, names: &csv::StringRecord) -> anyhow::Result<Self> {
        let columns = names.iter().map(|name| {
            let name = name.trim().trim_start_matches('\u{feff}');
            column(schema, name).with_context(|| format!("the column {name:?}"))
        });
        Ok(Self(columns.collect::<anyhow::Result<_>>()?))
    }

    /// What a row says in this column, if anything.
    pub(super) fn cell(&self, record: &csv::StringRecord, name: &str) -> Option<String> {
        let place = self.0.iter().position(|column| column.name == name)?;
        record.get(place).map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned)
    }

    /// The document of a row.
    pub(super) fn row(&self, record: &csv::StringRecord) -> Result<Value, String> {
        if record.len() > self.0.len() {
            return Err(format!("has {} cells, more than the {} columns", record.len(), self.0.len()));
        }
        let mut row = Value::Object(Map::new());
        for (column, cell) in self.0.iter().zip(record) {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            let value = column.form.read(cell).map_err(|problem| format!("`{}`: {problem}", column.name))?;
            place(&mut row, &column.path, value);
        }
        Ok(row)
    }
}

fn column(schema: &Value, name: &str) -> anyhow::Result<Column> {
    let mut at = resolved(schema, schema);
    let mut path = Vec::new();
    for part in name.split('.') {
        let next = if let Ok(index) = part.parse::<usize>() {
            if index >= LIST {
                bail!("names element {index}; at most {LIST} can be columns");
            }
            path.push(Step::Element(index));
            at.get("items")
        } else {
            path.push(Step::Field(part.to_owned()));
            at.get("properties").and_then(|fields| fields.get(part))
        };
        at = resolved(schema, next.with_context(|| format!("names no field: there is no {part:?} there"))?);
    }
    Ok(Column { name: name.to_owned(), form: form(at), path })
}

/// Follows references, and looks through what only says that a field may be absent.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    loop {
        if let Some(reference) = at.get("$ref").and_then(Value::as_str) {
            match root.pointer(reference.trim_start_matches('#')) {
                Some(target) => at = target,
                None => return at,
            }
        } else if let Some(either) = at.get("anyOf").and_then(Value::as_array) {
            match either.iter().find(|schema| schema.get("type") != Some(&json!("null"))) {
                Some(schema) => at = schema,
                None => return at,
            }
        } else {
            return at;
        }
    }
}

fn form(schema: &Value) -> Form {
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    };
    let is_money =
        schema.pointer("/properties/amount").is_some() && schema.pointer("/properties/currency").is_some();
    if is_money {
        Form::Money
    } else if is("integer") {
        Form::Integer
    } else if is("boolean") {
        Form::Boolean
    } else if is("object") || is("array") {
        Form::Json
    } else {
        Form::Text
    }
}

impl Form {
    fn read(self, cell: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(cell.into()),
            Self::Integer => {
                cell.parse::<i64>().map(Value::from).map_err(|_| format!("{cell:?} is no whole number"))
            }
            Self::Boolean => match cell.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Ok(true.into()),
                "false" | "0" | "no" => Ok(false.into()),
                _ => Err(format!("{cell:?} is neither true nor false")),
            },
            Self::Money if !cell.starts_with('{') => {
                let (amount, currency) =
                    cell.split_once(' ').ok_or_else(|| format!("{cell:?} is no amount, as \"12.50 EUR\""))?;
                Ok(json!({ "amount": amount, "currency": currency.trim() }))
            }
            Self::Money | Self::Json => {
                serde_json::from_str(cell).map_err(|error| format!("is no JSON: {error}"))
            }
        }
    }
}

/// Puts a value into its place, making what leads there.
fn place(row: &mut Value, path: &[Step], value: Value) {
    let mut at = row;
    for step in path {
        at = match step {
            Step::Field(name) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                match at {
                    Value::Object(fields) => fields.entry(name.clone()).or_insert(Value::Null),
                    other => other,
                }
            }
            Step::Element(index) => {
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                match at {
                    Value::Array(elements) => {
                        while elements.len() <= *index {
                            elements.push(Value::Null);
                        }
                        &mut elements[*index]
                    }
                    other => other,
                }
            }
        };
    }
    *at = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Kind;

    fn record(cells: &[&str]) -> csv::StringRecord {
        cells.to_vec().into()
    }

    #[test]
    fn cells_become_fields_of_the_type_that_the_document_has() {
        let names = [
            "id",
            "create_time",
            "is_cod",
            "payment.currency",
            "payment.total_amount",
            "payment.tax.amount",
            "line_items.0.id",
            "line_items.1.quantity",
            "buyer_message",
            "deadlines",
        ];
        let columns = Columns::new(&Kind::Orders.schema(), &record(&names)).unwrap();
        let row = columns
            .row(&record(&[
                "007",
                "1764000000000",
                "yes",
                "EUR",
                "12.50 EUR",
                "0.00",
                "1",
                "2",
                "",
                r#"{"payment_due_time":5}"#,
            ]))
            .unwrap();
        assert_eq!(
            row,
            json!({
                "id": "007", "create_time": 1_764_000_000_000_i64, "is_cod": true,
                "payment": {
                    "currency": "EUR", "total_amount": {"amount": "12.50", "currency": "EUR"}, "tax": {"amount": "0.00"},
                },
                "line_items": [{"id": "1"}, {"quantity": 2}],
                "deadlines": {"payment_due_time": 5},
            })
        );
    }

    #[test]
    fn a_cell_that_is_none_is_named_by_its_column() {
        let columns = Columns::new(&Kind::Orders.schema(), &record(&["id", "create_time"])).unwrap();
        let error = columns.row(&record(&["1", "yesterday"])).unwrap_err();
        assert_eq!(error, "`create_time`: \"yesterday\" is no whole number");
        assert!(columns.row(&record(&["1", "2", "3"])).is_err());
    }

    #[test]
    fn a_column_that_is_no_field_is_refused() {
        for name in ["total", "payment.totl", "line_items.x.id", "line_items.200.id", ""] {
            assert!(Columns::new(&Kind::Orders.schema(), &record(&["id", name])).is_err(), "{name}");
        }
    }
}
