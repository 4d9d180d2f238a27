//! Conversations: one per buyer and shop, closed and reopened, never duplicated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{PresenceEvent, SequencedEvent},
    ids::{ClientMessageId, ConversationId, OrderId, ProductId, Seq, ShopId, Tag, Timestamp, UserId},
    message::{Message, Person, present},
    page::PageSize,
};

/// Open, or closed until someone writes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConversationStatus {
    /// Being talked in.
    Open,
    /// Closed by an agent; the buyer's next message opens it again.
    Closed,
}

/// Whether the receiver may write into the conversation, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CanSendMessage {
    /// Whether `message.send` would be taken.
    pub allowed: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A conversation as its receiver sees it: counts and sequence are those of the receiver's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// Its id.
    pub conversation_id: ConversationId,
    /// The shop's.
    pub shop_id: ShopId,
    /// With this buyer.
    pub buyer: Person,
    /// Open or closed.
    pub status: ConversationStatus,
    /// The agent who has it, if anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Person>,
    /// Labels, for agents; empty for the buyer.
    pub tags: Vec<Tag>,
    /// Messages of the other side that the receiver's side has not read.
    pub unread_count: u32,
    /// The last event that the receiver may see.
    pub last_seq: Seq,
    /// How far the buyer has read.
    pub buyer_read_seq: Seq,
    /// How far the shop has read.
    pub shop_read_seq: Seq,
    /// The newest message that the receiver may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_message: Option<Message>,
    /// Whether the receiver may write.
    pub can_send_message: CanSendMessage,
    /// When it began.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// Where a buyer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum Entry {
    /// From the page of a product.
    BuyerEnterFromProduct {
        /// Which.
        product_id: ProductId,
    },
    /// From the page of an order.
    BuyerEnterFromOrder {
        /// Which.
        order_id: OrderId,
    },
}

/// `conversation.open`: the buyer's conversation with the shop, made if there is none; attaches the session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenParams {
    /// The context the buyer brings; it is told as a message, once while it stays the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
}

/// One conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationResult {
    /// The conversation.
    pub conversation: Conversation,
}

/// `conversation.list`: latest change first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ConversationStatus>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListResult {
    /// Latest change first.
    pub conversations: Vec<Conversation>,
    /// Empty at the end.
    pub next_page_token: String,
}

/// Names a conversation: `conversation.get`, `detach`, `close`, `reopen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationParams {
    /// Which.
    pub conversation_id: ConversationId,
}

/// Nothing more to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// `conversation.history`: messages before or after a place; the newest when neither is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryParams {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// Those created before this place, the nearest ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_seq: Option<Seq>,
    /// Those created after this place, the nearest ones. Not together with `before_seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
    /// At most so many.
    #[serde(default)]
    pub limit: PageSize,
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryResult {
    /// In ascending order, each once, in its latest revision.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
}

/// `conversation.attach`: from now on every event in sequence, after those missed since `after_seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachParams {
    /// To which conversation.
    pub conversation_id: ConversationId,
    /// The last event that the client has; without it nothing is missed and events begin now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
}

/// The answer to `conversation.attach`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttachResult {
    /// How it stands.
    pub conversation: Conversation,
    /// The missed events, in order, as they would have been pushed; a recalled message comes without its old content.
    pub events: Vec<SequencedEvent>,
    /// The last event that the client has after these: attach again from here.
    pub last_seq: Seq,
    /// There are more than a page: the session is not attached yet, attach again from `last_seq`.
    pub has_more: bool,
    /// Who of the other side is there.
    pub presence: Vec<PresenceEvent>,
}

/// `conversation.read`: the caller's side has read up to here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadParams {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// The last event read. A mark never goes back.
    pub seq: Seq,
}

/// The answer to `conversation.read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadResult {
    /// Where the mark stands now.
    pub seq: Seq,
    /// What is still unread.
    pub unread_count: u32,
}

/// `conversation.typing`: tells the others that the caller is writing, or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypingParams {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Writing, or stopped.
    #[serde(default = "yes")]
    pub typing: bool,
}

const fn yes() -> bool {
    true
}

/// `conversation.sync`: what changed since the last time, to repair summaries that were lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncParams {
    /// `cursor` of the answer before; without it all conversations, page by page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The answer to `conversation.sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncResult {
    /// Oldest change first; one may come again without having changed.
    pub conversations: Vec<Conversation>,
    /// For the next call.
    pub cursor: String,
    /// Call again at once.
    pub has_more: bool,
}

/// `conversation.take`: the calling agent takes the conversation; attaches the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeParams {
    /// Which.
    pub conversation_id: ConversationId,
    /// Take it from this agent (`null`: from no one); without it only a conversation that no one else has.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub if_assignee: Option<Option<UserId>>,
}

/// `conversation.assign`: gives the conversation to an agent, or back to the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignParams {
    /// Which.
    pub conversation_id: ConversationId,
    /// To whom; `null` or absent: back to the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<UserId>,
    /// Only if this agent (`null`: no one) has it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub if_assignee: Option<Option<UserId>>,
}

/// `conversation.transfer`: gives it to another agent, with a private note for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferParams {
    /// Which.
    pub conversation_id: ConversationId,
    /// To whom.
    pub agent_id: UserId,
    /// What the other should know; the buyer never sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `conversation.tag` and `conversation.untag`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagParams {
    /// Which.
    pub conversation_id: ConversationId,
    /// The label.
    pub tag: Tag,
}

/// `conversation.note`: a private note, seen by agents only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteParams {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// The same for every try of this note.
    pub client_message_id: ClientMessageId,
    /// 1 to 2,000 characters.
    #[schemars(length(min = 1, max = 2000))]
    pub text: String,
}
