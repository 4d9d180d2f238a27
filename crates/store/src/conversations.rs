//! Conversations, always within a caller's scope.

use std::collections::HashMap;

use deskwire_protocol::{ConversationId, Seq, ShopId, Timestamp, UserId, conversation::ConversationStatus};
use sea_orm::ConnectionTrait;

use crate::{
    ConversationRecord, Head, Scope, Side, Store, StoreError,
    row::{self, CONVERSATION, PEOPLE},
    sql::Params,
};

/// Which conversations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationQuery {
    /// Only these.
    pub status: Option<ConversationStatus>,
    /// The last row of the page before.
    pub after: Option<(Timestamp, ConversationId)>,
    /// Rows.
    pub limit: u32,
}

/// In the index of conversations, the status comes before the time.
const EVERY_STATUS: [ConversationStatus; 2] = [ConversationStatus::Open, ConversationStatus::Closed];

fn buyer_of(scope: &Scope) -> (ShopId, UserId) {
    (scope.shop_id.clone(), scope.user_id.clone())
}

/// The condition that keeps a query inside its scope.
fn within(scope: &Scope, params: &mut Params) -> String {
    let shop = params.push(scope.shop_id.as_str());
    match scope.side() {
        Side::Shop => format!("c.shop_id = {shop}"),
        Side::Buyer => format!("c.shop_id = {shop} AND c.buyer_id = {}", params.push(scope.user_id.as_str())),
    }
}

impl Store {
    /// The buyer's conversation with the shop; made under `candidate` if there is none.
    pub async fn open_conversation(
        &self,
        scope: &Scope,
        candidate: ConversationId,
        now: Timestamp,
    ) -> Result<ConversationRecord, StoreError> {
        let opened = self.open_conversations(&[(scope.clone(), candidate)], now).await?.pop();
        opened.flatten().ok_or(StoreError::Collision)
    }

