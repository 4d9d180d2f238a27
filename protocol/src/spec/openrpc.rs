//! The methods as an `OpenRPC` document, which `rpc.discover` answers.

use serde_json::{Value, json};

use super::{DESCRIPTION, example, settings};
use crate::{ErrorObject, ErrorType, MethodName};

/// The `OpenRPC` document.
#[must_use]
pub fn openrpc() -> Value {
    let mut generator = settings().into_generator();
    let methods: Vec<Value> = MethodName::ALL.iter().map(|&name| method(name, &mut generator)).collect();
    let schemas = generator.take_definitions(true);
    let errors: serde_json::Map<String, Value> =
        ErrorType::ALL.iter().map(|&kind| (kind.as_str().to_owned(), error(kind))).collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Deskwire",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "methods": methods,
        "components": { "schemas": schemas, "errors": errors },
    })
}

fn method(name: MethodName, generator: &mut schemars::SchemaGenerator) -> Value {
    let (params, result) = name.schemas(generator);
    let params = params.to_value();
    let required: Vec<&str> =
        params["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let example = example(name);
    let descriptors: Vec<Value> = params["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, schema)| {
            let mut descriptor = json!({
                "name": field,
                "required": required.contains(&field.as_str()),
                "schema": schema,
            });
            if let Some(description) = schema["description"].as_str() {
                descriptor["description"] = description.into();
            }
            descriptor
        })
        .collect();
    // Required ones first: OpenRPC says so.
    let (mut ordered, optional): (Vec<_>, Vec<_>) =
        descriptors.into_iter().partition(|descriptor| descriptor["required"] == true);
    ordered.extend(optional);
    let errors: Vec<Value> = name
        .errors()
        .iter()
        .chain(MethodName::COMMON_ERRORS)
        .map(|kind| json!({ "$ref": format!("#/components/errors/{}", kind.as_str()) }))
        .collect();
    let example_params: Vec<Value> = example
        .params
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, value)| json!({ "name": field, "value": value }))
        .collect();
    let roles: Vec<_> = name.roles().iter().map(|role| json!(role)).collect();
    json!({
        "name": name.as_str(),
        "summary": name.summary(),
        "tags": [{ "name": name.as_str().split('.').next().unwrap_or_default() }],
        "paramStructure": "by-name",
        "params": ordered,
        "result": { "name": "result", "schema": result },
        "errors": errors,
        "examples": [{
            "name": name.as_str(),
            "params": example_params,
            "result": { "name": "result", "value": example.result },
        }],
        "x-roles": roles,
    })
}

fn error(kind: ErrorType) -> Value {
    let error = ErrorObject::from(kind);
    json!({
        "code": error.code,
        "message": error.message,
        "data": { "type": kind.as_str(), "retryable": kind.retryable() },
    })
}
