//! Why the workbench refuses a request, and which error of the contract that is.

use std::{fmt::Display, sync::Arc};

use deskwire_chat::ChatError;
use deskwire_protocol::{
    ErrorObject, ErrorType, card::NotSendableCode, coupon::Coupon, error::Standing, order::SellerNote,
    returns::Return,
};
use deskwire_store::StoreError;

/// Why a request was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkbenchError {
    /// No such thing, or not the caller's: which of the two is not told.
    #[error("not found")]
    NotFound,
    /// A field has a value that it cannot have; `problem` continues the sentence "`field` …".
    #[error("`{field}` {problem}")]
    Invalid {
        /// The field's path: `line_items[2].quantity`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The note has another version than its editor has seen.
    #[error("the note was changed meanwhile")]
    NoteConflict(Box<SellerNote>),
    /// The coupon has another version than its editor has seen.
    #[error("the coupon was changed meanwhile")]
    CouponConflict(Box<Coupon>),
    /// The request was answered otherwise, or withdrawn.
    #[error("the request was answered or withdrawn meanwhile")]
    ReturnConflict(Box<Return>),
    /// This thing cannot be sent, claimed, ordered or requested now.
    #[error("{reason}")]
    NotSendable {
        /// For programs.
        code: NotSendableCode,
        /// For people.
        reason: String,
    },
    /// It was done already, otherwise than asked for now.
    #[error("{0}")]
    AlreadyExists(&'static str),
    /// A number limit.
    #[error("at most {limit} {what}")]
    LimitReached {
        /// The limit.
        limit: u64,
        /// Of what.
        what: String,
    },
    /// The conversation is closed.
    #[error("the conversation is closed")]
    ChatInactive,
    /// Chat did not take the card.
    #[error("chat: {0}")]
    Chat(#[from] ChatError),
    /// The store refused or is away.
    #[error("store: {0}")]
    Store(Arc<StoreError>),
}

impl From<StoreError> for WorkbenchError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl WorkbenchError {
    pub(crate) fn invalid(field: impl Into<String>, problem: impl Display) -> Self {
        Self::Invalid { field: field.into(), problem: problem.to_string() }
    }

    pub(crate) fn not_sendable(code: NotSendableCode, reason: impl Into<String>) -> Self {
        Self::NotSendable { code, reason: reason.into() }
    }

    pub(crate) fn limit(limit: impl Into<u64>, what: impl Into<String>) -> Self {
        Self::LimitReached { limit: limit.into(), what: what.into() }
    }

    /// Which error of the contract it is. What failed beneath ([`Self::Chat`], [`Self::Store`]) has a table of its own, in
    /// the gateway.
    #[must_use]
    pub fn kind(&self) -> ErrorType {
        match self {
            Self::NotFound => ErrorType::NotFound,
            Self::Invalid { .. } => ErrorType::Validation,
            Self::NoteConflict(_) | Self::CouponConflict(_) | Self::ReturnConflict(_) => ErrorType::Conflict,
            Self::NotSendable { .. } => ErrorType::NotSendable,
            Self::AlreadyExists(_) => ErrorType::AlreadyExists,
            Self::LimitReached { .. } => ErrorType::LimitReached,
            Self::ChatInactive => ErrorType::ChatInactive,
            Self::Chat(_) | Self::Store(_) => ErrorType::Internal,
        }
    }

    /// As it is told on the wire.
    #[must_use]
    pub fn to_object(&self) -> ErrorObject {
        let error = || ErrorObject::new(self.kind(), self.to_string());
        match self {
            Self::Invalid { field, problem } => ErrorObject::field(field.as_str(), problem),
            Self::NoteConflict(note) => error().with_current(Standing::SellerNote(note.as_ref().clone())),
            Self::CouponConflict(coupon) => error().with_current(Standing::Coupon(coupon.as_ref().clone())),
            Self::ReturnConflict(request) => error().with_current(Standing::Return(request.as_ref().clone())),
            Self::NotSendable { code, .. } => error().with_not_sendable_code(*code),
            Self::LimitReached { limit, .. } => error().with_limit(*limit),
            Self::NotFound | Self::AlreadyExists(_) | Self::ChatInactive => error(),
            Self::Chat(_) | Self::Store(_) => self.kind().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_programs_what_they_need() {
        let object = WorkbenchError::invalid("items[0].quantity", "must be at least 1").to_object();
        assert_eq!(object.data.kind, ErrorType::Validation);
        assert_eq!(object.data.field.as_deref(), Some("items[0].quantity"));

        let object = WorkbenchError::limit(3_u32, "of it in stock").to_object();
        assert_eq!((object.data.kind, object.data.limit), (ErrorType::LimitReached, Some(3)));
        assert_eq!(object.message, "at most 3 of it in stock");

        let object = WorkbenchError::not_sendable(NotSendableCode::Expired, "the coupon is over").to_object();
        assert_eq!(object.data.not_sendable_code, Some(NotSendableCode::Expired));
    }
}
