//! Why chat refuses a request. The gateway turns these into wire errors, in one place.

use std::sync::Arc;

use deskwire_protocol::error::Current;
use deskwire_store::StoreError;

/// Why a request was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChatError {
    /// A parameter has a value that it cannot have; `problem` continues the sentence "`field` …".
    #[error("{field} {problem}")]
    Invalid {
        /// The parameter's path.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No such conversation or message, or not the caller's: which of the two is not told.
    #[error("not found")]
    NotFound,
    /// A condition of the request no longer holds.
    #[error("things have changed meanwhile")]
    Conflict(Box<Current>),
    /// The conversation is closed for this side.
    #[error("the conversation is closed")]
    ChatInactive,
    /// Theirs to see, not to do.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Done already.
    #[error("{0}")]
    AlreadyDone(&'static str),
    /// This cannot be done any more.
    #[error("{0}")]
    NotSendable(String),
    /// A number limit.
    #[error("at most {limit} {what}")]
    LimitReached {
        /// The limit.
        limit: u64,
        /// Of what.
        what: String,
    },
    /// Too much waits already.
    #[error("too many commands wait to be written")]
    Busy,
    /// Not done in time; it may still take effect.
    #[error("not done in time")]
    Timeout,
    /// The process is ending.
    #[error("shutting down")]
    ShuttingDown,
    /// The store refused or is away.
    #[error("store: {0}")]
    Store(Arc<StoreError>),
}

impl From<StoreError> for ChatError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl ChatError {
    pub(crate) fn invalid(field: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self::Invalid { field: field.into(), problem: problem.to_string() }
    }
}
