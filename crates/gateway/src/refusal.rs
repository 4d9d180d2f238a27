//! The one place that turns what went wrong inside into what the client is told. What should not have happened is
//! logged here, once, under the request id that the client gets.

use std::time::Duration;

use deskwire_chat::ChatError;
use deskwire_protocol::{ErrorObject, ErrorType};
use deskwire_store::StoreError;
use deskwire_workbench::WorkbenchError;
use tracing::{error, warn};

/// When to come back while the service is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A refusal by the rules of conversations.
pub(crate) fn of_chat(error: ChatError) -> ErrorObject {
    match error {
        ChatError::Invalid { field, problem } => ErrorObject::field(field, problem),
        ChatError::NotFound => ErrorType::NotFound.into(),
        ChatError::Conflict(current) => ErrorObject::from(ErrorType::Conflict).with_current(*current),
        ChatError::ChatInactive => ErrorType::ChatInactive.into(),
        ChatError::Forbidden(sentence) => ErrorObject::new(ErrorType::Authorization, sentence),
        ChatError::NotSendable(sentence) => ErrorObject::new(ErrorType::NotSendable, sentence),
        ChatError::AlreadyDone(sentence) => ErrorObject::new(ErrorType::AlreadyExists, sentence),
        ChatError::LimitReached { limit, what } => {
            ErrorObject::new(ErrorType::LimitReached, format!("at most {limit} {what}")).with_limit(limit)
        }
        ChatError::Busy | ChatError::ShuttingDown => unavailable(),
        ChatError::Timeout => ErrorType::RequestTimeout.into(),
        ChatError::Store(error) => of_store(&error),
    }
}

/// A refusal by the rules of the workbench.
pub(crate) fn of_workbench(error: WorkbenchError) -> ErrorObject {
    match error {
        WorkbenchError::Chat(error) => of_chat(error),
        WorkbenchError::Store(error) => of_store(&error),
        refused => refused.to_object(),
    }
}

/// A refusal by the store.
pub(crate) fn of_store(error: &StoreError) -> ErrorObject {
    if error.is_unavailable() {
        let request_id = request_id();
        warn!(request_id, error = %chain(error), "the store is not available for a request");
        unavailable().with_request_id(request_id)
    } else {
        internal(error)
    }
}

/// Something failed that should not have.
pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> ErrorObject {
    let request_id = request_id();
    error!(request_id, error = %chain(error), "a request failed inside");
    ErrorObject::from(ErrorType::Internal).with_request_id(request_id)
}

/// The work behind a request ended without an answer: it panicked, or was dropped.
pub(crate) fn unanswered(method: &'static str) -> ErrorObject {
    let request_id = request_id();
    error!(request_id, method, "a request ended without an answer");
    ErrorObject::from(ErrorType::Internal).with_request_id(request_id)
}

fn unavailable() -> ErrorObject {
    ErrorObject::from(ErrorType::ServiceUnavailable).with_retry_after(RETRY_AFTER)
}

/// Names a request, for the client and for the log.
#[expect(
    clippy::disallowed_methods,
    reason = "a label that nothing depends on, drawn where no gate is at hand"
)]
pub(crate) fn request_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// The error and what caused it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own sentence.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_chat_gets_its_type() {
        for (error, kind) in [
            (ChatError::NotFound, ErrorType::NotFound),
            (ChatError::ChatInactive, ErrorType::ChatInactive),
            (ChatError::Forbidden("no"), ErrorType::Authorization),
            (ChatError::AlreadyDone("no"), ErrorType::AlreadyExists),
            (ChatError::NotSendable("no".into()), ErrorType::NotSendable),
            (ChatError::Busy, ErrorType::ServiceUnavailable),
            (ChatError::ShuttingDown, ErrorType::ServiceUnavailable),
            (ChatError::Timeout, ErrorType::RequestTimeout),
        ] {
            assert_eq!(of_chat(error).data.kind, kind);
        }
    }

    #[test]
    fn a_validation_error_names_its_field_and_a_limit_its_number() {
        let error = of_chat(ChatError::Invalid { field: "content.text".into(), problem: "too long".into() });
        assert_eq!(
            (error.data.kind, error.data.field.as_deref()),
            (ErrorType::Validation, Some("content.text"))
        );
        let error = of_chat(ChatError::LimitReached { limit: 7, what: "tags".into() });
        assert_eq!((error.data.kind, error.data.limit), (ErrorType::LimitReached, Some(7)));
    }

    #[test]
    fn an_internal_error_tells_the_client_an_id_and_no_detail() {
        let error = internal(&std::io::Error::other("password of the database"));
        assert!(error.data.request_id.is_some());
        assert!(!format!("{error:?}").contains("password"));
    }
}
