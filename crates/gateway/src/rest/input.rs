//! What endpoints read beside the path: nothing, a query, a document, or a document that holds only for one version.

use axum::http::{HeaderMap, StatusCode, header};
use deskwire_protocol::ErrorObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::openapi::{
    Content, Required,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
};

use super::{
    body,
    endpoint::{Given, read_schema},
    query,
    refusal::Refusal,
    schemas::Schemas,
    shape::Shape,
};

pub(super) type Reader<T> = Box<dyn Fn(Given) -> Result<T, Refusal> + Send + Sync>;

/// What a body can be refused for.
const OF_A_BODY: &[StatusCode] =
    &[StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNSUPPORTED_MEDIA_TYPE];

/// What an endpoint reads.
pub(super) trait Input: Sized + Send + 'static {
    /// Whether there is anything to be read from the body.
    const READS_BODY: bool;
    /// Statuses beside the usual ones.
    const REFUSALS: &'static [StatusCode];
    /// That which reads it, made once.
    fn reader() -> Reader<Self>;
    /// Adds it to the document.
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder;
}

impl Input for () {
    const READS_BODY: bool = false;
    const REFUSALS: &'static [StatusCode] = &[];
    fn reader() -> Reader<Self> {
        Box::new(|given| Ok(query::none(given.query.as_deref())?))
    }
    fn describe(operation: OperationBuilder, _: &mut Schemas) -> OperationBuilder {
        operation
    }
}

/// The query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for Query<T> {
    const READS_BODY: bool = false;
    const REFUSALS: &'static [StatusCode] = &[];
    fn reader() -> Reader<Self> {
        Box::new(|given| Ok(Self(query::read(given.query.as_deref())?)))
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        let schema = schemas.parameters::<T>();
        query::parameters(&schema).fold(operation, |operation, (name, required, schema)| {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .description(description.as_ref().and_then(Value::as_str))
                .required(if required { Required::True } else { Required::False })
                .schema(Some(schemas.place(query::without_null(schema))));
            operation.parameter(parameter)
        })
    }
}

/// What the body can hold.
pub(super) trait InBody: JsonSchema + Sized + Send + 'static {
    /// Reads it.
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject>;
    /// One that could be sent as it is.
    fn example() -> Value;
}

/// The body.
pub(super) struct Body<T>(pub(super) T);

impl<T: InBody> Input for Body<T> {
    const READS_BODY: bool = true;
    const REFUSALS: &'static [StatusCode] = OF_A_BODY;
    fn reader() -> Reader<Self> {
        let shape = Schemas::shape_of::<T>();
        Box::new(move |given| {
            query::none(given.query.as_deref())?;
            Ok(Self(T::read(body::parse(&given.body)?, &shape)?))
        })
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        let mut content = Content::new(Some(read_schema::<T>(schemas)));
        content.example = Some(T::example());
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        operation.request_body(Some(body.build()))
    }
}

/// A body that is to be taken only while `version` is the one that stands: `If-Match` names it.
pub(super) struct IfMatch<T> {
    pub(super) version: u32,
    pub(super) document: T,
}

impl<T: InBody> Input for IfMatch<T> {
    const READS_BODY: bool = true;
    const REFUSALS: &'static [StatusCode] = &[
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::PRECONDITION_REQUIRED,
    ];
    fn reader() -> Reader<Self> {
        let body = Body::<T>::reader();
        Box::new(move |given| {
            let version = version(&given.headers)?;
            let Body(document) = body(given)?;
            Ok(Self { version, document })
        })
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        let schema =
            serde_json::json!({ "type": "string", "pattern": "^\"[0-9]{1,9}\"$", "examples": ["\"3\""] });
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .description(Some("The `ETag` of the version that was read; `\"0\"` where there was none."))
            .required(Required::True)
            .schema(Some(schemas.place(schema)));
        Body::<T>::describe(operation.parameter(parameter), schemas)
    }
}

/// The version in `If-Match`. Anything but one strong tag of ours is refused: a write that holds for any version is what
/// the header is there to prevent.
fn version(headers: &HeaderMap) -> Result<u32, Refusal> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = values.next() else {
        let error = ErrorObject::field("If-Match", "must be sent: the ETag of the version that was read");
        return Err(Refusal::with_status(StatusCode::PRECONDITION_REQUIRED, error));
    };
    let tag = value.to_str().ok().map(str::trim).and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
    let digits = tag.filter(|tag| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), values.next()) {
        (Some(version), None) => Ok(version),
        _ => {
            Err(ErrorObject::field("If-Match", "must be one ETag as this server sent it, such as \"3\"")
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Result<u32, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        version(&headers)
    }

    #[test]
    fn if_match_names_one_version() {
        assert_eq!(of(&["\"3\""]).unwrap(), 3);
        assert_eq!(of(&["\"0\""]).unwrap(), 0);
        for bad in
            [&["*"][..], &["3"], &["W/\"3\""], &["\"\""], &["\"3\", \"4\""], &["\"3\"", "\"4\""], &["\"+3\""]]
        {
            let refused = of(bad).unwrap_err();
            assert_eq!(refused.error().data.field.as_deref(), Some("If-Match"), "{bad:?}");
        }
        assert!(of(&[]).is_err());
    }
}
