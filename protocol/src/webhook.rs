//! Webhooks: what the shop's own systems are told over HTTP, to which address, and what became of it.

use std::{collections::BTreeSet, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::{Timestamp, WebhookDeliveryId, WebhookEventId, WebhookId};

/// What happened, as the `type` of a webhook's body names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WebhookEventType {
    /// An order that was not known before: placed by a buyer here, or brought by the shop's systems.
    #[serde(rename = "order.placed")]
    OrderPlaced,
    /// An order has changed.
    #[serde(rename = "order.updated")]
    OrderUpdated,
    /// The shop's note on an order was written, changed or taken away.
    #[serde(rename = "order.note.updated")]
    OrderNoteUpdated,
    /// A parcel is new, or has changed.
    #[serde(rename = "package.updated")]
    PackageUpdated,
    /// A return, refund or replacement was asked for.
    #[serde(rename = "return.requested")]
    ReturnRequested,
    /// A return has changed: approved, rejected, shipped, …
    #[serde(rename = "return.updated")]
    ReturnUpdated,
    /// A product is new, or has changed, its stock included.
    #[serde(rename = "product.updated")]
    ProductUpdated,
    /// A coupon is new, or has changed otherwise than by claims and uses.
    #[serde(rename = "coupon.updated")]
    CouponUpdated,
    /// A buyer has claimed a coupon.
    #[serde(rename = "coupon.claimed")]
    CouponClaimed,
    /// A buyer has used a claimed coupon for an order, or has got it back from a cancelled one.
    #[serde(rename = "coupon.claim.updated")]
    CouponClaimUpdated,
    /// Nothing: someone tries the webhook. Sent when asked for, whatever the webhook wants.
    #[serde(rename = "ping")]
    Ping,
}

impl WebhookEventType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::OrderPlaced,
        Self::OrderUpdated,
        Self::OrderNoteUpdated,
        Self::PackageUpdated,
        Self::ReturnRequested,
        Self::ReturnUpdated,
        Self::ProductUpdated,
        Self::CouponUpdated,
        Self::CouponClaimed,
        Self::CouponClaimUpdated,
        Self::Ping,
    ];

    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderPlaced => "order.placed",
            Self::OrderUpdated => "order.updated",
            Self::OrderNoteUpdated => "order.note.updated",
            Self::PackageUpdated => "package.updated",
            Self::ReturnRequested => "return.requested",
            Self::ReturnUpdated => "return.updated",
            Self::ProductUpdated => "product.updated",
            Self::CouponUpdated => "coupon.updated",
            Self::CouponClaimed => "coupon.claimed",
            Self::CouponClaimUpdated => "coupon.claim.updated",
            Self::Ping => "ping",
        }
    }
}

impl fmt::Display for WebhookEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such type of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}, or \"*\" for all", WebhookEventType::ALL.map(WebhookEventType::as_str).join(", "))]
pub struct UnknownEventType;

impl FromStr for WebhookEventType {
    type Err = UnknownEventType;
    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(UnknownEventType)
    }
}

/// What a webhook wants to be told. On the wire a list of types; `["*"]` is everything, also what later versions add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// Everything.
    Everything,
    /// These; never none.
    Only(BTreeSet<WebhookEventType>),
}

impl Subscription {
    /// Whether events of this type are wanted.
    #[must_use]
    pub fn wants(&self, kind: WebhookEventType) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}

impl Serialize for Subscription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Everything => ["*"].serialize(serializer),
            Self::Only(kinds) => kinds.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Subscription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        if names.is_empty() {
            return Err(de::Error::custom("must name at least one type of event, or \"*\""));
        }
        if names.iter().any(|name| name == "*") {
            return Ok(Self::Everything);
        }
        let kinds: Result<_, _> = names.iter().map(|name| name.parse()).collect();
        kinds.map(Self::Only).map_err(de::Error::custom)
    }
}

impl JsonSchema for Subscription {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Subscription".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut names = vec!["*"];
        names.extend(WebhookEventType::ALL.map(WebhookEventType::as_str));
        schemars::json_schema!({
            "description": "Types of events; `*` for all of them.",
            "type": "array", "minItems": 1, "items": { "type": "string", "enum": names }
        })
    }
}

/// Whether a webhook is told anything, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookStatus {
    /// It is.
    Enabled,
    /// The shop has switched it off.
    Disabled,
    /// It answered 410: it wants nothing any more.
    Gone,
    /// It failed for days.
    Failing,
}

/// Where events are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// Which.
    pub webhook_id: WebhookId,
    /// Where it is.
    pub url: String,
    /// What it wants to be told.
    pub events: Subscription,
    /// Whether it is told.
    pub status: WebhookStatus,
    /// Since when nothing could be delivered; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Until when events are signed with the secret before as well, after the secret was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_secret_until: Option<Timestamp>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookDeliveryStatus {
    /// It waits for its next try.
    Pending,
    /// It is being tried now.
    Sending,
    /// The receiver has it.
    Delivered,
    /// It was tried for the last time.
    Failed,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookAttempt {
    /// 1 is the first.
    pub number: u32,
    /// When it began.
    pub time: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// What the receiver answered, where it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// Why it did not count, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookDelivery {
    /// Which.
    pub delivery_id: WebhookDeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// Which event: the header `webhook-id`.
    pub event_id: WebhookEventId,
    /// Of which type.
    pub event_type: WebhookEventType,
    /// How far it has come.
    pub status: WebhookDeliveryStatus,
    /// When it is tried next; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Timestamp>,
    /// When it happened.
    pub create_time: Timestamp,
    /// Every try, the first first.
    pub attempts: Vec<WebhookAttempt>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_event_is_written_as_it_is_named() {
        for kind in WebhookEventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("order".parse::<WebhookEventType>(), Err(UnknownEventType));
    }

    #[test]
    fn a_subscription_is_a_list_of_types_or_a_star() {
        let read = |json: &str| serde_json::from_str::<Subscription>(json);
        let some = read(r#"["order.updated","order.placed","order.updated"]"#).unwrap();
        assert!(some.wants(WebhookEventType::OrderPlaced) && !some.wants(WebhookEventType::OrderNoteUpdated));
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["order.placed","order.updated"]"#);
        let all = read(r#"["*"]"#).unwrap();
        assert!(WebhookEventType::ALL.into_iter().all(|kind| all.wants(kind)));
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"["*"]"#);
        for (bad, problem) in [("[]", "at least one"), (r#"["order.*"]"#, "must be one of order.placed")] {
            assert!(read(bad).unwrap_err().to_string().contains(problem), "{bad}");
        }
    }
}
