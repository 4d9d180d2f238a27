//! Many commands in one transaction: load under locks, ask the rules, write what they answer.

use std::collections::HashMap;

use deskwire_protocol::{
    ClientMessageId, ConversationId, ParticipantRole, Person, Seq, ShopId, Timestamp, UserId,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Value};

use crate::{
    AuditRecord, Bug, CardRecord, ConversationRecord, EventRecord, MessageRecord, Side, Store, StoreError,
    messages::messages_sql,
    row::{self, CONVERSATION, PEOPLE},
    sql::{Params, ROWS},
};

/// By what a send is known again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SendKey {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// In which role.
    pub role: ParticipantRole,
    /// By whom.
    pub user_id: UserId,
    /// As the sender chose.
    pub client_message_id: ClientMessageId,
}

/// An earlier send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentRecord {
    /// Its place.
    pub seq: Seq,
    /// When it was taken.
    pub create_time: Timestamp,
}

/// What must be loaded to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Locked and read, in this order: ascending, so that two nodes never wait for each other.
    pub conversations: Vec<ConversationId>,
    /// Whether these were sent before.
    pub sends: Vec<SendKey>,
    /// Messages in their latest revision.
    pub messages: Vec<(ConversationId, Seq)>,
    /// How many messages after a place count as unread for a side.
    pub unread_after: Vec<(ConversationId, Side, Seq)>,
    /// Agents by id.
    pub agents: Vec<(ShopId, UserId)>,
    /// At which version of their things these cards were rendered last.
    pub cards: Vec<(ConversationId, Seq)>,
}

/// What was loaded; what does not exist is left out.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Locked until the commit.
    pub conversations: HashMap<ConversationId, ConversationRecord>,
    /// Sent before; empty at the first try, which takes every send for new.
    pub sent: HashMap<SendKey, SentRecord>,
    /// In their latest revision.
    pub messages: HashMap<(ConversationId, Seq), MessageRecord>,
    /// Counts.
    pub unread: HashMap<(ConversationId, Side, Seq), u32>,
    /// Agents.
    pub agents: HashMap<(ShopId, UserId), Person>,
    /// Versions.
    pub cards: HashMap<(ConversationId, Seq), i64>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whole new states.
    pub conversations: Vec<ConversationRecord>,
    /// Created.
    pub messages: Vec<MessageRecord>,
    /// Revised; each message is told its latest revision.
    pub revisions: Vec<EventRecord>,
    /// Cards, sent or rendered again, and the version of their thing that they show.
    pub cards: Vec<CardRecord>,
    /// Who did what to which of a shop's cards.
    pub audit: Vec<(ShopId, AuditRecord)>,
}

/// How it is found out whether a send was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sends {
    /// By writing it.
    TakenForNew,
    /// By its key, before it is decided.
    LookedUp,
}

/// What came of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    All,
    /// Some send that was taken for new was there before.
    SentBefore,
}

impl Store {
    /// Loads what is needed under its locks, asks `decide`, writes what it answers and commits. When this returns
    /// `Ok`, all of it is durable; when `Err`, none of it is known to be.
    ///
    /// Nearly every send is the first of its key. So sends are not looked up but written. Only when the database has one
    /// of them already, or when `decide` makes no message of one (a resend that would now be refused must get its first
    /// answer), is all of it undone, looked up and decided again: `decide` may be called twice.
    pub async fn commit<R: Send>(
        &self,
        needs: &Needs,
        decide: impl Fn(Loaded) -> (Changes, R) + Send + Sync,
    ) -> Result<R, StoreError> {
        if let Some(answer) = self.try_commit(needs, Sends::TakenForNew, &decide).await? {
            return Ok(answer);
        }
        let answer = self.try_commit(needs, Sends::LookedUp, &decide).await?;
        answer.ok_or_else(|| StoreError::corrupt("message", "a message was not written"))
    }

