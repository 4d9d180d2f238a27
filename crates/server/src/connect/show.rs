//! How things read on a terminal. Whatever others wrote is stripped of control characters, which could drive it.

use deskwire_protocol::{
    Content, ErrorObject, Message, ParticipantRole, Sender, UserId,
    card::Card,
    conversation::{Conversation, ConversationStatus},
};
use serde::Serialize;

/// Text of others, safe to print; further lines are indented.
pub(super) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\n    "),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether `sender` is the one at this terminal.
pub(super) fn is_me(sender: &Sender, me: &UserId, buyer: bool) -> bool {
    sender.user_id.as_ref() == Some(me) && (sender.role == ParticipantRole::Buyer) == buyer
}

/// A message as a line.
pub(super) fn message(message: &Message, mine: bool) -> String {
    let who = if mine { "you".to_owned() } else { safe(&message.sender.name) };
    if message.recalled {
        return format!("* {who} took back a message");
    }
    match &message.content {
        Content::Text { text } => {
            let note = match message.visibility {
                deskwire_protocol::Visibility::All => "",
                deskwire_protocol::Visibility::Agents => " (private note)",
            };
            format!("{who}{note}: {}", safe(text))
        }
        Content::OrderCard { card, .. }
        | Content::LogisticsCard { card, .. }
        | Content::ReturnRefundCard { card, .. }
        | Content::ProductCard { card, .. }
        | Content::CouponCard { card, .. } => format!("{who} sent a card\n{}", safe(&card.text)),
        Content::AllocatedService { assignee: Some(person) } => {
            format!("* {} has the chat now", safe(&person.name))
        }
        Content::AllocatedService { assignee: None } => "* the chat waits for an agent".into(),
        Content::Notification { text, .. } => format!("* {}", safe(text)),
        Content::BuyerEnterFromProduct { product_id } => {
            format!("* {who} came from product {}", safe(product_id.as_str()))
        }
        Content::BuyerEnterFromOrder { order_id } => {
            format!("* {who} came from order {}", safe(order_id.as_str()))
        }
    }
}

/// A word of the contract, as it is on the wire.
pub(super) fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The card that a message is.
pub(super) fn card(content: &Content) -> Option<&Card> {
    match content {
        Content::OrderCard { card, .. }
        | Content::LogisticsCard { card, .. }
        | Content::ReturnRefundCard { card, .. }
        | Content::ProductCard { card, .. }
        | Content::CouponCard { card, .. } => Some(card),
        Content::Text { .. }
        | Content::AllocatedService { .. }
        | Content::Notification { .. }
        | Content::BuyerEnterFromProduct { .. }
        | Content::BuyerEnterFromOrder { .. } => None,
    }
}

/// A card that was shown before and is another now.
pub(super) fn changed(card: &Card) -> String {
    format!("* a card has changed\n{}", safe(&card.text))
}

/// A conversation as a line of `/list`.
pub(super) fn conversation(number: usize, conversation: &Conversation) -> String {
    let mut line = format!("[{number}] {}", safe(&conversation.buyer.name));
    match &conversation.assignee {
        Some(person) => line.push_str(&format!(", {} has it", safe(&person.name))),
        None => line.push_str(", waiting"),
    }
    if conversation.status == ConversationStatus::Closed {
        line.push_str(", closed");
    }
    if conversation.unread_count > 0 {
        line.push_str(&format!(", {} unread", conversation.unread_count));
    }
    line
}

/// An error as a line.
pub(super) fn error(what: &str, error: &ErrorObject) -> String {
    let mut line = format!("! {what}: {error}");
    if let Some(after) = error.data.retry_after_ms {
        line.push_str(&format!(", try again in {after} ms"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_drive_the_terminal() {
        assert_eq!(safe("a\x1b[2Jb\u{9b}c\nd\te\r"), "a[2Jbc\n    d e");
    }
}
