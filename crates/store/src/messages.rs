//! Messages and the events of a conversation's sequence. Callers have checked that the conversation is theirs.

use deskwire_protocol::{ConversationId, Seq};
use sea_orm::QueryResult;

use crate::{
    EventRecord, MessageRecord, SendKey, SentRecord, Side, Store, StoreError,
    row::{self, LATEST_REVISION, MESSAGE, MESSAGE_AS_SENT},
    sql::{Params, ROWS, filled_up},
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
        let place = EventsAfter { conversation_id: id, side, after_seq };
        Ok(self.events_after(&[place], limit).await?.pop().unwrap_or_default())
    }

    /// The same after several places in one go: for each, in their order, at most `limit` events.
    pub async fn events_after(
        &self,
        places: &[EventsAfter],
        limit: u32,
    ) -> Result<Vec<Vec<EventRecord>>, StoreError> {
        let mut found = Vec::with_capacity(places.len());
        for places in places.chunks(PLACES) {
            let mut events = vec![Vec::new(); places.len()];
            let (sql, params) = self.after_each(places, limit, &created_after);
            for row in &self.rows(sql, params).await? {
                place_of(row, &mut events)?.push(row::creation(row)?);
            }
            let (sql, params) = self.after_each(places, limit, &revised_after);
            for row in &self.rows(sql, params).await? {
                place_of(row, &mut events)?.push(row::revision(row)?);
            }
            for (place, events) in places.iter().zip(&mut events) {
                events.sort_by_key(|event| event.seq);
                events.truncate(place.whole(events).min(limit as usize));
            }
            found.extend(events);
        }
        Ok(found)
    }

    /// One statement for all places. Those that fill it up to a number for which one may be prepared ask for no rows.
    fn after_each(
        &self,
        places: &[EventsAfter],
        limit: u32,
        select: &dyn Fn(&Bounds) -> String,
    ) -> (String, Params) {
        let mut params = self.params();
        let mut sql = String::new();
        for (number, place) in filled_up(places).enumerate() {
            let rows = if number < places.len() { i64::from(limit) } else { 0 };
            let bounds = Bounds {
                id: params.push(place.conversation_id.get()),
                after: params.push(place.after_seq.get()),
                sees_all: params.push(place.side == Side::Shop),
                rows: params.push(rows),
            };
            let union = if number == 0 { "" } else { " UNION ALL " };
            sql += &format!(
                "{union}SELECT CAST({number} AS bigint) AS place, e.* FROM ({}) AS e",
                select(&bounds)
            );
        }
        (sql, params)
    }
}

/// Whose events to read, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventsAfter {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// Those that this side may see.
    pub side: Side,
    /// Those after this one.
    pub after_seq: Seq,
}

impl EventsAfter {
    /// How many of these follow each other. Two reads are two moments: what the second saw beyond a hole of the first is
    /// left for the next call.
    fn whole(&self, events: &[EventRecord]) -> usize {
        let mut last = None;
        let follows = |event: &&EventRecord| {
            let prev = match self.side {
                Side::Buyer => event.buyer_prev_seq,
                Side::Shop => Seq::new(event.seq.get() - 1).unwrap_or(Seq::ZERO),
            };
            let follows = last.map_or(prev <= self.after_seq, |last| prev == last);
            last = Some(event.seq);
            follows
        };
        events.iter().take_while(follows).count()
    }
}

/// Places whose events one statement reads: below the 500 parts that `SQLite` takes, and no more than is well to have in
/// memory at once.
const PLACES: usize = 16;

/// The placeholders of one place.
struct Bounds {
    id: String,
    after: String,
    sees_all: String,
    rows: String,
}

fn created_after(Bounds { id, after, sees_all, rows }: &Bounds) -> String {
    format!(
        "SELECT {MESSAGE_AS_SENT} FROM message m
         WHERE m.conversation_id = {id} AND m.seq > {after} AND ({sees_all} OR m.visibility = 'ALL')
         ORDER BY m.seq LIMIT {rows}"
    )
}

fn revised_after(Bounds { id, after, sees_all, rows }: &Bounds) -> String {
    format!(
        "SELECT m.conversation_id, m.seq, m.buyer_prev_seq, m.sender_role, m.sender_id, m.sender_name,
             m.client_message_id, r.content, m.visibility, r.revision, r.recalled, m.create_time,
             r.seq AS event_seq, r.buyer_prev_seq AS event_buyer_prev_seq
         FROM message_revision r JOIN message m ON m.conversation_id = r.conversation_id AND m.seq = r.message_seq
         WHERE r.conversation_id = {id} AND r.seq > {after} AND ({sees_all} OR m.visibility = 'ALL')
         ORDER BY r.seq LIMIT {rows}"
    )
}

/// The events of the place that a row belongs to.
fn place_of<'e>(
    row: &QueryResult,
    events: &'e mut [Vec<EventRecord>],
) -> Result<&'e mut Vec<EventRecord>, StoreError> {
    let place: i64 = row::get(row, "place")?;
    usize::try_from(place)
        .ok()
        .and_then(|place| events.get_mut(place))
        .ok_or_else(|| StoreError::corrupt("message", "a row of no place that was asked for"))
}

pub(crate) fn messages_sql(params: &mut Params, keys: &[(ConversationId, Seq)]) -> String {
    let keys = params.table("k", keys.iter().map(|(id, seq)| vec![id.get().into(), seq.get().into()]));
    format!(
        "SELECT {MESSAGE} FROM {keys}
         JOIN message m ON m.conversation_id = k.column1 AND m.seq = k.column2 {LATEST_REVISION}"
    )
}
