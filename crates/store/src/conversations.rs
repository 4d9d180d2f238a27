//! Conversations, always within a caller's scope.

use deskwire_protocol::{ConversationId, Seq, ShopId, Timestamp, conversation::ConversationStatus};
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
        if let Some(record) = self.conversation_of(scope).await? {
            return Ok(record);
        }
        let mut params = self.params();
        let id = params.push(candidate.get());
        let shop = params.push(scope.shop_id.as_str());
        let buyer = params.push(scope.user_id.as_str());
        let now = params.push(now.millis());
        let sql = format!(
            "INSERT INTO conversation (conversation_id, shop_id, buyer_id, status, tags, last_seq, buyer_last_seq,
                 buyer_read_seq, shop_read_seq, buyer_unread, shop_unread, latest_message_seq,
                 buyer_latest_message_seq, create_time, update_time)
             VALUES ({id}, {shop}, {buyer}, 'OPEN', '[]', 0, 0, 0, 0, 0, 0, 0, 0, {now}, {now})
             ON CONFLICT DO NOTHING"
        );
        self.writing().execute_raw(self.statement(sql, params.values)).await?;
        // Whoever came first made it; none there means that the number itself was taken.
        self.conversation_of(scope).await?.ok_or(StoreError::Collision)
    }

    async fn conversation_of(&self, scope: &Scope) -> Result<Option<ConversationRecord>, StoreError> {
        let mut params = self.params();
        let condition = format!(
            "c.shop_id = {} AND c.buyer_id = {}",
            params.push(scope.shop_id.as_str()),
            params.push(scope.user_id.as_str())
        );
        Ok(self.select(&condition, params).await?.pop())
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
