//! What the server tells without being asked. Events in sequence prove by `prev_seq` that nothing is missing;
//! the others are safe to lose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    card::ThingKind,
    conversation::Conversation,
    ids::{ConversationId, OrderId, ReturnId, Seq, Timestamp, UserId},
    message::{Message, ParticipantRole, Sender},
    order::Reminder,
};

/// An event's name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum EventName {
    /// [`SequencedEvent`]: a message came.
    #[serde(rename = "message.created")]
    MessageCreated,
    /// [`SequencedEvent`]: a message changed (was recalled).
    #[serde(rename = "message.revised")]
    MessageRevised,
    /// [`ConversationUpdated`].
    #[serde(rename = "conversation.updated")]
    ConversationUpdated,
    /// [`ReadUpdated`].
    #[serde(rename = "read.updated")]
    ReadUpdated,
    /// [`TypingEvent`].
    #[serde(rename = "typing")]
    Typing,
    /// [`PresenceEvent`].
    #[serde(rename = "presence")]
    Presence,
    /// [`WorkbenchOrders`](crate::order::WorkbenchOrders).
    #[serde(rename = "workbench.orders")]
    WorkbenchOrders,
    /// [`WorkbenchChanged`].
    #[serde(rename = "workbench.changed")]
    WorkbenchChanged,
    /// [`DeadlineNear`].
    #[serde(rename = "deadline.near")]
    DeadlineNear,
    /// [`SessionExpiring`].
    #[serde(rename = "session.expiring")]
    SessionExpiring,
    /// [`SessionDraining`].
    #[serde(rename = "session.draining")]
    SessionDraining,
    /// [`SessionResync`].
    #[serde(rename = "session.resync")]
    SessionResync,
}

impl EventName {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::MessageCreated,
        Self::MessageRevised,
        Self::ConversationUpdated,
        Self::ReadUpdated,
        Self::Typing,
        Self::Presence,
        Self::WorkbenchOrders,
        Self::WorkbenchChanged,
        Self::DeadlineNear,
        Self::SessionExpiring,
        Self::SessionDraining,
        Self::SessionResync,
    ];

    /// As written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "message.created",
            Self::MessageRevised => "message.revised",
            Self::ConversationUpdated => "conversation.updated",
            Self::ReadUpdated => "read.updated",
            Self::Typing => "typing",
            Self::Presence => "presence",
            Self::WorkbenchOrders => "workbench.orders",
            Self::WorkbenchChanged => "workbench.changed",
            Self::DeadlineNear => "deadline.near",
            Self::SessionExpiring => "session.expiring",
            Self::SessionDraining => "session.draining",
            Self::SessionResync => "session.resync",
        }
    }
}

/// `message.created` and `message.revised`: an event in its conversation's sequence. As a push, `event` is the
/// method's name and is not repeated in the params.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SequencedEvent {
    /// Which of the two; absent in a push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventName>,
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Its place.
    pub seq: Seq,
    /// The event before it that the receiver may see: whoever has that one has missed nothing.
    pub prev_seq: Seq,
    /// The message, as this event left it.
    pub message: Message,
}

/// `conversation.updated`: a summary, safe to lose; `conversation.sync` repairs. A session that is attached to the
/// conversation is not told of what `message.created` says already: it is the `latest_message`, its `seq` the `last_seq`, its
/// `create_time` the `update_time`, and it is one more unread where it is from the other side. Of a summary whose `last_seq` is
/// behind the last event that the receiver has, these four are behind, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationUpdated {
    /// How it stands now.
    pub conversation: Conversation,
}

/// `read.updated`: one side has read up to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadUpdated {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// Who read: `BUYER`, or the agent for the shop.
    pub reader: Sender,
    /// Up to here.
    pub seq: Seq,
    /// When.
    pub read_time: Timestamp,
}

/// `typing`: someone is writing, or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TypingEvent {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Who.
    pub sender: Sender,
    /// Writing, or stopped.
    pub typing: bool,
    /// Show it no longer than this.
    pub expires_in_ms: u64,
}

/// `presence`: someone came (their first session began) or left (their last one ended).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceEvent {
    /// A buyer, or an agent.
    pub role: ParticipantRole,
    /// Who.
    pub user_id: UserId,
    /// There, or gone.
    pub online: bool,
}

/// `workbench.changed`: something that an open workbench shows has changed; read it again. Agents are told of what
/// belongs to a buyer while they are attached to that buyer's conversation, and of the shop's products and coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkbenchChanged {
    /// What.
    pub kind: ThingKind,
    /// Which; of a note, its order's. Empty where so many of the kind changed at once that they are not told one by one.
    pub id: String,
    /// Of a note, a parcel or a return: the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Whose, where it belongs to a buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_id: Option<UserId>,
    /// When it changed.
    pub update_time: Timestamp,
}

/// `deadline.near`: a deadline of an order, or of a request for a return of it, comes near. Told once to the agents who are
/// attached to the buyer's conversation then, and to those who attach while it is near.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadlineNear {
    /// Of which order.
    pub order_id: OrderId,
    /// Of which return of it, where it is the shop's answer that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<ReturnId>,
    /// Whose.
    pub buyer_id: UserId,
    /// Which deadline, when, and what happens then.
    pub reminder: Reminder,
}

/// `session.expiring`: the token runs out soon; call `session.refresh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionExpiring {
    /// When the socket will be closed.
    pub expire_time: Timestamp,
}

/// `session.draining`: this node is going; the socket will be closed with 4000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionDraining {
    /// Reconnect after so long.
    pub reconnect_after_ms: u64,
}

/// `session.resync`: summaries were dropped because the client read slowly; call `conversation.sync`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionResync {}
