//! Every error a request can get: one table from type to code, retryable or not, and its sentence.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    card::NotSendableCode,
    conversation::ConversationStatus,
    coupon::Coupon,
    ids::{Seq, UserId},
    message::Message,
    order::SellerNote,
    returns::Return,
};

macro_rules! error_types {
    ($($(#[$doc:meta])* $name:ident $wire:literal = $code:literal, $retryable:literal, $sentence:literal;)*) => {
        /// The kind of an error, as `data.type`. Clients decide by this, never by the sentence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ErrorType {
            $($(#[$doc])* #[serde(rename = $wire)] $name,)*
        }

        impl ErrorType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The JSON-RPC error code.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self { $(Self::$name => $code,)* }
            }

            /// Whether the same request may succeed later, unchanged.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }

            /// The sentence used where none more exact is at hand.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// As written on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }
        }
    };
}

error_types! {
    /// The frame is no JSON or MessagePack.
    ParseError "parse_error" = -32700, false, "the frame could not be parsed";
    /// The frame is no request.
    InvalidRequest "invalid_request" = -32600, false, "not a valid request";
    /// There is no such method, or not for this role.
    MethodNotFound "method_not_found" = -32601, false, "there is no such method";
    /// A parameter is missing, unknown, or has a value that it cannot have; `data.field` names it.
    Validation "validation" = -32602, false, "invalid params";
    /// Something failed that should not have; `data.request_id` finds it in the server's log.
    Internal "internal" = -32603, true, "internal error";
    /// No valid token yet, or one that is not accepted.
    Authentication "authentication" = -32001, false, "authenticate first";
    /// The token's role may not do this.
    Authorization "authorization" = -32002, false, "not allowed for this role";
    /// There is no such thing, or it is not the caller's.
    NotFound "not_found" = -32003, false, "not found";
    /// It was done already.
    AlreadyExists "already_exists" = -32004, false, "already exists";
    /// A condition of the request no longer holds; `data.current` tells how things are.
    Conflict "conflict" = -32005, false, "things have changed meanwhile";
    /// The conversation is closed for this sender.
    ChatInactive "chat_inactive" = -32006, false, "the conversation is closed";
    /// No live session of that agent.
    AgentOffline "agent_offline" = -32007, false, "the agent is offline";
    /// The shop blocked this buyer.
    BuyerBlocked "buyer_blocked" = -32008, false, "the buyer is blocked";
    /// This cannot be sent or changed (any more).
    NotSendable "not_sendable" = -32009, false, "this cannot be sent";
    /// Too fast; `data.retry_after_ms` says when there is room again.
    TooManyRequests "too_many_requests" = -32010, true, "too many requests";
    /// More requests in flight on this socket than allowed; wait for replies.
    PendingRequestsLimitReached "pending_requests_limit_reached" = -32011, true, "too many requests in flight";
    /// Not done in time. It may still take effect: ask again with the same `client_message_id`.
    RequestTimeout "request_timeout" = -32012, true, "the request took too long";
    /// A number limit of the contract; `data.limit` is the limit.
    LimitReached "limit_reached" = -32013, false, "a limit was reached";
    /// Larger than allowed.
    EntityTooLarge "entity_too_large" = -32014, false, "too large";
    /// A version of the protocol that this server does not speak.
    UnsupportedVersion "unsupported_version" = -32015, false, "unsupported version";
    /// The store refused or is away: nothing was done, or nothing is known to be done. Try again.
    ServiceUnavailable "service_unavailable" = -32016, true, "the service cannot do this right now, try again";
}

/// A JSON-RPC error object, the same document in MessagePack-RPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorObject {
    /// One of the codes of [`ErrorType`].
    pub code: i32,
    /// A sentence for people; it says the way out.
    pub message: Cow<'static, str>,
    /// What programs need.
    pub data: ErrorData,
}

/// What programs need to know of an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorData {
    /// The kind of error.
    #[serde(rename = "type")]
    pub kind: ErrorType,
    /// Whether the same request may succeed later, unchanged.
    pub retryable: bool,
    /// The parameter that is wrong, as a path: `content.text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// When to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The limit that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Finds the failure in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How things are now, where a condition of the request did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Box<Standing>>,
    /// With `not_sendable`: why, for programs, where a table has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_sendable_code: Option<NotSendableCode>,
}

/// How a thing stands, told with a `conflict`. The fields of a conversation stand by themselves; a note, a coupon or
/// a return is under its own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StandingFields", into = "StandingFields")]
pub enum Standing {
    /// Other messages came, or someone else has it.
    Conversation(Current),
    /// Someone else wrote the note.
    SellerNote(SellerNote),
    /// Someone else changed the coupon.
    Coupon(Coupon),
    /// Someone else answered the request.
    Return(Return),
}

impl From<Current> for Standing {
    fn from(current: Current) -> Self {
        Self::Conversation(current)
    }
}

/// [`Standing`] as it is written: neither codec can tell the variants of an enum apart by their fields.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct StandingFields {
    /// Of a conversation: the last event that the caller may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_seq: Option<Seq>,
    /// Of a conversation: who has it, if anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assignee: Option<UserId>,
    /// Of a conversation: open or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<ConversationStatus>,
    /// Of a conversation: the newest message that the caller may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest_message: Option<Message>,
    /// The note, where its version was not the expected one; version 0 where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<SellerNote>,
    /// The coupon, where its version was not the expected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coupon: Option<Coupon>,
    /// The request, where it was answered otherwise meanwhile.
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    request: Option<Return>,
}

