//! The schemas of what is read and written, made of the types of the contract: for requests and for answers apart, since
//! a request may leave out what has a default and holds nothing that the server makes.

use std::collections::BTreeSet;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use utoipa::openapi::Ref;

use super::shape::Shape;

/// In the schema of a request: the fields that answers have and requests must not.
pub(super) const MADE_BY_THE_SERVER: &str = "x-made-by-the-server";

/// What no request writes, since the server makes it or it is written by itself.
const MADE: &[(&str, &[&str])] = &[
    ("Order", &["reminder", "pending_actions", "seller_note", "packages", "returns", "links"]),
    ("Return", &["link"]),
    ("Product", &["price_range", "stock", "link"]),
    ("Coupon", &["claimed_count", "redeemed_count", "remaining", "link"]),
];

const SCHEMAS: &str = "/components/schemas/";
/// Where the schemas of requests stand until it is known which of them are those of answers too.
const REQUESTS: &str = "/components/requests/";
/// Where schemas stand that utoipa's own types could not hold.
const INLINE: &str = "#/inline/";

/// Collects schemas while the document is made, and puts them in at its end.
pub(super) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    inline: Vec<Value>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = |path: &'static str| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = path.trim_end_matches('/').into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings(REQUESTS).for_deserialize().into_generator(),
            answers: settings(SCHEMAS).for_serialize().into_generator(),
            inline: Vec::new(),
        }
    }

    /// Of something that is read.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// Of something that is answered.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// Of parameters, as one object; not kept under a name.
    pub(super) fn parameters<T: JsonSchema>(&mut self) -> Value {
        T::json_schema(&mut self.requests).to_value()
    }

    /// A place in the document for a schema.
    pub(super) fn place(&mut self, schema: Value) -> Ref {
        self.inline.push(schema);
        Ref::new(format!("{INLINE}{}", self.inline.len() - 1))
    }

    /// What documents of this type are checked against when they come in.
    pub(super) fn shape_of<T: JsonSchema>() -> Shape {
        let mut schemas = Self::new();
        let schema = schemas.request::<T>();
        Shape::new(schema, schemas.request_definitions())
    }

    fn request_definitions(&mut self) -> Map<String, Value> {
        let mut definitions = self.requests.take_definitions(true);
        for (name, schema) in &mut definitions {
            close(name, schema);
        }
        definitions
    }

    /// The document with all schemas in their places.
    pub(super) fn finish(mut self, mut document: Value) -> Value {
        put_in(&mut document, &self.inline);
        let requests = self.request_definitions();
        let mut schemas = self.answers.take_definitions(true);
        let apart = apart(&requests, &schemas);
        for (name, mut schema) in requests {
            rename(&mut schema, &apart);
            schemas.insert(own_name(&name, &apart), schema);
        }
        rename(&mut document, &apart);
        schemas.sort_keys();
        document["components"]["schemas"] = schemas.into();
        bound(&mut document);
        document
    }
}

/// Numbers end where their types do, which their schemas do not say by themselves.
fn bound(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("format").is_some_and(|format| format == "uint32")
                && !fields.contains_key("maximum")
            {
                fields.insert("maximum".to_owned(), u32::MAX.into());
            }
            fields.values_mut().for_each(bound);
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Nothing but the fields that there are, and none that the server makes.
fn close(name: &str, schema: &mut Value) {
    let made = MADE.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, made)| made);
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for field in made {
        properties.remove(*field);
    }
    if !made.is_empty() {
        schema[MADE_BY_THE_SERVER] = json!(made);
    }
    schema["additionalProperties"] = false.into();
}

/// The types whose schema is another in a request than in an answer, by themselves or by what they hold.
fn apart(requests: &Map<String, Value>, answers: &Map<String, Value>) -> BTreeSet<String> {
    let mut apart = BTreeSet::new();
    loop {
        let before = apart.len();
        for (name, schema) in requests {
            let Some(answer) = answers.get(name) else { continue };
            let mut same_place = schema.clone();
            rename(&mut same_place, &apart);
            if same_place != *answer {
                apart.insert(name.clone());
            }
        }
        if apart.len() == before {
            return apart;
        }
    }
}

fn own_name(name: &str, apart: &BTreeSet<String>) -> String {
    if apart.contains(name) { format!("{name}Input") } else { name.to_owned() }
}

/// References to requests become references to what the requests are called in the end.
fn rename(value: &mut Value, apart: &BTreeSet<String>) {
    each_reference(value, &mut |reference| {
        if let Some(name) = reference.strip_prefix(&format!("#{REQUESTS}")) {
            *reference = format!("#{SCHEMAS}{}", own_name(name, apart));
        }
    });
}

fn each_reference(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => visit(reference),
                    other => each_reference(other, visit),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_reference(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Schemas instead of the references to their places.
fn put_in(value: &mut Value, inline: &[Value]) {
    let at =
        value["$ref"].as_str().and_then(|reference| reference.strip_prefix(INLINE)?.parse::<usize>().ok());
    if let Some(schema) = at.and_then(|at| inline.get(at)) {
        *value = schema.clone();
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| put_in(value, inline)),
        Value::Array(items) => items.iter_mut().for_each(|item| put_in(item, inline)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
