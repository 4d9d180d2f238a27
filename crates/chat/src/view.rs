//! A conversation as one side sees it.

use std::collections::HashMap;

use deskwire_protocol::{
    Content, ConversationId, Seq,
    conversation::{CanSendMessage, Conversation, ConversationStatus},
};
use deskwire_store::{ConversationRecord, MessageRecord, Side, Store, StoreError};

/// What one answer may carry of messages, in about so many bytes: below what may wait for a socket, and far above
/// pages of usual messages.
const ANSWER_BYTES: usize = 384 * 1024;
/// About what a message costs beside its text.
const MESSAGE_BYTES: usize = 500;
/// About what a card costs beside its text.
const CARD_BYTES: usize = 4_000;

/// What is left of the bytes that an answer can carry.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(ANSWER_BYTES)
    }
}

/// How many of these messages fit into one answer: at most `page`, and not more than it can carry; at least one.
pub(crate) fn fitting<'m>(messages: impl Iterator<Item = &'m MessageRecord>, page: usize) -> usize {
    fitting_into(&mut Room::default(), messages, page)
}

/// The same of an answer that carries others too, in which they take their room; none where there is none left.
pub(crate) fn fitting_into<'m>(
    room: &mut Room,
    messages: impl Iterator<Item = &'m MessageRecord>,
    page: usize,
) -> usize {
    let mut taken = 0;
    for message in messages.take(page) {
        let weight = weight(&message.content);
        // The first is taken whatever its weight: without it nobody would come any further.
        if room.0 == 0 || (taken > 0 && weight > room.0) {
            break;
        }
        room.0 = room.0.saturating_sub(weight);
        taken += 1;
    }
    taken
}

fn weight(content: &Content) -> usize {
    match content {
        Content::Text { text } => MESSAGE_BYTES + text.len(),
        Content::OrderCard { card, .. }
        | Content::LogisticsCard { card, .. }
        | Content::ReturnRefundCard { card, .. }
        | Content::ProductCard { card, .. }
        | Content::CouponCard { card, .. } => CARD_BYTES + card.text.len(),
        Content::AllocatedService { .. }
        | Content::Notification { .. }
        | Content::BuyerEnterFromProduct { .. }
        | Content::BuyerEnterFromOrder { .. } => MESSAGE_BYTES,
    }
}

/// The newest message that the side may see, as a key.
pub(crate) fn latest_key(record: &ConversationRecord, side: Side) -> Option<(ConversationId, Seq)> {
    let seq = match side {
        Side::Buyer => record.buyer_latest_message_seq,
        Side::Shop => record.latest_message_seq,
    };
    (seq > Seq::ZERO).then_some((record.conversation_id, seq))
}

/// The conversation as `side` sees it.
pub(crate) fn conversation(
    record: ConversationRecord,
    side: Side,
    latest: Option<&MessageRecord>,
) -> Conversation {
    let closed = record.status == ConversationStatus::Closed;
    Conversation {
        last_seq: record.last_seq_of(side),
        unread_count: match side {
            Side::Buyer => record.buyer_unread,
            Side::Shop => record.shop_unread,
        },
        tags: match side {
            Side::Buyer => Vec::new(),
            Side::Shop => record.tags,
        },
        can_send_message: match side {
            Side::Shop if closed => CanSendMessage {
                allowed: false,
                reason: Some("The conversation is closed: reopen it with conversation.reopen.".into()),
            },
            Side::Buyer | Side::Shop => CanSendMessage { allowed: true, reason: None },
        },
        latest_message: latest.map(|message| message.to_message(side)),
        conversation_id: record.conversation_id,
        shop_id: record.shop_id,
        buyer: record.buyer,
        status: record.status,
        assignee: record.assignee,
        buyer_read_seq: record.buyer_read_seq,
        shop_read_seq: record.shop_read_seq,
        create_time: record.create_time,
        update_time: record.update_time,
    }
}

/// Conversations with their latest messages, read in one go.
pub(crate) async fn conversations(
    store: &Store,
    records: Vec<ConversationRecord>,
    side: Side,
) -> Result<Vec<Conversation>, StoreError> {
    let keys: Vec<_> = records.iter().filter_map(|record| latest_key(record, side)).collect();
    let latest: HashMap<_, _> = if keys.is_empty() {
        HashMap::new()
    } else {
        store.messages(&keys).await?.into_iter().map(|message| (message.conversation_id, message)).collect()
    };
    Ok(records
        .into_iter()
        .map(|record| {
            let message = latest.get(&record.conversation_id);
            conversation(record, side, message)
        })
        .collect())
}
