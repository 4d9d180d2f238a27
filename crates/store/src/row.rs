//! Rows read back as values.

use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, ParticipantRole, Person, Sender, Seq, ShopId, Timestamp,
    UserId, Visibility, conversation::ConversationStatus, ids::Tag,
};
use sea_orm::{QueryResult, TryGetable};
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};

use crate::{ConversationRecord, EventRecord, MessageRecord, StoreError};

/// What a conversation `c` is read with; join [`PEOPLE`].
pub(crate) const CONVERSATION: &str = "c.conversation_id, c.shop_id, c.buyer_id, b.name AS buyer_name, \
     b.avatar AS buyer_avatar, c.status, c.assignee_id, a.name AS assignee_name, a.avatar AS assignee_avatar, c.tags, \
     c.last_seq, c.buyer_last_seq, c.buyer_read_seq, c.shop_read_seq, c.buyer_unread, c.shop_unread, \
     c.latest_message_seq, c.buyer_latest_message_seq, c.create_time, c.update_time";

/// The people of conversation `c`.
pub(crate) const PEOPLE: &str = "JOIN buyer b ON b.shop_id = c.shop_id AND b.user_id = c.buyer_id \
     LEFT JOIN agent a ON a.shop_id = c.shop_id AND a.user_id = c.assignee_id";

/// What a message is read with in its latest revision; join [`LATEST_REVISION`].
pub(crate) const MESSAGE: &str = "m.conversation_id, m.seq, m.buyer_prev_seq, m.sender_role, m.sender_id, \
     m.sender_name, m.client_message_id, COALESCE(r.content, m.content) AS content, m.visibility, \
     COALESCE(r.revision, 0) AS revision, m.recalled, m.create_time";

/// What a message is read with as it was sent.
pub(crate) const MESSAGE_AS_SENT: &str = "m.conversation_id, m.seq, m.buyer_prev_seq, m.sender_role, m.sender_id, \
     m.sender_name, m.client_message_id, m.content, m.visibility, CAST(0 AS bigint) AS revision, m.recalled, m.create_time";

/// The latest revision of message `m`, if it was ever revised.
pub(crate) const LATEST_REVISION: &str = "LEFT JOIN message_revision r \
     ON r.conversation_id = m.conversation_id AND r.seq = m.revision_seq";

pub(crate) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    // `try_get` would make a name of a prefix and the column first, for each field of each row.
    Ok(row.try_get_by(column)?)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &QueryResult,
    table: &'static str,
    column: &str,
) -> Result<T, StoreError> {
    let text: String = get(row, column)?;
    text.parse().map_err(|problem| StoreError::corrupt(table, format_args!("{column}: {problem}")))
}

/// An id that may be absent.
pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &QueryResult,
    table: &'static str,
    column: &str,
) -> Result<Option<T>, StoreError> {
    let Some(text) = get::<Option<String>>(row, column)? else { return Ok(None) };
    text.parse().map(Some).map_err(|problem| StoreError::corrupt(table, format_args!("{column}: {problem}")))
}

/// An id that is there.
pub(crate) fn needed_id<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &QueryResult,
    table: &'static str,
    column: &str,
) -> Result<T, StoreError> {
    parsed(row, table, column)
}

pub(crate) fn user_id(row: &QueryResult, table: &'static str, column: &str) -> Result<UserId, StoreError> {
    parsed(row, table, column)
}

pub(crate) fn shop_id(row: &QueryResult, table: &'static str) -> Result<ShopId, StoreError> {
    parsed(row, table, "shop_id")
}

/// What is kept as JSON.
pub(crate) fn from_json<T: DeserializeOwned>(
    row: &QueryResult,
    table: &'static str,
    column: &str,
) -> Result<T, StoreError> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text)
        .map_err(|problem| StoreError::corrupt(table, format_args!("{column}: {problem}")))
}

/// An enumeration, kept as its wire string.
pub(crate) fn word<T: DeserializeOwned>(
    row: &QueryResult,
    table: &'static str,
    column: &str,
) -> Result<T, StoreError> {
    let text: String = get(row, column)?;
    let word: StrDeserializer<'_, serde::de::value::Error> = text.as_str().into_deserializer();
    T::deserialize(word).map_err(|problem| StoreError::corrupt(table, format_args!("{column}: {problem}")))
}

pub(crate) fn seq(row: &QueryResult, table: &'static str, column: &str) -> Result<Seq, StoreError> {
    Seq::new(get(row, column)?)
        .ok_or_else(|| StoreError::corrupt(table, format_args!("{column} is negative")))
}

pub(crate) fn time(row: &QueryResult, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(get(row, column)?))
}

