//! What endpoints answer when all went well.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use deskwire_protocol::ErrorObject;
use deskwire_workbench::Written;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::openapi::{Content, HeaderBuilder, path::OperationBuilder, response::ResponseBuilder};

use super::{endpoint::answer_schema, refusal::etag, schemas::Schemas};

/// What an endpoint answers.
pub(super) trait Output: Send + 'static {
    /// As it is sent.
    fn into_response(self) -> Response;
    /// Adds it to the document.
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder;
}

/// A thing, or a page of things.
pub(super) struct Shown<T>(pub(super) T);

impl<T: Serialize + JsonSchema + Send + 'static> Output for Shown<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        operation.response("200", json::<T>("As it stands.", schemas))
    }
}

/// A thing with the version by which it may be changed.
pub(super) struct Versioned<T> {
    pub(super) version: u32,
    pub(super) shown: T,
}

impl<T: Serialize + JsonSchema + Send + 'static> Output for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.version))], Json(self.shown)).into_response()
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        let tag = serde_json::json!({ "type": "string" });
        let header = HeaderBuilder::new()
            .schema(Some(schemas.place(tag)))
            .description(Some("Its version; send it back as `If-Match`."));
        operation.response("200", json::<T>("As it stands.", schemas).header("ETag", header.build()))
    }
}

/// What came of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OutcomeResult {
    /// It was not there before.
    Created,
    /// It replaced what was there.
    Changed,
    /// It says what stands already.
    Unchanged,
    /// Its `update_time` is before that of what stands: it was left out.
    Stale,
    /// It was not taken; `error` says why. Only of one among several.
    Refused,
}

impl From<Written> for OutcomeResult {
    fn from(written: Written) -> Self {
        match written {
            Written::Created => Self::Created,
            Written::Changed => Self::Changed,
            Written::Unchanged => Self::Unchanged,
            Written::Stale => Self::Stale,
        }
    }
}

/// What came of a document.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Outcome {
    /// Of which, as far as that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// What came of it.
    pub(super) result: OutcomeResult,
    /// With `REFUSED`: why. Its `field` is within the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorObject>,
}

impl Outcome {
    pub(super) fn of(id: &impl ToString, written: Written) -> Self {
        Self { id: Some(id.to_string()), result: written.into(), error: None }
    }
}

impl Output for Outcome {
    fn into_response(self) -> Response {
        let status = match self.result {
            OutcomeResult::Created => StatusCode::CREATED,
            OutcomeResult::Changed
            | OutcomeResult::Unchanged
            | OutcomeResult::Stale
            | OutcomeResult::Refused => StatusCode::OK,
        };
        (status, Json(self)).into_response()
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        operation
            .response("200", json::<Self>("It was there.", schemas))
            .response("201", json::<Self>("It was not there before.", schemas))
    }
}

/// What came of each of several documents.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Outcomes {
    /// In the order of the documents.
    pub(super) outcomes: Vec<Outcome>,
}

impl Output for Outcomes {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        operation.response("200", json::<Self>("Each was taken or refused by itself.", schemas))
    }
}

pub(super) fn json<T: JsonSchema>(description: &str, schemas: &mut Schemas) -> ResponseBuilder {
    let content = Content::new(Some(answer_schema::<T>(schemas)));
    ResponseBuilder::new().description(description).content("application/json", content)
}
