//! The body of a request: JSON, bounded in size and in time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use deskwire_protocol::{ErrorObject, ErrorType};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::refusal::Refusal;

/// Reads it whole. One that is too large or too slow is not read to its end: the connection is of no further use.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    within: Duration,
) -> Result<Bytes, Refusal> {
    let said =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|said| said > most) {
        return Err(too_large(most));
    }
    match timeout(within, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(_)) => Err(ErrorObject::new(ErrorType::InvalidRequest, "the body broke off").into()),
        Err(_) => {
            let error = ErrorObject::new(ErrorType::RequestTimeout, "the body took too long to arrive");
            Err(last(Refusal::with_status(StatusCode::REQUEST_TIMEOUT, error)))
        }
    }
}

fn too_large(most: usize) -> Refusal {
    let sentence = format!("the body must be at most {most} bytes");
    last(ErrorObject::new(ErrorType::EntityTooLarge, sentence).with_limit(most as u64).into())
}

fn last(refusal: Refusal) -> Refusal {
    refusal.header(header::CONNECTION, HeaderValue::from_static("close"))
}

/// Refuses what does not say that it is JSON: what a form or a page of another site can send never is.
pub(super) fn must_be_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let error = ErrorObject::new(ErrorType::InvalidRequest, "send `Content-Type: application/json`");
    Err(Refusal::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))
}

/// The document in the body.
pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|problem| {
        ErrorObject::new(ErrorType::ParseError, format!("the body is no JSON: {problem}")).into()
    })
}
