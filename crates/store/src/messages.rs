//! Messages and the events of a conversation's sequence. Callers have checked that the conversation is theirs.

use deskwire_protocol::{ConversationId, Seq};

use crate::{
    EventRecord, MessageRecord, SendKey, SentRecord, Side, Store, StoreError,
    row::{self, LATEST_REVISION, MESSAGE, MESSAGE_AS_SENT},
    sql::{Params, ROWS},
};

/// Which part of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryRange {
    /// The last ones created before a place.
    Before(Seq),
    /// The first ones created after a place.
    After(Seq),
    /// The last ones.
    Newest,
}

/// What keeps private notes from the buyer.
fn seen_by(side: Side) -> &'static str {
    match side {
        Side::Buyer => " AND m.visibility = 'ALL'",
        Side::Shop => "",
    }
}

impl Store {
    /// Messages by place, in their latest revision; those that do not exist are left out.
    pub async fn messages(&self, keys: &[(ConversationId, Seq)]) -> Result<Vec<MessageRecord>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ROWS) {
            let mut params = self.params();
            let sql = messages_sql(&mut params, keys);
            let rows = self.rows(sql, params).await?;
            for row in &rows {
                found.push(row::message(row)?);
            }
        }
        Ok(found)
    }

    /// Whether this was sent before.
    pub async fn sent(&self, key: &SendKey) -> Result<Option<SentRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT seq, create_time FROM message
             WHERE conversation_id = {} AND sender_role = {} AND sender_id = {} AND client_message_id = {}",
            params.push(key.conversation_id.get()),
            params.push(row::wire_word(&key.role)?),
            params.push(key.user_id.as_str()),
            params.push(key.client_message_id.as_str())
        );
        let rows = self.rows(sql, params).await?;
        let sent = |row| -> Result<SentRecord, StoreError> {
            Ok(SentRecord {
                seq: row::seq(row, "message", "seq")?,
                create_time: row::time(row, "create_time")?,
            })
        };
        rows.first().map(sent).transpose()
    }

    /// Messages nearest to the bound, in ascending order, each in its latest revision.
    pub async fn history(
        &self,
        id: ConversationId,
        side: Side,
        range: HistoryRange,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = format!("m.conversation_id = {}{}", params.push(id.get()), seen_by(side));
        let order = match range {
            HistoryRange::Before(seq) => {
                condition += &format!(" AND m.seq < {}", params.push(seq.get()));
                "DESC"
            }
            HistoryRange::After(seq) => {
                condition += &format!(" AND m.seq > {}", params.push(seq.get()));
                "ASC"
            }
            HistoryRange::Newest => "DESC",
        };
        let limit = params.push(i64::from(limit));
        let sql = format!(
            "SELECT {MESSAGE} FROM message m {LATEST_REVISION} WHERE {condition} ORDER BY m.seq {order} LIMIT {limit}"
        );
        let rows = self.rows(sql, params).await?;
        let mut messages = rows.iter().map(row::message).collect::<Result<Vec<_>, _>>()?;
        if order == "DESC" {
            messages.reverse();
        }
        Ok(messages)
    }

    /// The events after a place that this side may see, in order. What was recalled since is told without its
    /// first content.
    pub async fn events(
        &self,
        id: ConversationId,
        side: Side,
        after_seq: Seq,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let mut params = self.params();
        let (id, after, rows) =
            (params.push(id.get()), params.push(after_seq.get()), params.push(i64::from(limit)));
        let seen = seen_by(side);
        let created = format!(
            "SELECT {MESSAGE_AS_SENT} FROM message m
             WHERE m.conversation_id = {id} AND m.seq > {after}{seen} ORDER BY m.seq LIMIT {rows}"
        );
        let revised = format!(
            "SELECT m.conversation_id, m.seq, m.buyer_prev_seq, m.sender_role, m.sender_id, m.sender_name,
                 m.client_message_id, r.content, m.visibility, r.revision, r.recalled, m.create_time,
                 r.seq AS event_seq, r.buyer_prev_seq AS event_buyer_prev_seq
             FROM message_revision r JOIN message m ON m.conversation_id = r.conversation_id AND m.seq = r.message_seq
             WHERE r.conversation_id = {id} AND r.seq > {after}{seen} ORDER BY r.seq LIMIT {rows}"
        );
        let created = self.rows(created, params.clone()).await?;
        let revised = self.rows(revised, params).await?;
        let mut events = created.iter().map(row::creation).collect::<Result<Vec<_>, _>>()?;
        for row in &revised {
            events.push(row::revision(row)?);
        }
        events.sort_by_key(|event| event.seq);
        // Two reads are two moments: what the second saw beyond a hole of the first is left for the next call.
        let mut last = None;
        let whole = events
            .iter()
            .take_while(|event| {
                let prev = match side {
                    Side::Buyer => event.buyer_prev_seq,
                    Side::Shop => Seq::new(event.seq.get() - 1).unwrap_or(Seq::ZERO),
                };
                let follows = last.map_or(prev <= after_seq, |last| prev == last);
                last = Some(event.seq);
                follows
            })
            .count();
        events.truncate(whole.min(limit as usize));
        Ok(events)
    }
}

pub(crate) fn messages_sql(params: &mut Params, keys: &[(ConversationId, Seq)]) -> String {
    let rows = params.rows(keys.iter().map(|(id, seq)| vec![id.get().into(), seq.get().into()]));
    format!(
        "SELECT {MESSAGE} FROM (VALUES {rows}) AS k
         JOIN message m ON m.conversation_id = k.column1 AND m.seq = k.column2 {LATEST_REVISION}"
    )
}