impl From<Standing> for StandingFields {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Conversation(Current { last_seq, assignee, status, latest_message }) => Self {
                last_seq: Some(last_seq),
                assignee,
                status: Some(status),
                latest_message,
                ..Self::default()
            },
            Standing::SellerNote(note) => Self { note: Some(note), ..Self::default() },
            Standing::Coupon(coupon) => Self { coupon: Some(coupon), ..Self::default() },
            Standing::Return(request) => Self { request: Some(request), ..Self::default() },
        }
    }
}

impl TryFrom<StandingFields> for Standing {
    type Error = &'static str;
    fn try_from(fields: StandingFields) -> Result<Self, Self::Error> {
        match fields {
            StandingFields { note: Some(note), .. } => Ok(Self::SellerNote(note)),
            StandingFields { coupon: Some(coupon), .. } => Ok(Self::Coupon(coupon)),
            StandingFields { request: Some(request), .. } => Ok(Self::Return(request)),
            StandingFields {
                last_seq: Some(last_seq),
                status: Some(status),
                assignee,
                latest_message,
                ..
            } => Ok(Self::Conversation(Current { last_seq, assignee, status, latest_message })),
            StandingFields { .. } => Err("must say how a conversation, a note, a coupon or a return stands"),
        }
    }
}

impl JsonSchema for Standing {
    fn schema_name() -> Cow<'static, str> {
        "Current".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = StandingFields::json_schema(generator);
        schema.insert(
            "description".into(),
            "How a thing stands, told with a `conflict`: the fields of a conversation, or a note, a coupon, a return.".into(),
        );
        schema
    }
}

/// How a conversation stands, told with a `conflict`.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// The last event that the caller may see.
    pub last_seq: Seq,
    /// Who has the conversation, if anyone.
    pub assignee: Option<UserId>,
    /// Open or closed.
    pub status: ConversationStatus,
    /// The newest message that the caller may see.
    pub latest_message: Option<Message>,
}

impl ErrorObject {
    /// An error of this type with a sentence of its own.
    pub fn new(kind: ErrorType, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: kind.code(),
            message: message.into(),
            data: ErrorData {
                kind,
                retryable: kind.retryable(),
                field: None,
                retry_after_ms: None,
                limit: None,
                request_id: None,
                current: None,
                not_sendable_code: None,
            },
        }
    }

    /// A parameter is wrong: `field` is its path, `problem` continues the sentence "`field` …".
    pub fn field(field: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        let field = field.into();
        let mut error = Self::new(ErrorType::Validation, format!("`{field}`: {problem}"));
        error.data.field = Some(field);
        error
    }

    /// Adds the limit that was reached.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.data.limit = Some(limit);
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: std::time::Duration) -> Self {
        self.data.retry_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1));
        self
    }

    /// Adds the id under which the server's log has the failure.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.data.request_id = Some(request_id.into());
        self
    }

    /// Adds how things stand.
    #[must_use]
    pub fn with_current(mut self, current: impl Into<Standing>) -> Self {
        self.data.current = Some(Box::new(current.into()));
        self
    }

    /// Adds why it cannot be sent.
    #[must_use]
    pub fn with_not_sendable_code(mut self, code: NotSendableCode) -> Self {
        self.data.not_sendable_code = Some(code);
        self
    }
}

impl From<ErrorType> for ErrorObject {
    fn from(kind: ErrorType) -> Self {
        Self::new(kind, kind.sentence())
    }
}

impl std::fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.data.kind.as_str(), self.code)
    }
}

impl std::error::Error for ErrorObject {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Codec;

    #[test]
    fn every_type_has_a_code_of_its_own_in_the_allowed_ranges() {
        let codes: HashSet<_> = ErrorType::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ErrorType::ALL.len());
        for code in codes {
            assert!((-32099..=-32000).contains(&code) || (-32700..=-32600).contains(&code), "{code}");
        }
    }

    #[test]
    fn every_code_round_trips_in_both_encodings() {
        for &kind in ErrorType::ALL {
            let error = ErrorObject::from(kind)
                .with_limit(7)
                .with_retry_after(std::time::Duration::from_millis(30))
                .with_request_id("r1");
            for codec in Codec::ALL {
                let bytes = codec.encode(&error).unwrap();
                assert_eq!(codec.decode::<ErrorObject>(&bytes).unwrap(), error, "{kind:?} {codec:?}");
            }
        }
    }

    #[test]
    fn how_a_thing_stands_round_trips_in_both_encodings() {
        let note = SellerNote {
            text: "call first".into(),
            version: 3,
            editor: crate::order::Editor {
                kind: crate::order::EditorKind::Agent,
                id: "a-1".into(),
                name: "Grace".into(),
            },
            update_time: crate::ids::Timestamp::from_millis(1),
        };
        let conversation = Current {
            last_seq: Seq::ZERO,
            assignee: None,
            status: ConversationStatus::Open,
            latest_message: None,
        };
        for (standing, document) in [
            (conversation.into(), r#"{"last_seq":0,"status":"OPEN"}"#),
            (
                Standing::SellerNote(note),
                r#"{"note":{"text":"call first","version":3,"editor":{"kind":"AGENT","id":"a-1","name":"Grace"},"update_time":1}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&standing).unwrap(), document);
            let error = ErrorObject::from(ErrorType::Conflict).with_current(standing);
            for codec in Codec::ALL {
                let bytes = codec.encode(&error).unwrap();
                assert_eq!(codec.decode::<ErrorObject>(&bytes).unwrap(), error, "{codec:?}");
            }
        }
        assert!(serde_json::from_str::<Standing>("{}").is_err());
    }

    #[test]
    fn a_type_is_written_as_the_table_says() {
        for &kind in ErrorType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
