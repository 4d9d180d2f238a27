//! What the store keeps, as plain values: no SQL, no rules.

use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, Message, Person, Role, Sender, Seq, ShopId, Timestamp, UserId,
    Visibility, conversation::ConversationStatus, ids::Tag,
};

use serde::{Deserialize, Serialize};

use crate::Side;

/// A conversation with the names of its people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRecord {
    /// Its id.
    pub conversation_id: ConversationId,
    /// The shop's.
    pub shop_id: ShopId,
    /// With this buyer.
    pub buyer: Person,
    /// Open or closed.
    pub status: ConversationStatus,
    /// Who has it.
    pub assignee: Option<Person>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// The last event of all.
    pub last_seq: Seq,
    /// The last event that the buyer may see.
    pub buyer_last_seq: Seq,
    /// How far the buyer has read.
    pub buyer_read_seq: Seq,
    /// How far the shop has read.
    pub shop_read_seq: Seq,
    /// Messages of the shop that the buyer has not read.
    pub buyer_unread: u32,
    /// Messages of the buyer that the shop has not read.
    pub shop_unread: u32,
    /// The newest message of all (private notes included), 0 when there is none.
    pub latest_message_seq: Seq,
    /// The newest message that the buyer may see, 0 when there is none.
    pub buyer_latest_message_seq: Seq,
    /// When it began.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

impl ConversationRecord {
    /// The last event that this side may see.
    #[must_use]
    pub const fn last_seq_of(&self, side: Side) -> Seq {
        match side {
            Side::Buyer => self.buyer_last_seq,
            Side::Shop => self.last_seq,
        }
    }
}

/// A message in one of its revisions (as nodes also tell each other), with both sides' `prev_seq` of the event that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The event that created it.
    pub seq: Seq,
    /// The event before it that the buyer may see (for agents it is always `seq - 1`).
    pub buyer_prev_seq: Seq,
    /// From whom.
    pub sender: Sender,
    /// As the sender chose.
    pub client_message_id: Option<ClientMessageId>,
    /// What it says in this revision.
    pub content: Content,
    /// Who may see it.
    pub visibility: Visibility,
    /// 0 as sent.
    pub revision: u32,
    /// Taken back.
    pub recalled: bool,
    /// When it was sent.
    pub create_time: Timestamp,
}

impl MessageRecord {
    /// The message as `side` sees it.
    #[must_use]
    pub fn to_message(&self, side: Side) -> Message {
        Message {
            message_id: deskwire_protocol::MessageId { conversation_id: self.conversation_id, seq: self.seq },
            conversation_id: self.conversation_id,
            seq: self.seq,
            prev_seq: match side {
                Side::Buyer => self.buyer_prev_seq,
                Side::Shop => Seq::new(self.seq.get() - 1).unwrap_or(Seq::ZERO),
            },
            client_message_id: self.client_message_id.clone(),
            sender: self.sender.clone(),
            content: self.content.clone(),
            visibility: self.visibility,
            revision: self.revision,
            recalled: self.recalled,
            create_time: self.create_time,
        }
    }
}

/// An event of a conversation's sequence: a message created, or revised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its place; equal to `message.seq` exactly when the message was created by it.
    pub seq: Seq,
    /// The event before it that the buyer may see (for agents it is always `seq - 1`).
    pub buyer_prev_seq: Seq,
    /// The message as this event left it. (Where it was recalled later, its first content is not told again.)
    pub message: MessageRecord,
}

/// Where a conversation's sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The last event of all.
    pub last_seq: Seq,
    /// The last event that the buyer may see.
    pub buyer_last_seq: Seq,
}

impl Head {
    /// Of a conversation as it was read.
    #[must_use]
    pub const fn of(record: &ConversationRecord) -> Self {
        Self {
            conversation_id: record.conversation_id,
            last_seq: record.last_seq,
            buyer_last_seq: record.buyer_last_seq,
        }
    }
}

/// A buyer or an agent with all that is known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Buyers and agents are separate name spaces.
    pub role: Role,
    /// As the token's claims tell.
    pub user: UserRecord,
    /// Address of a picture.
    pub avatar: Option<String>,
}

/// A buyer or an agent, as the token's claims tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// As the shop names them.
    pub user_id: UserId,
    /// To be displayed.
    pub name: String,
    /// BCP 47 tag.
    pub locale: Option<String>,
}
