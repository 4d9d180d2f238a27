//! All endpoints as an `OpenAPI` document, made of the same list as the routes.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::http::{Method, StatusCode};
use deskwire_store::ApiScope;
use serde_json::{Value, json};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, LicenseBuilder, OpenApiBuilder, Paths, Ref, RefOr,
    SecurityRequirement, ServerBuilder,
    header::HeaderBuilder,
    response::ResponseBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{ENDPOINTS, endpoint::answer_schema, refusal::ErrorBody, schemas::Schemas};

/// Where all paths are.
pub(super) const BASE: &str = "/api/v1";

const KEY: &str = "api_key";

const DESCRIPTION: &str = "For the shop's own systems: they write orders, packages, returns, products, coupons, buyers and \
agents, and read them back. What is written here shows at once in open workbenches and on the cards in conversations.

A key (`deskwire api-key create`) belongs to one shop and goes into `Authorization: Bearer dwk_…`. What another shop has \
is answered like what nobody has: 404.

Writing is idempotent: a document is known by its id, is written whole, and written again it changes nothing. Fields that \
do not exist are refused by their path. Times are Unix milliseconds. Amounts of money are exact decimals in strings, with \
their currency.

Every error has one shape, and its `error.data.type` is a word of the WebSocket contract. `X-Request-Id` names a request \
in the server's log.";

/// What any request may be refused with.
const USUAL: &[StatusCode] = &[
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Every status that is no success: its name in the document, and when it is sent.
const REFUSALS: &[(StatusCode, &str, &str)] = &[
    (
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "The request is wrong: `error.data.field` names what, `error.message` says how.",
    ),
    (StatusCode::UNAUTHORIZED, "Unauthorized", "No API key, or one that is not valid any more."),
    (StatusCode::FORBIDDEN, "Forbidden", "The key was not made for this: it lacks the scope."),
    (StatusCode::NOT_FOUND, "NotFound", "The shop has no such thing."),
    (StatusCode::REQUEST_TIMEOUT, "BodyTimeout", "The body took too long to arrive."),
    (
        StatusCode::CONFLICT,
        "Conflict",
        "It cannot be done as things stand; where it helps, `error.data.current` tells how.",
    ),
    (
        StatusCode::PRECONDITION_FAILED,
        "Stale",
        "Another version stands than the one that was read: `error.data.current`.",
    ),
    (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", "The body is too large: `error.data.limit`."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "NotJson", "The body must be `application/json`."),
    (StatusCode::PRECONDITION_REQUIRED, "NoVersion", "`If-Match` is missing."),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequests",
        "Too fast, or too much at once: wait for `Retry-After`.",
    ),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal",
        "Something failed that should not have: `error.data.request_id`.",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Unavailable",
        "The service cannot do it right now: try again after `Retry-After`.",
    ),
    (
        StatusCode::GATEWAY_TIMEOUT,
        "Timeout",
        "Not done in time. It may still take effect: writing it again is safe.",
    ),
];

/// Made once.
pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The REST API as an `OpenAPI` document.
#[must_use]
pub fn openapi() -> &'static Value {
    &DOCUMENT
}

fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Paths::new();
    for endpoint in &*ENDPOINTS {
        let mut operation = endpoint
            .describe(&mut schemas)
            .security(SecurityRequirement::new(KEY, [endpoint.scope.as_str()]));
        let statuses: BTreeSet<StatusCode> = USUAL.iter().chain(&endpoint.refusals).copied().collect();
        for (status, name, _) in REFUSALS.iter().filter(|(status, ..)| statuses.contains(status)) {
            let response = Ref::new(format!("#/components/responses/{name}"));
            operation = operation.response(status.as_str(), RefOr::Ref(response));
        }
        paths.add_path_operation(
            endpoint.path,
            http_method(&endpoint.method).into_iter().collect(),
            operation,
        );
    }
    let mut components = ComponentsBuilder::new().security_scheme(KEY, key());
    for (status, name, description) in REFUSALS {
        let mut response = ResponseBuilder::new()
            .description(*description)
            .content("application/json", Content::new(Some(answer_schema::<ErrorBody>(&mut schemas))));
        for (header, description) in headers(*status) {
            let schema = schemas.place(json!({ "type": "string" }));
            response = response.header(
                *header,
                HeaderBuilder::new().schema(Some(schema)).description(Some(*description)).build(),
            );
        }
        components = components.response(*name, response.build());
    }
    let document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Deskwire")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build())),
        )
        .servers(Some([ServerBuilder::new().url(BASE).build()]))
        .paths(paths)
        .components(Some(components.build()))
        .build();
    // Strings and lists only: it can always be written.
    schemas.finish(serde_json::to_value(document).unwrap_or_default())
}