    /// None when a send that was taken for new may not be; nothing is written then.
    async fn try_commit<R: Send>(
        &self,
        needs: &Needs,
        sends: Sends,
        decide: &(impl Fn(Loaded) -> (Changes, R) + Send + Sync),
    ) -> Result<Option<R>, StoreError> {
        let mut transaction = self.begin().await?;
        let loaded = self.load(&transaction, needs, sends).await?;
        if self.planted().has(Bug::SequenceOutsideTransaction) {
            transaction.rollback().await?;
            transaction = self.begin().await?;
        }
        let (changes, answer) = decide(loaded);
        self.planted().hold_open(Bug::AcknowledgeBeforeCommit).await;
        let sent = changes.messages.iter().filter(|message| message.client_message_id.is_some()).count();
        let are_new = sends == Sends::LookedUp || sent == needs.sends.len();
        if are_new && self.write(&transaction, &changes, sends).await? == Written::All {
            transaction.commit().await?;
            return Ok(Some(answer));
        }
        transaction.rollback().await?;
        Ok(None)
    }

    async fn load(
        &self,
        transaction: &DatabaseTransaction,
        needs: &Needs,
        sends: Sends,
    ) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        for ids in needs.conversations.chunks(ROWS) {
            let mut params = self.params();
            let one_of = params.one_of(params.filled_up(ids).map(|id| id.get().into()));
            let lock = match self.backend() {
                DbBackend::Postgres => "ORDER BY conversation_id FOR UPDATE",
                _ => "",
            };
            // Locked first, joined then: a row that was waited for has changed, and its assignee may be another.
            let sql = format!(
                "SELECT {CONVERSATION} FROM (
                     SELECT * FROM conversation WHERE conversation_id {one_of} {lock}
                 ) AS c {PEOPLE}"
            );
            for row in self.within(transaction, sql, params).await? {
                let record = row::conversation(&row)?;
                loaded.conversations.insert(record.conversation_id, record);
            }
        }
        if sends == Sends::LookedUp {
            for keys in needs.sends.chunks(ROWS) {
                self.load_sent(transaction, keys, &mut loaded).await?;
            }
        }
        for keys in needs.messages.chunks(ROWS) {
            let mut params = self.params();
            let sql = messages_sql(&mut params, keys);
            for row in self.within(transaction, sql, params).await? {
                let message = row::message(&row)?;
                loaded.messages.insert((message.conversation_id, message.seq), message);
            }
        }
        for keys in needs.unread_after.chunks(ROWS) {
            self.load_unread(transaction, keys, &mut loaded).await?;
        }
        self.load_card_versions(transaction, &needs.cards, &mut loaded).await?;
        for keys in needs.agents.chunks(ROWS) {
            let mut params = self.params();
            let keys = keys.iter().map(|(shop, user)| vec![shop.as_str().into(), user.as_str().into()]);
            let keys = params.table("k", keys);
            let sql = format!(
                "SELECT a.shop_id, a.user_id, a.name, a.avatar FROM {keys}
                 JOIN agent a ON a.shop_id = k.column1 AND a.user_id = k.column2"
            );
            for row in self.within(transaction, sql, params).await? {
                let person = Person {
                    user_id: row::user_id(&row, "agent", "user_id")?,
                    name: row::get(&row, "name")?,
                    avatar: row::get(&row, "avatar")?,
                };
                loaded.agents.insert((row::shop_id(&row, "agent")?, person.user_id.clone()), person);
            }
        }
        Ok(loaded)
    }

    async fn load_sent(
        &self,
        transaction: &DatabaseTransaction,
        keys: &[SendKey],
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let mut params = self.params();
        let mut wanted = Vec::with_capacity(keys.len());
        for (index, key) in params.filled_up(keys).enumerate() {
            wanted.push(vec![
                Value::from(i64::try_from(index).unwrap_or(i64::MAX)),
                key.conversation_id.get().into(),
                row::wire_word(&key.role)?.into(),
                key.user_id.as_str().into(),
                key.client_message_id.as_str().into(),
            ]);
        }
        let wanted = params.table("k", wanted.into_iter());
        let sql = format!(
            "SELECT k.column1 AS place, m.seq, m.create_time FROM {wanted}
             JOIN message m ON m.conversation_id = k.column2 AND m.sender_role = k.column3
                 AND m.sender_id = k.column4 AND m.client_message_id = k.column5"
        );
        for row in self.within(transaction, sql, params).await? {
            let place: i64 = row::get(&row, "place")?;
            let sent = SentRecord {
                seq: row::seq(&row, "message", "seq")?,
                create_time: row::time(&row, "create_time")?,
            };
            if let Some(key) = usize::try_from(place).ok().and_then(|place| keys.get(place)) {
                loaded.sent.insert(key.clone(), sent);
            }
        }
        Ok(())
    }

    async fn load_unread(
        &self,
        transaction: &DatabaseTransaction,
        keys: &[(ConversationId, Side, Seq)],
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let mut params = self.params();
        let keys_asked = params.table(
            "k",
            keys.iter().enumerate().map(|(index, (id, side, seq))| {
                let side = match side {
                    Side::Buyer => "BUYER",
                    Side::Shop => "SHOP",
                };
                let index = i64::try_from(index).unwrap_or(i64::MAX);
                vec![index.into(), id.get().into(), side.into(), seq.get().into()]
            }),
        );
        let sql = format!(
            "SELECT k.column1 AS place, count(m.seq) AS unread FROM {keys_asked}
             LEFT JOIN message m ON m.conversation_id = k.column2 AND m.seq > k.column4
                 AND NOT m.recalled AND m.visibility = 'ALL'
                 AND ((k.column3 = 'SHOP' AND m.sender_role = 'BUYER')
                     OR (k.column3 = 'BUYER' AND m.sender_role IN ('CUSTOMER_SERVICE', 'ROBOT')))
             GROUP BY k.column1"
        );
        for row in self.within(transaction, sql, params).await? {
            let place: i64 = row::get(&row, "place")?;
            let unread: i64 = row::get(&row, "unread")?;
            if let Some(key) = usize::try_from(place).ok().and_then(|place| keys.get(place)) {
                loaded.unread.insert(*key, u32::try_from(unread).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }

    async fn within(
        &self,
        transaction: &DatabaseTransaction,
        sql: String,
        params: Params,
    ) -> Result<Vec<QueryResult>, StoreError> {
        Ok(transaction.query_all_raw(self.statement(sql, params.values)).await?)
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        changes: &Changes,
        sends: Sends,
    ) -> Result<Written, StoreError> {
        let or_else = match sends {
            Sends::TakenForNew => "ON CONFLICT DO NOTHING",
            Sends::LookedUp => "",
        };
        for messages in changes.messages.chunks(ROWS) {
            let mut params = self.params();
            let mut rows = Vec::with_capacity(messages.len());
            for (place, message) in params.filled_up(messages).enumerate() {
                // What only fills up has no place in the sequence, and is left out.
                let seq = (place < messages.len()).then_some(message.seq.get());
                rows.push(vec![
                    message.conversation_id.get().into(),
                    seq.into(),
                    message.buyer_prev_seq.get().into(),
                    row::wire_word(&message.sender.role)?.into(),
                    message.sender.user_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                    message.sender.name.as_str().into(),
                    message.client_message_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                    row::to_json(&message.content)?.into(),
                    row::wire_word(&message.visibility)?.into(),
                    message.recalled.into(),
                    message.create_time.millis().into(),
                ]);
            }
            let rows = params.table("v", rows.into_iter());
            let sql = format!(
                "INSERT INTO message (conversation_id, seq, buyer_prev_seq, sender_role, sender_id, sender_name,
                     client_message_id, content, visibility, recalled, create_time)
                 SELECT * FROM {rows} WHERE v.column2 IS NOT NULL {or_else}"
            );
            let inserted = transaction.execute_raw(self.statement(sql, params.values)).await?;
            if inserted.rows_affected() < messages.len() as u64 {
                return Ok(Written::SentBefore);
            }
        }
        let live_only = self.planted().has(Bug::EditSentLiveOnly);
        for revisions in changes.revisions.chunks(ROWS).filter(|_| !live_only) {
            self.write_revisions(transaction, revisions).await?;
        }
        self.write_cards(transaction, &changes.cards).await?;
        for (shop_id, record) in &changes.audit {
            self.write_audit(transaction, shop_id, std::slice::from_ref(record)).await?;
        }
        for conversations in changes.conversations.chunks(ROWS) {
            let mut params = self.params();
            let mut rows = Vec::with_capacity(conversations.len());
            for record in params.filled_up(conversations) {
                rows.push(vec![
                    record.conversation_id.get().into(),
                    row::wire_word(&record.status)?.into(),
                    record.assignee.as_ref().map(|person| person.user_id.as_str().to_owned()).into(),
                    row::to_json(&record.tags)?.into(),
                    record.last_seq.get().into(),
                    record.buyer_last_seq.get().into(),
                    record.buyer_read_seq.get().into(),
                    record.shop_read_seq.get().into(),
                    i64::from(record.buyer_unread).into(),
                    i64::from(record.shop_unread).into(),
                    record.latest_message_seq.get().into(),
                    record.buyer_latest_message_seq.get().into(),
                    record.update_time.millis().into(),
                ]);
            }
            let rows = params.table("v", rows.into_iter());
            let sql = format!(
                "UPDATE conversation SET status = v.column2, assignee_id = v.column3, tags = v.column4,
                     last_seq = v.column5, buyer_last_seq = v.column6, buyer_read_seq = v.column7,
                     shop_read_seq = v.column8, buyer_unread = v.column9, shop_unread = v.column10,
                     latest_message_seq = v.column11, buyer_latest_message_seq = v.column12, update_time = v.column13
                 FROM {rows} WHERE conversation.conversation_id = v.column1"
            );
            transaction.execute_raw(self.statement(sql, params.values)).await?;
        }
        Ok(Written::All)
    }

    async fn write_revisions(
        &self,
        transaction: &DatabaseTransaction,
        revisions: &[EventRecord],
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(revisions.len());
        for event in revisions {
            rows.push(vec![
                event.message.conversation_id.get().into(),
                event.seq.get().into(),
                event.message.seq.get().into(),
                event.buyer_prev_seq.get().into(),
                i64::from(event.message.revision).into(),
                event.message.recalled.into(),
                row::to_json(&event.message.content)?.into(),
                event.message.create_time.millis().into(),
            ]);
        }
        let mut params = self.params();
        let rows = params.table("v", rows.into_iter());
        let sql = format!(
            "INSERT INTO message_revision (conversation_id, seq, message_seq, buyer_prev_seq, revision, recalled,
                 content, create_time) SELECT * FROM {rows}"
        );
        transaction.execute_raw(self.statement(sql, params.values)).await?;

        // Two revisions of one message in a batch: the later one stands.
        let mut latest: HashMap<(i64, i64), (i64, bool)> = HashMap::new();
        for event in revisions {
            let key = (event.message.conversation_id.get(), event.message.seq.get());
            let newest = latest.entry(key).or_insert((0, false));
            if event.seq.get() > newest.0 {
                *newest = (event.seq.get(), event.message.recalled);
            }
        }
        let mut params = self.params();
        let latest = latest.into_iter().map(|((id, seq), (revision_seq, recalled))| {
            vec![id.into(), seq.into(), revision_seq.into(), recalled.into()]
        });
        let rows = params.table("v", latest);
        let sql = format!(
            "UPDATE message SET revision_seq = v.column3, recalled = v.column4
             FROM {rows} WHERE message.conversation_id = v.column1 AND message.seq = v.column2"
        );
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        Ok(())
    }
}