pub(crate) fn conversation_id(row: &QueryResult, table: &'static str) -> Result<ConversationId, StoreError> {
    ConversationId::new(get(row, "conversation_id")?)
        .ok_or_else(|| StoreError::corrupt(table, "conversation_id is not positive"))
}

fn count(row: &QueryResult, column: &str) -> Result<u32, StoreError> {
    u32::try_from(get::<i64>(row, column)?)
        .map_err(|_| StoreError::corrupt("conversation", format_args!("{column} is no count")))
}

pub(crate) fn conversation(row: &QueryResult) -> Result<ConversationRecord, StoreError> {
    const TABLE: &str = "conversation";
    let assignee = match get::<Option<String>>(row, "assignee_id")? {
        None => None,
        // One who came first while this row was waited for has no name yet.
        Some(id) => Some(Person {
            user_id: user_id(row, TABLE, "assignee_id")?,
            name: get::<Option<String>>(row, "assignee_name")?.unwrap_or(id),
            avatar: get(row, "assignee_avatar")?,
        }),
    };
    Ok(ConversationRecord {
        conversation_id: conversation_id(row, TABLE)?,
        shop_id: shop_id(row, TABLE)?,
        buyer: Person {
            user_id: user_id(row, TABLE, "buyer_id")?,
            name: get(row, "buyer_name")?,
            avatar: get(row, "buyer_avatar")?,
        },
        status: word::<ConversationStatus>(row, TABLE, "status")?,
        assignee,
        tags: from_json::<Vec<Tag>>(row, TABLE, "tags")?,
        last_seq: seq(row, TABLE, "last_seq")?,
        buyer_last_seq: seq(row, TABLE, "buyer_last_seq")?,
        buyer_read_seq: seq(row, TABLE, "buyer_read_seq")?,
        shop_read_seq: seq(row, TABLE, "shop_read_seq")?,
        buyer_unread: count(row, "buyer_unread")?,
        shop_unread: count(row, "shop_unread")?,
        latest_message_seq: seq(row, TABLE, "latest_message_seq")?,
        buyer_latest_message_seq: seq(row, TABLE, "buyer_latest_message_seq")?,
        create_time: time(row, "create_time")?,
        update_time: time(row, "update_time")?,
    })
}

pub(crate) fn message(row: &QueryResult) -> Result<MessageRecord, StoreError> {
    const TABLE: &str = "message";
    let sender_id = match get::<Option<String>>(row, "sender_id")? {
        None => None,
        Some(_) => Some(user_id(row, TABLE, "sender_id")?),
    };
    let client_message_id = match get::<Option<String>>(row, "client_message_id")? {
        None => None,
        Some(_) => Some(parsed::<ClientMessageId>(row, TABLE, "client_message_id")?),
    };
    Ok(MessageRecord {
        conversation_id: conversation_id(row, TABLE)?,
        seq: seq(row, TABLE, "seq")?,
        buyer_prev_seq: seq(row, TABLE, "buyer_prev_seq")?,
        sender: Sender {
            role: word::<ParticipantRole>(row, TABLE, "sender_role")?,
            user_id: sender_id,
            name: get(row, "sender_name")?,
        },
        client_message_id,
        content: from_json::<Content>(row, TABLE, "content")?,
        visibility: word::<Visibility>(row, TABLE, "visibility")?,
        revision: u32::try_from(get::<i64>(row, "revision")?)
            .map_err(|_| StoreError::corrupt(TABLE, "revision is no count"))?,
        recalled: get(row, "recalled")?,
        create_time: time(row, "create_time")?,
    })
}

/// The event that created a message, as it is told again: without the content of what was recalled since.
pub(crate) fn creation(row: &QueryResult) -> Result<EventRecord, StoreError> {
    let mut message = message(row)?;
    if message.recalled {
        message.content = Content::recalled();
    }
    message.recalled = false;
    message.revision = 0;
    Ok(EventRecord { seq: message.seq, buyer_prev_seq: message.buyer_prev_seq, message })
}

/// The event that revised a message; needs `event_seq` and `event_buyer_prev_seq` beside the message.
pub(crate) fn revision(row: &QueryResult) -> Result<EventRecord, StoreError> {
    Ok(EventRecord {
        seq: seq(row, "message_revision", "event_seq")?,
        buyer_prev_seq: seq(row, "message_revision", "event_buyer_prev_seq")?,
        message: message(row)?,
    })
}

/// The wire string of an enumeration.
pub(crate) fn wire_word<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(_) => Err(StoreError::corrupt("enumeration", "is not written as a string")),
        Err(problem) => Err(StoreError::corrupt("enumeration", problem)),
    }
}

pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|problem| StoreError::corrupt("content", problem))
}
