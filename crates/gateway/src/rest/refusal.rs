//! Why a request was not done, as HTTP tells it: one JSON shape with the words of the wire contract, and the status that
//! belongs to each.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use deskwire_protocol::{ErrorObject, ErrorType, error::Standing};
use deskwire_workbench::WorkbenchError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::refusal;

/// The body of every answer that is no success.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    /// The same object as in a JSON-RPC reply: decide by `data.type`, never by the sentence.
    pub(super) error: ErrorObject,
}

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    error: ErrorObject,
}

impl Refusal {
    /// With another status than the error's usual one.
    pub(super) fn with_status(status: StatusCode, error: impl Into<ErrorObject>) -> Self {
        Self { status, headers: Vec::new(), error: error.into() }
    }

    /// One more header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// No such key, or none at all.
    pub(super) fn unauthorized(sentence: &'static str) -> Self {
        Self::from(ErrorObject::new(ErrorType::Authentication, sentence))
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"deskwire\""))
    }

    /// The version that the request names is not the one that stands.
    pub(super) fn stale(error: WorkbenchError) -> Self {
        let error = refusal::of_workbench(error);
        let stands = match error.data.current.as_deref() {
            Some(Standing::SellerNote(note)) => Some(note.version),
            Some(Standing::Conversation(_) | Standing::Coupon(_) | Standing::Return(_)) | None => None,
        };
        match stands {
            Some(version) => {
                Self::with_status(StatusCode::PRECONDITION_FAILED, error).header(header::ETAG, etag(version))
            }
            None => error.into(),
        }
    }

    #[cfg(test)]
    pub(super) const fn error(&self) -> &ErrorObject {
        &self.error
    }

    /// As it is sent, and the id of the request: the one by which the server's log knows what failed.
    pub(super) fn into_response(mut self) -> (String, Response) {
        let request_id = self.error.data.request_id.get_or_insert_with(refusal::request_id).clone();
        let retry_after = self.error.data.retry_after_ms;
        let mut response = (self.status, Json(ErrorBody { error: self.error })).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = retry_after {
            // In whole seconds, never too early.
            headers.insert(header::RETRY_AFTER, wait.div_ceil(1000).into());
        }
        headers.extend(self.headers);
        (request_id, response)
    }
}

impl From<ErrorObject> for Refusal {
    fn from(error: ErrorObject) -> Self {
        Self::with_status(status(error.data.kind), error)
    }
}

impl From<WorkbenchError> for Refusal {
    fn from(error: WorkbenchError) -> Self {
        refusal::of_workbench(error).into()
    }
}

/// The version of a thing as a strong entity tag.
pub(super) fn etag(version: u32) -> HeaderValue {
    // Digits between quotes are always a value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The usual status of an error.
pub(super) const fn status(kind: ErrorType) -> StatusCode {
    match kind {
        ErrorType::ParseError
        | ErrorType::InvalidRequest
        | ErrorType::Validation
        | ErrorType::LimitReached
        | ErrorType::UnsupportedVersion => StatusCode::BAD_REQUEST,
        ErrorType::Authentication => StatusCode::UNAUTHORIZED,
        ErrorType::Authorization => StatusCode::FORBIDDEN,
        ErrorType::NotFound => StatusCode::NOT_FOUND,
        ErrorType::MethodNotFound => StatusCode::METHOD_NOT_ALLOWED,
        ErrorType::AlreadyExists
        | ErrorType::Conflict
        | ErrorType::ChatInactive
        | ErrorType::AgentOffline
        | ErrorType::BuyerBlocked
        | ErrorType::NotSendable => StatusCode::CONFLICT,
        ErrorType::EntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorType::TooManyRequests | ErrorType::PendingRequestsLimitReached => StatusCode::TOO_MANY_REQUESTS,
        ErrorType::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorType::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorType::RequestTimeout => StatusCode::GATEWAY_TIMEOUT,
    }
}