fn key() -> SecurityScheme {
    let scopes: Vec<&str> = ApiScope::ALL.iter().map(|scope| scope.as_str()).collect();
    let description = format!("An API key of the shop. Scopes: {}.", scopes.join(", "));
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("dwk_{key_id}_{secret}")
            .description(Some(description))
            .build(),
    )
}

fn headers(status: StatusCode) -> &'static [(&'static str, &'static str)] {
    match status {
        StatusCode::UNAUTHORIZED => &[("WWW-Authenticate", "`Bearer`")],
        StatusCode::PRECONDITION_FAILED => &[("ETag", "The version that stands.")],
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            &[("Retry-After", "Seconds until it is worth another try.")]
        }
        _ => &[],
    }
}

fn http_method(method: &Method) -> Option<HttpMethod> {
    match *method {
        Method::GET => Some(HttpMethod::Get),
        Method::PUT => Some(HttpMethod::Put),
        Method::POST => Some(HttpMethod::Post),
        Method::PATCH => Some(HttpMethod::Patch),
        Method::DELETE => Some(HttpMethod::Delete),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn schema(document: &Value, schema: &Value) -> jsonschema::Validator {
        let mut schema = schema.clone();
        schema["components"] = document["components"].clone();
        jsonschema::draft202012::new(&schema).unwrap()
    }

    #[test]
    fn openapi_json_is_generated_from_the_code() {
        let now = serde_json::to_string_pretty(&*DOCUMENT).unwrap() + "\n";
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        if std::env::var_os("DESKWIRE_BLESS").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == now, "openapi.json is stale: run this with DESKWIRE_BLESS=1 if the change is meant");
    }

    #[test]
    fn nothing_is_referred_to_that_is_not_there() {
        fn visit(document: &Value, value: &Value) {
            if let Some(reference) = value["$ref"].as_str() {
                let at = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
                assert!(document.pointer(at).is_some(), "{reference}");
            }
            match value {
                Value::Object(fields) => fields.values().for_each(|value| visit(document, value)),
                Value::Array(items) => items.iter().for_each(|item| visit(document, item)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        visit(&DOCUMENT, &DOCUMENT);
    }

    #[test]
    fn the_examples_of_bodies_satisfy_their_schemas() {
        let mut bodies = 0;
        for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let content = &operation["requestBody"]["content"]["application/json"];
                if content.is_null() {
                    continue;
                }
                let validator = schema(&DOCUMENT, &content["schema"]);
                let errors: Vec<_> =
                    validator.iter_errors(&content["example"]).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{method} {path}: {errors:?}");
                let mut unknown = content["example"].clone();
                unknown["statsu"] = 1.into();
                assert!(!validator.is_valid(&unknown), "{method} {path} takes unknown fields");
                bodies += 1;
            }
        }
        assert!(bodies > 15, "{bodies}");
    }

    #[test]
    fn every_operation_says_its_scope_and_how_it_can_fail() {
        for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let scope = operation["security"][0][KEY][0].as_str().unwrap();
                assert_eq!(scope.ends_with(":read"), method == "get", "{method} {path}");
                for status in ["400", "401", "403", "429", "500", "503", "504"] {
                    assert!(operation["responses"].get(status).is_some(), "{method} {path} {status}");
                }
                assert_eq!(
                    operation["responses"].get("404").is_some(),
                    path.contains('{'),
                    "{method} {path}"
                );
                assert!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')));
            }
        }
    }
}
