//! The params of a request, read into their type with an error that names the field.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{ErrorObject, codec};

/// One object, or an array that holds exactly that object (`MessagePack-RPC` libraries always send arrays).
/// Absent params count as an empty object.
#[derive(Debug, Clone, Copy)]
pub enum Params<'a> {
    /// No params were sent.
    Absent,
    /// JSON text.
    Json(&'a RawValue),
    /// One whole `MessagePack` value.
    MsgPack(&'a [u8]),
}

impl Params<'_> {
    /// Reads the params. Unknown fields are refused (the types say so), and the error names the field.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, ErrorObject> {
        match self {
            Params::Absent => read_json("{}"),
            Params::Json(raw) => read_json(the_one_element(raw.get())?),
            Params::MsgPack(bytes) => {
                let bytes = codec::msgpack_the_one_element(bytes)?;
                if let Ok(params) = T::deserialize(&mut codec::msgpack_deserializer(bytes)) {
                    return Ok(params);
                }
                let mut deserializer = codec::msgpack_deserializer(bytes);
                serde_path_to_error::deserialize(&mut deserializer)
                    .map_err(|error| field_error("params", &error))
            }
        }
    }
}

fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, ErrorObject> {
    // Nearly all params are right. Only of those that are not is the way to the wrong field followed.
    if let Ok(params) = serde_json::from_str(text) {
        return Ok(params);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| field_error("params", &error))
}

fn the_one_element(text: &str) -> Result<&str, ErrorObject> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') => {
            let elements: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|error| ErrorObject::field("params", error))?;
            match elements[..] {
                [] => Ok("{}"),
                [only] if only.get().starts_with('{') => Ok(only.get()),
                _ => Err(not_one_object()),
            }
        }
        Some(b'{') => Ok(text),
        Some(b'n') => Ok("{}"),
        _ => Err(not_one_object()),
    }
}

pub(crate) fn not_one_object() -> ErrorObject {
    ErrorObject::field("params", "must be one object, or an array that holds exactly that object")
}

/// What is wrong with a document, with the field named: serde's path, and for a missing or unknown field its own name as
/// well, since the path then stops at its parent. `whole` names the document itself.
pub fn field_error<E: std::fmt::Display>(whole: &str, error: &serde_path_to_error::Error<E>) -> ErrorObject {
    let problem = error.inner().to_string();
    // serde_json adds a place in the text, which means nothing to a caller of a method.
    let problem = problem.split(" at line ").next().unwrap_or(&problem).to_owned();
    let path = error.path().to_string();
    let path = if path == "." { "" } else { &path };
    let own = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| problem.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    let field = match (path, own) {
        ("", None) => whole.to_owned(),
        ("", Some(own)) => own.to_owned(),
        (path, None) => path.to_owned(),
        // An unknown field's own name may already end the path.
        (path, Some(own)) if path == own || path.ends_with(&format!(".{own}")) => path.to_owned(),
        (path, Some(own)) => format!("{path}.{own}"),
    };
    ErrorObject::field(field, problem)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Inner,
        #[serde(default)]
        count: u8,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        text: String,
    }

    fn both(json: &str) -> [Result<Outer, ErrorObject>; 2] {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let bytes = crate::Codec::MsgPack.encode(&value).unwrap();
        [Params::Json(&raw).read(), Params::MsgPack(&bytes).read()]
    }

    #[test]
    fn the_wrong_field_is_named_by_its_path_in_both_codecs() {
        for (json, field) in [
            (r#"{"inner":{"text":1}}"#, "inner.text"),
            (r#"{"inner":{}}"#, "inner.text"),
            (r#"{"inner":{"text":"a","more":1}}"#, "inner.more"),
            (r#"{"inner":{"text":"a"},"count":256}"#, "count"),
            (r"{}", "inner"),
            (r#"{"typo":1}"#, "typo"),
            ("7", "params"),
            (r#"[{"inner":{"text":"a"}},{}]"#, "params"),
            (r"[7]", "params"),
        ] {
            for result in both(json) {
                let error = result.expect_err(json);
                assert_eq!(error.data.field.as_deref(), Some(field), "{json}: {error}");
                assert!(!error.message.contains("at line"), "{error}");
            }
        }
    }

    #[test]
    fn an_array_of_the_one_object_is_that_object() {
        for json in
            [r#"{"inner":{"text":"a"}}"#, r#"[{"inner":{"text":"a"}}]"#, r#" [ {"inner":{"text":"a"}} ]"#]
        {
            for result in both(json) {
                assert_eq!(result.unwrap().inner.text, "a");
            }
        }
    }
}
