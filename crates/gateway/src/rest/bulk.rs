//! Many documents in one request: each is read by itself, so that one that is wrong does not take the others with it.

use std::borrow::Cow;

use deskwire_protocol::{ErrorObject, ErrorType};
use deskwire_workbench::{WorkbenchError, Written};
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    document::Document,
    input::InBody,
    output::{Outcome, OutcomeResult, Outcomes},
    shape::Shape,
};
use crate::refusal;

/// The most documents of a request. All of it is one transaction.
pub(super) const DOCUMENTS: usize = 500;

/// Documents, in their order, each as far as it could be read.
pub(super) struct Bulk<D> {
    rows: Vec<Row<D>>,
}

struct Row<D> {
    id: Option<String>,
    read: Result<D, ErrorObject>,
}

/// What is known of the documents before they are taken: their ids, and which were refused already.
pub(super) struct Begun {
    rows: Vec<(Option<String>, Option<ErrorObject>)>,
}

impl<D> Bulk<D> {
    /// Those to be taken, and the list of all.
    pub(super) fn apart(self) -> (Vec<D>, Begun) {
        let mut documents = Vec::with_capacity(self.rows.len());
        let mut rows = Vec::with_capacity(self.rows.len());
        for Row { id, read } in self.rows {
            rows.push((id, read.map(|document| documents.push(document)).err()));
        }
        (documents, Begun { rows })
    }
}

impl Begun {
    /// With what came of those that were to be taken, in their order.
    pub(super) fn with(self, taken: Vec<Result<Written, WorkbenchError>>) -> Outcomes {
        let mut taken = taken.into_iter();
        let outcomes = self.rows.into_iter().map(|(id, refused)| {
            let outcome = match refused {
                Some(error) => Err(error),
                None => match taken.next() {
                    Some(outcome) => outcome.map_err(refusal::of_workbench),
                    None => Err(ErrorType::Internal.into()),
                },
            };
            match outcome {
                Ok(written) => Outcome { id, result: written.into(), error: None },
                Err(error) => Outcome { id, result: OutcomeResult::Refused, error: Some(error) },
            }
        });
        Outcomes { outcomes: outcomes.collect() }
    }
}

impl<D: Document> InBody for Bulk<D> {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        let Value::Object(fields) = document else {
            return Err(ErrorObject::field("body", "must be an object"));
        };
        let mut documents = None;
        for (name, value) in fields {
            if name != D::PLURAL {
                return Err(ErrorObject::field(name, "there is no such field"));
            }
            documents = Some(value);
        }
        let documents = match documents {
            Some(Value::Array(documents)) => documents,
            Some(_) => return Err(ErrorObject::field(D::PLURAL, "must be a list")),
            None => return Err(ErrorObject::field(D::PLURAL, "must be there")),
        };
        if documents.len() > DOCUMENTS {
            let sentence = format!("`{}`: at most {DOCUMENTS} documents", D::PLURAL);
            return Err(ErrorObject::new(ErrorType::LimitReached, sentence).with_limit(DOCUMENTS as u64));
        }
        let of_one = shape.of_another::<D>();
        let rows = documents.into_iter().map(|document| Row {
            id: document[D::ID].as_str().map(str::to_owned),
            read: of_one.read(document),
        });
        Ok(Self { rows: rows.collect() })
    }

    fn example() -> Value {
        json!({ D::PLURAL: [<D as Document>::example()] })
    }
}

impl<D: Document> JsonSchema for Bulk<D> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Bulk", D::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "description": "Documents, each taken or refused by itself.",
            "type": "object",
            "properties": { D::PLURAL: { "type": "array", "maxItems": DOCUMENTS, "items": generator.subschema_for::<D>() } },
            "required": [D::PLURAL],
        })
    }
}
