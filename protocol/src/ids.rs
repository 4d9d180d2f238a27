//! A type for every id, so that one can never be passed for another. On the wire every id is a string.

use std::{fmt, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest name-like id (user, shop, client message id) accepted, in bytes.
pub const ID_BYTES: usize = 128;

/// Which strings are ids, as schemas tell it: those without control characters.
const ID_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// Why a string is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`ID_BYTES`].
    #[error("must be at most {ID_BYTES} bytes")]
    TooLong,
    /// Control characters would break logs, and PostgreSQL refuses NUL.
    #[error("must not contain control characters")]
    Control,
    /// Ids made by the server have a fixed form.
    #[error("is not an id that this server gave out")]
    Form,
}

// Shared, not copied: an id is kept in many places for each socket, and cloned several times for each message.
macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(length(min = 1, max = 128), regex(pattern = ID_PATTERN))] Arc<str>);

        impl $name {
            /// Checks the form: 1 to 128 bytes, no control characters.
            pub fn new(id: impl Into<String>) -> Result<Self, IdError> {
                let id = id.into();
                if id.is_empty() {
                    Err(IdError::Empty)
                } else if id.len() > ID_BYTES {
                    Err(IdError::TooLong)
                } else if id.chars().any(char::is_control) {
                    Err(IdError::Control)
                } else {
                    Ok(Self(id.into()))
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(id: &str) -> Result<Self, IdError> {
                Self::new(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

string_id! {
    /// A shop: the tenant that every query is scoped by.
    ShopId
}
string_id! {
    /// A buyer or an agent, as the shop's own systems name them (`sub` of the token). Buyers and agents
    /// are separate name spaces: a buyer and an agent may bear the same id.
    UserId
}
string_id! {
    /// Chosen by the sender, unique for this sender in this conversation: sending twice has one effect.
    ClientMessageId
}
string_id! {
    /// One authenticated socket.
    SessionId
}
string_id! {
    /// A label that agents put on a conversation.
    Tag
}
string_id! {
    /// A product of the shop.
    ProductId
}
string_id! {
    /// An order of the shop.
    OrderId
}

string_id! {
    /// A variant of a product: what is bought and counted.
    SkuId
}
string_id! {
    /// One line of an order.
    LineItemId
}
string_id! {
    /// A parcel.
    PackageId
}
string_id! {
    /// A return, refund or replacement.
    ReturnId
}
string_id! {
    /// A coupon of the shop.
    CouponId
}
string_id! {
    /// Chosen by the buyer's client: placing twice with it is one order.
    ClientOrderId
}
string_id! {
    /// Chosen by the buyer's client: submitting twice with it is one request.
    ClientReturnId
}
string_id! {
    /// Chosen by the agent's client: making twice with it is one coupon.
    ClientCouponId
}

string_id! {
    /// A webhook of the shop.
    WebhookId
}
string_id! {
    /// What a webhook tells, the same at every try: the receiver knows by it what it has seen already.
    WebhookEventId
}

/// Serialises a type through its `Display` and `FromStr`, as a string with a pattern.
macro_rules! wire_as_string {
    ($name:ident, $pattern:literal, $example:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

/// A conversation: one per buyer and shop. A positive 63-bit number that cannot be guessed, in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(i64);

impl ConversationId {
    /// `None` when the number is not positive.
    #[must_use]
    pub const fn new(id: i64) -> Option<Self> {
        if id > 0 { Some(Self(id)) } else { None }
    }

    /// The number itself, as the store keeps it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ConversationId {
    type Err = IdError;
    fn from_str(id: &str) -> Result<Self, IdError> {
        // Only the canonical form: "+5" and "007" are other strings, hence other ids.
        if id.starts_with('+') || id.starts_with('0') {
            return Err(IdError::Form);
        }
        id.parse().ok().and_then(Self::new).ok_or(IdError::Form)
    }
}

wire_as_string!(ConversationId, "^[1-9][0-9]{0,18}$", "7494560109732334090");

/// A message: its conversation and the `seq` at which it was created, as `{conversation_id}-{seq}`.
/// Clients treat it as an opaque string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The conversation it stands in.
    pub conversation_id: ConversationId,
    /// The sequence number of its creation.
    pub seq: Seq,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.conversation_id, self.seq)
    }
}

impl FromStr for MessageId {
    type Err = IdError;
    fn from_str(id: &str) -> Result<Self, IdError> {
        let (conversation, seq) = id.split_once('-').ok_or(IdError::Form)?;
        if seq.starts_with('+') || seq.starts_with('0') {
            return Err(IdError::Form);
        }
        let seq: i64 = seq.parse().map_err(|_| IdError::Form)?;
        Ok(Self { conversation_id: conversation.parse()?, seq: Seq::new(seq).ok_or(IdError::Form)? })
    }
}

wire_as_string!(MessageId, "^[1-9][0-9]{0,18}-[1-9][0-9]{0,18}$", "7494560109732334090-17");

/// One event on its way to one webhook. A positive number, in decimal; later ones are larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookDeliveryId(i64);

impl WebhookDeliveryId {
    /// `None` when the number is not positive.
    #[must_use]
    pub const fn new(id: i64) -> Option<Self> {
        if id > 0 { Some(Self(id)) } else { None }
    }

    /// The number itself, as the store keeps it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for WebhookDeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WebhookDeliveryId {
    type Err = IdError;
    fn from_str(id: &str) -> Result<Self, IdError> {
        // One form, one id: see `ConversationId`.
        if id.starts_with('+') || id.starts_with('0') {
            return Err(IdError::Form);
        }
        id.parse().ok().and_then(Self::new).ok_or(IdError::Form)
    }
}

wire_as_string!(WebhookDeliveryId, "^[1-9][0-9]{0,18}$", "1207");

/// The place of an event in its conversation: 1, 2, 3, … with no hole. 0 stands before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Seq(#[schemars(range(min = 0))] i64);

impl Seq {
    /// Before the first event.
    pub const ZERO: Self = Self(0);

    /// `None` when negative.
    #[must_use]
    pub const fn new(seq: i64) -> Option<Self> {
        if seq >= 0 { Some(Self(seq)) } else { None }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The place right after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("must not be negative"))
    }
}

/// A point in time: Unix milliseconds, on the wire and in the store.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From Unix milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// How long `self` is after `earlier`; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This long after `self`.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This long before `self`.
    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_of_a_conversation_id_is_one() {
        for bad in ["", "0", "-1", "+1", "01", "1 ", "9223372036854775808", "abc", "1.0"] {
            assert_eq!(bad.parse::<ConversationId>(), Err(IdError::Form), "{bad:?}");
        }
        assert_eq!("9223372036854775807".parse::<ConversationId>().unwrap().get(), i64::MAX);
    }

    #[test]
    fn a_message_id_names_its_conversation_and_place() {
        let id: MessageId = "42-7".parse().unwrap();
        assert_eq!((id.conversation_id.get(), id.seq.get()), (42, 7));
        assert_eq!(id.to_string(), "42-7");
        for bad in ["42", "42-", "-7", "42-0", "42--7", "42-07", "42-7-1"] {
            assert!(bad.parse::<MessageId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_bounded_and_printable() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        assert_eq!(UserId::new("a\0b"), Err(IdError::Control));
        assert_eq!(UserId::new("x".repeat(129)), Err(IdError::TooLong));
        assert_eq!(UserId::new("josé").unwrap().as_str(), "josé");
    }
}