    /// The same for many at once; none where the candidate itself was taken, by another conversation.
    pub async fn open_conversations(
        &self,
        openings: &[(Scope, ConversationId)],
        now: Timestamp,
    ) -> Result<Vec<Option<ConversationRecord>>, StoreError> {
        let scopes: Vec<&Scope> = openings.iter().map(|(scope, _)| scope).collect();
        let mut found = self.conversations_of(&scopes).await?;
        let new: Vec<_> =
            openings.iter().filter(|(scope, _)| !found.contains_key(&buyer_of(scope))).collect();
        for new in new.chunks(crate::sql::ROWS) {
            let mut params = self.params();
            let rows = params.filled_up(new).map(|(scope, candidate)| {
                vec![
                    candidate.get().into(),
                    scope.shop_id.as_str().into(),
                    scope.user_id.as_str().into(),
                    now.millis().into(),
                ]
            });
            let rows = params.table("v", rows);
            let sql = format!(
                "INSERT INTO conversation (conversation_id, shop_id, buyer_id, status, tags, last_seq, buyer_last_seq,
                     buyer_read_seq, shop_read_seq, buyer_unread, shop_unread, latest_message_seq,
                     buyer_latest_message_seq, create_time, update_time)
                 SELECT v.column1, v.column2, v.column3, 'OPEN', '[]', 0, 0, 0, 0, 0, 0, 0, 0, v.column4, v.column4
                 FROM {rows} WHERE true ON CONFLICT DO NOTHING"
            );
            self.writing().execute_raw(self.statement(sql, params.values)).await?;
            // Whoever came first made it; none there means that the number itself was taken.
            let made: Vec<&Scope> = new.iter().map(|(scope, _)| scope).collect();
            found.extend(self.conversations_of(&made).await?);
        }
        Ok(openings.iter().map(|(scope, _)| found.get(&buyer_of(scope)).cloned()).collect())
    }

    async fn conversations_of(
        &self,
        scopes: &[&Scope],
    ) -> Result<HashMap<(ShopId, UserId), ConversationRecord>, StoreError> {
        let mut found = HashMap::with_capacity(scopes.len());
        for scopes in scopes.chunks(crate::sql::ROWS) {
            let mut params = self.params();
            let keys = params
                .filled_up(scopes)
                .map(|scope| vec![scope.shop_id.as_str().into(), scope.user_id.as_str().into()]);
            let keys = params.table("k", keys);
            let sql = format!(
                "SELECT {CONVERSATION} FROM {keys}
                 JOIN conversation c ON c.shop_id = k.column1 AND c.buyer_id = k.column2 {PEOPLE}"
            );
            for row in self.rows(sql, params).await? {
                let record = row::conversation(&row)?;
                found.insert((record.shop_id.clone(), record.buyer.user_id.clone()), record);
            }
        }
        Ok(found)
    }

    /// One conversation, if it is the caller's.
    pub async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Option<ConversationRecord>, StoreError> {
        let mut params = self.params();
        let condition =
            format!("{} AND c.conversation_id = {}", within(scope, &mut params), params.push(id.get()));
        Ok(self.select(&condition, params).await?.pop())
    }

    /// The caller's conversations, latest change first.
    pub async fn conversations(
        &self,
        scope: &Scope,
        query: &ConversationQuery,
    ) -> Result<Vec<ConversationRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = within(scope, &mut params);
        if let Some((time, id)) = query.after {
            let (time, id) = (params.push(time.millis()), params.push(id.get()));
            condition += &format!(" AND (c.update_time, c.conversation_id) < ({time}, {id})");
        }
        let order = "c.update_time DESC, c.conversation_id DESC";
        let statuses = query.status.as_ref().map_or(&EVERY_STATUS[..], std::slice::from_ref);
        self.select_by_time(&condition, statuses, order, query.limit, params).await
    }

    /// The caller's conversations that changed after a place, oldest change first.
    pub async fn conversations_changed(
        &self,
        scope: &Scope,
        after: (Timestamp, i64),
        limit: u32,
    ) -> Result<Vec<ConversationRecord>, StoreError> {
        let mut params = self.params();
        let mut condition = within(scope, &mut params);
        let (time, id) = (params.push(after.0.millis()), params.push(after.1));
        condition += &format!(" AND (c.update_time, c.conversation_id) > ({time}, {id})");
        let order = "c.update_time, c.conversation_id";
        self.select_by_time(&condition, &EVERY_STATUS, order, limit, params).await
    }

    /// Each status has its own run of the index, in the order of time: as many rows of each are read, and then merged.
    async fn select_by_time(
        &self,
        condition: &str,
        statuses: &[ConversationStatus],
        order: &str,
        limit: u32,
        mut params: Params,
    ) -> Result<Vec<ConversationRecord>, StoreError> {
        let limit = params.push(i64::from(limit));
        let mut runs = Vec::with_capacity(statuses.len());
        for status in statuses {
            let status = params.push(row::wire_word(status)?);
            runs.push(format!(
                "SELECT * FROM (SELECT c.* FROM conversation c WHERE {condition} AND c.status = {status}
                     ORDER BY {order} LIMIT {limit}) AS run"
            ));
        }
        let sql = format!(
            "SELECT {CONVERSATION} FROM ({}) AS c {PEOPLE} ORDER BY {order} LIMIT {limit}",
            runs.join(" UNION ALL ")
        );
        let rows = self.rows(sql, params).await?;
        rows.iter().map(row::conversation).collect()
    }

    /// Conversations by number. The server's own view, for those whose scope is known already.
    pub async fn conversations_by_id(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<ConversationRecord>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(crate::sql::ROWS) {
            let mut params = self.params();
            let one_of = params.one_of(params.filled_up(ids).map(|id| id.get().into()));
            found.extend(self.select(&format!("c.conversation_id {one_of}"), params).await?);
        }
        Ok(found)
    }

    /// Where the sequences of these conversations stand.
    pub async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<Head>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(crate::sql::ROWS) {
            let mut params = self.params();
            let one_of = params.one_of(params.filled_up(ids).map(|id| id.get().into()));
            found.extend(self.select_heads(&format!("conversation_id {one_of}"), params).await?);
        }
        Ok(found)
    }

    /// Where the sequences stand of the conversations of these shops that changed since a time.
    pub async fn heads_changed_since(
        &self,
        shops: &[ShopId],
        since: Timestamp,
    ) -> Result<Vec<Head>, StoreError> {
        let mut found = Vec::new();
        for shops in shops.chunks(crate::sql::ROWS) {
            let mut params = self.params();
            let one_of = params.one_of(params.filled_up(shops).map(|shop| shop.as_str().into()));
            let mut statuses = Vec::with_capacity(EVERY_STATUS.len());
            for status in &EVERY_STATUS {
                statuses.push(params.push(row::wire_word(status)?));
            }
            let condition = format!(
                "shop_id {one_of} AND status IN ({}) AND update_time >= {}",
                statuses.join(","),
                params.push(since.millis())
            );
            found.extend(self.select_heads(&condition, params).await?);
        }
        Ok(found)
    }

    async fn select(&self, condition: &str, params: Params) -> Result<Vec<ConversationRecord>, StoreError> {
        let sql = format!("SELECT {CONVERSATION} FROM conversation c {PEOPLE} WHERE {condition}");
        let rows = self.rows(sql, params).await?;
        rows.iter().map(row::conversation).collect()
    }

    async fn select_heads(&self, condition: &str, params: Params) -> Result<Vec<Head>, StoreError> {
        let sql =
            format!("SELECT conversation_id, last_seq, buyer_last_seq FROM conversation WHERE {condition}");
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                let seq = |column| -> Result<Seq, StoreError> { row::seq(row, "conversation", column) };
                Ok(Head {
                    conversation_id: row::conversation_id(row, "conversation")?,
                    last_seq: seq("last_seq")?,
                    buyer_last_seq: seq("buyer_last_seq")?,
                })
            })
            .collect()
    }
}
