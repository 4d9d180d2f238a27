//! Documents against the schemas that are published of them, as far as reading them into their types does not settle:
//! unknown fields are refused, so that those who write learn of typos, and a list is no object. (Types of the contract
//! are read leniently elsewhere, where old clients must live with new fields.)

use std::sync::Arc;

use deskwire_protocol::ErrorObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A schema, with those that it refers to.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    schema: Value,
    definitions: Arc<Map<String, Value>>,
}

/// What a document is called where it is wrong as a whole.
const WHOLE: &str = "body";

impl Shape {
    pub(super) fn new(schema: Value, definitions: Map<String, Value>) -> Self {
        Self { schema, definitions: Arc::new(definitions) }
    }

    /// That of a type which this one holds.
    pub(super) fn of_another<T: JsonSchema>(&self) -> Self {
        Self { schema: json!({ "$ref": T::schema_name() }), definitions: self.definitions.clone() }
    }

    /// Reads a document of this shape; what is wrong is named by its path.
    pub(super) fn read<T: DeserializeOwned>(&self, document: Value) -> Result<T, ErrorObject> {
        self.check(&document, &self.schema, &mut Path::default())?;
        serde_path_to_error::deserialize(document)
            .map_err(|error| deskwire_protocol::params::field_error(WHOLE, &error))
    }

    fn check<'a>(
        &'a self,
        value: &'a Value,
        schema: &'a Value,
        path: &mut Path<'a>,
    ) -> Result<(), ErrorObject> {
        let Some(schema) = self.one_for(value, schema) else { return Ok(()) };
        match (value, &schema["properties"], &schema["items"]) {
            (Value::Object(fields), Value::Object(properties), _) => {
                for (name, value) in fields {
                    path.0.push(Step::Field(name));
                    let property = properties.get(name).ok_or_else(|| path.error(unknown(schema, name)))?;
                    self.check(value, property, path)?;
                    path.0.pop();
                }
                Ok(())
            }
            (Value::Array(_), Value::Object(_), _) => Err(path.error("must be an object")),
            (Value::Array(items), _, items_schema @ Value::Object(_)) => {
                for (index, item) in items.iter().enumerate() {
                    path.0.push(Step::Item(index));
                    self.check(item, items_schema, path)?;
                    path.0.pop();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The schema itself, without references, and of alternatives the one that is not `null`; none where nothing is to
    /// be said of the value.
    fn one_for<'a>(&'a self, value: &Value, mut schema: &'a Value) -> Option<&'a Value> {
        loop {
            if let Some(reference) = schema["$ref"].as_str() {
                schema = self.definitions.get(reference.rsplit('/').next()?)?;
            } else if let Some(alternatives) = schema["anyOf"].as_array() {
                if value.is_null() {
                    return None;
                }
                schema = alternatives.iter().find(|alternative| alternative["type"] != "null")?;
            } else {
                return Some(schema);
            }
        }
    }
}

fn unknown(schema: &Value, name: &str) -> &'static str {
    let made_here = schema[super::schemas::MADE_BY_THE_SERVER].as_array();
    if made_here.is_some_and(|names| names.iter().any(|made| made == name)) {
        "is not written here: leave it out"
    } else {
        "there is no such field"
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

#[derive(Default)]
struct Path<'a>(Vec<Step<'a>>);

impl Path<'_> {
    fn error(&self, problem: &str) -> ErrorObject {
        let mut field = String::new();
        for step in &self.0 {
            match step {
                Step::Field(name) if field.is_empty() => field.push_str(name),
                Step::Field(name) => {
                    field.push('.');
                    field.push_str(name);
                }
                Step::Item(index) => field.push_str(&format!("[{index}]")),
            }
        }
        if field.is_empty() {
            field.push_str(WHOLE);
        }
        ErrorObject::field(field, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::{examples, schemas::Schemas};
    use deskwire_protocol::{order::Order, product::Product};

    fn wrong<T: DeserializeOwned + JsonSchema>(
        mut document: Value,
        change: impl FnOnce(&mut Value),
    ) -> (String, String) {
        change(&mut document);
        let error = Schemas::shape_of::<T>().read::<T>(document).err().expect("it is refused");
        (error.data.field.clone().unwrap_or_default(), error.message.into_owned())
    }

    #[test]
    fn the_examples_are_of_their_shapes() {
        Schemas::shape_of::<Order>().read::<Order>(examples::order()).unwrap();
        Schemas::shape_of::<Product>().read::<Product>(examples::product()).unwrap();
    }

    #[test]
    fn an_unknown_field_is_named_by_its_path_wherever_it_is() {
        for (change, field) in [
            (
                Box::new(|order: &mut Value| order["statsu"] = json!(1)) as Box<dyn FnOnce(&mut Value)>,
                "statsu",
            ),
            (Box::new(|order| order["payment"]["vat"] = json!(1)), "payment.vat"),
            (Box::new(|order| order["payment"]["tax"]["cents"] = json!(1)), "payment.tax.cents"),
            (Box::new(|order| order["line_items"][0]["size"] = json!(1)), "line_items[0].size"),
            (Box::new(|order| order["recipient_address"]["street"] = json!(1)), "recipient_address.street"),
        ] {
            let (named, message) = wrong::<Order>(examples::order(), change);
            assert_eq!(named, field);
            assert!(message.contains("there is no such field"), "{message}");
        }
    }

    #[test]
    fn what_the_server_makes_is_not_written() {
        for name in ["links", "reminder", "pending_actions", "seller_note", "packages", "returns"] {
            let (field, message) = wrong::<Order>(examples::order(), |order| order[name] = json!([]));
            assert_eq!(field, name);
            assert!(message.contains("leave it out"), "{message}");
        }
    }

    #[test]
    fn a_list_is_no_object() {
        let (field, _) = wrong::<Order>(json!([]), |_| ());
        assert_eq!(field, "body");
        let (field, _) = wrong::<Order>(examples::order(), |order| order["deadlines"] = json!([]));
        assert_eq!(field, "deadlines");
        let (field, _) =
            wrong::<Order>(examples::order(), |order| order["payment"]["tax"] = json!(["1.00", "EUR"]));
        assert_eq!(field, "payment.tax");
    }

    #[test]
    fn a_wrong_value_and_a_missing_one_are_named_by_their_path() {
        let (field, _) =
            wrong::<Order>(examples::order(), |order| order["line_items"][0]["quantity"] = json!(-1));
        assert_eq!(field, "line_items[0].quantity");
        let (field, _) = wrong::<Order>(examples::order(), |order| {
            order["payment"].as_object_mut().unwrap().remove("tax");
        });
        assert_eq!(field, "payment.tax");
        let (field, _) =
            wrong::<Order>(examples::order(), |order| order["payment"]["tax"]["amount"] = json!(1.5));
        assert_eq!(field, "payment.tax.amount");
    }
}
