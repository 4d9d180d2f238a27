//! What stands after the `?`: read into its type, unknown names refused.

use deskwire_protocol::{ErrorObject, params::field_error};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads the query of an address; none is as good as an empty one.
pub(super) fn read<T: DeserializeOwned>(query: Option<&str>) -> Result<T, ErrorObject> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
        .map_err(|error| field_error("query", &error))
}

/// Refuses any, where none is of use.
pub(super) fn none(query: Option<&str>) -> Result<(), ErrorObject> {
    match form_urlencoded::parse(query.unwrap_or_default().as_bytes()).next() {
        None => Ok(()),
        Some((name, _)) => Err(ErrorObject::field(name, "there is no such parameter")),
    }
}

/// Name, whether it is needed, and schema of each parameter, as the schema of their type tells them.
pub(super) fn parameters(schema: &Value) -> impl Iterator<Item = (&String, bool, &Value)> {
    let required = schema["required"].as_array();
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields.map(move |(name, schema)| {
        (name, required.is_some_and(|names| names.iter().any(|one| one == name)), schema)
    })
}

/// A parameter that may be left out cannot be `null` as well.
pub(super) fn without_null(mut schema: Value) -> Value {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let mut others = alternatives.iter().filter(|alternative| alternative["type"] != "null");
        if let (Some(only), None) = (others.next(), others.next()) {
            return only.clone();
        }
    }
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = &kinds[..] {
            schema["type"] = only.clone();
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::coupon::CouponsListParams;

    use super::*;

    #[test]
    fn parameters_are_read_by_their_types_and_wrong_ones_are_named() {
        let read = |query| read::<CouponsListParams>(Some(query));
        let params = read("query=ol%C3%A1+x&status=EXPIRED&page_size=7").unwrap();
        assert_eq!((params.query.as_deref(), params.page_size.get()), (Some("olá x"), 7));
        for (query, field) in [
            ("page_size=101", "page_size"),
            ("page_size=many", "page_size"),
            ("status=over", "status"),
            ("pagesize=1", "pagesize"),
            ("page_size=1&page_size=2", "page_size"),
        ] {
            let error = read(query).unwrap_err();
            assert_eq!(error.data.field.as_deref(), Some(field), "{error}");
        }
        assert!(super::read::<CouponsListParams>(None).is_ok());
    }

    #[test]
    fn where_none_is_of_use_any_is_refused() {
        assert!(none(None).is_ok() && none(Some("")).is_ok());
        assert_eq!(none(Some("dry_run=1")).unwrap_err().data.field.as_deref(), Some("dry_run"));
    }
}
