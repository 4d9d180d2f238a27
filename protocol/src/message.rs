//! Messages: who sent what into a conversation, and what may be sent.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    card::Card,
    ids::{
        ClientMessageId, ConversationId, CouponId, MessageId, OrderId, PackageId, ProductId, ReturnId, Seq,
        Timestamp, UserId,
    },
};

/// What a token allows its bearer to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Writes from a buyer app.
    Buyer,
    /// Answers for the shop.
    Agent,
    /// An agent who also manages the shop.
    Admin,
}

/// Who a message or a mark is from, as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ParticipantRole {
    /// The buyer.
    Buyer,
    /// The shop itself.
    Shop,
    /// An agent of the shop.
    CustomerService,
    /// The server.
    System,
    /// An automatic reply.
    Robot,
}

/// A buyer or an agent, as shown to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// As the shop names this user.
    pub user_id: UserId,
    /// To be displayed.
    pub name: String,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// Who sent a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sender {
    /// In which role.
    pub role: ParticipantRole,
    /// Absent for the server's own messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// To be displayed.
    pub name: String,
}

/// Who may see a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Visibility {
    /// Both sides.
    All,
    /// A private note: the shop's agents only.
    Agents,
}

/// What happened, in a message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotificationCode {
    /// An agent closed the conversation.
    ConversationClosed,
    /// It is open again.
    ConversationReopened,
    /// The message that stood here was recalled by its sender.
    MessageRecalled,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Content {
    /// Written by a person; paragraphs and emoji are kept.
    Text {
        /// At most 2,000 characters.
        text: String,
    },
    /// An order.
    OrderCard {
        /// Which.
        order_id: OrderId,
        /// Rendered.
        card: Box<Card>,
    },
    /// A parcel of an order.
    LogisticsCard {
        /// Of which order.
        order_id: OrderId,
        /// Which; absent: the one that changed last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package_id: Option<PackageId>,
        /// Rendered.
        card: Box<Card>,
    },
    /// An invitation to ask for a return or refund of an order; once asked for, the request.
    ReturnRefundCard {
        /// Of which order.
        order_id: OrderId,
        /// Which request; absent: the invitation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_id: Option<ReturnId>,
        /// Rendered.
        card: Box<Card>,
    },
    /// A product.
    ProductCard {
        /// Which.
        product_id: ProductId,
        /// Rendered.
        card: Box<Card>,
    },
    /// A coupon.
    CouponCard {
        /// Which.
        coupon_id: CouponId,
        /// Rendered.
        card: Box<Card>,
    },
    /// The conversation was given to an agent, or to no one.
    AllocatedService {
        /// Who has it now; absent when it went back to the queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignee: Option<Person>,
    },
    /// A notice of the server.
    Notification {
        /// For programs.
        code: NotificationCode,
        /// For people.
        text: String,
    },
    /// The buyer came from the page of a product.
    BuyerEnterFromProduct {
        /// As the buyer's client says.
        product_id: ProductId,
    },
    /// The buyer came from the page of an order.
    BuyerEnterFromOrder {
        /// As the buyer's client says.
        order_id: OrderId,
    },
}

impl Content {
    /// The card, where it is one.
    #[must_use]
    pub fn card(&self) -> Option<&Card> {
        match self {
            Self::OrderCard { card, .. }
            | Self::LogisticsCard { card, .. }
            | Self::ReturnRefundCard { card, .. }
            | Self::ProductCard { card, .. }
            | Self::CouponCard { card, .. } => Some(card),
            Self::Text { .. }
            | Self::AllocatedService { .. }
            | Self::Notification { .. }
            | Self::BuyerEnterFromProduct { .. }
            | Self::BuyerEnterFromOrder { .. } => None,
        }
    }

    /// The card, to be changed.
    pub fn card_mut(&mut self) -> Option<&mut Card> {
        match self {
            Self::OrderCard { card, .. }
            | Self::LogisticsCard { card, .. }
            | Self::ReturnRefundCard { card, .. }
            | Self::ProductCard { card, .. }
            | Self::CouponCard { card, .. } => Some(card),
            Self::Text { .. }
            | Self::AllocatedService { .. }
            | Self::Notification { .. }
            | Self::BuyerEnterFromProduct { .. }
            | Self::BuyerEnterFromOrder { .. } => None,
        }
    }

    /// What stands in place of a recalled message.
    #[must_use]
    pub fn recalled() -> Self {
        Self::Notification {
            code: NotificationCode::MessageRecalled,
            text: "This message was recalled.".into(),
        }
    }
}

/// What a client may send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum SendContent {
    /// Text; paragraphs and emoji are kept.
    Text {
        /// 1 to 2,000 characters.
        #[schemars(length(min = 1, max = 2000))]
        text: String,
    },
}

/// All that a [`SendContent`] may hold, flat: serde reads a tagged enum through a buffer in which the path of a
/// wrong field is lost, and the error would not name it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendContentFields {
    #[serde(rename = "type")]
    kind: SendKind,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SendKind {
    Text,
}

impl<'de> Deserialize<'de> for SendContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = SendContentFields::deserialize(deserializer)?;
        match fields.kind {
            SendKind::Text => {
                fields.text.map(|text| Self::Text { text }).ok_or_else(|| de::Error::missing_field("text"))
            }
        }
    }
}

impl From<SendContent> for Content {
    fn from(content: SendContent) -> Self {
        match content {
            SendContent::Text { text } => Self::Text { text },
        }
    }
}

/// One message of a conversation, in its latest revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Opaque.
    pub message_id: MessageId,
    /// Where it stands.
    pub conversation_id: ConversationId,
    /// The event that created it.
    pub seq: Seq,
    /// The event before that one which the receiver may see.
    pub prev_seq: Seq,
    /// As its sender chose; absent for the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// From whom.
    pub sender: Sender,
    /// What it says.
    pub content: Content,
    /// Who may see it.
    pub visibility: Visibility,
    /// 0 as sent, then counting up.
    pub revision: u32,
    /// Its sender took it back: `content` is a notice in its place.
    pub recalled: bool,
    /// When it was sent.
    pub create_time: Timestamp,
}

/// `message.send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendParams {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// The same for every try of this message: sending twice has one effect.
    pub client_message_id: ClientMessageId,
    /// What to say.
    pub content: SendContent,
    /// Send only if this is still the last event that the caller may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_last_seq: Option<Seq>,
    /// Send only if this agent (`null`: no one) still has the conversation.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub if_assignee: Option<Option<UserId>>,
}

/// Tells a field that is `null` from one that is absent.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The answer to everything that sends: the same for every try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// The new message.
    pub message_id: MessageId,
    /// Its place.
    pub seq: Seq,
    /// When the server took it.
    pub create_time: Timestamp,
}

/// `message.recall`: the sender takes a message back, within 2 minutes of sending it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecallParams {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// Which message.
    pub message_id: MessageId,
}

/// The answer to `message.recall`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recalled {
    /// The event that revised the message.
    pub seq: Seq,
}
