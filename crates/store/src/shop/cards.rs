//! Which messages show which things, whose cards are to be rendered again, and which messages are still owed.

use std::collections::BTreeMap;

use deskwire_protocol::{ClientMessageId, ConversationId, Seq, ShopId, Timestamp, UserId, card::CardKind};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::record::{CardPlace, CardRecord, CardRefresh, PostRecord, ShownCard, Subject};
use crate::{
    Loaded, Store, StoreError,
    row::{self, LATEST_REVISION, MESSAGE},
    sql::{Params, ROWS},
};

/// Messages that are owed.
const POSTS: &str = "card_post";

/// Where the version of each kind of thing is, in [`mark_order`].
const VERSIONS: [(&str, &str, &str); 3] = [
    ("COUPON", "coupon", "coupon_id"),
    ("ORDER", "shop_order", "order_id"),
    ("PRODUCT", "product", "product_id"),
];

/// What becomes of a mark that is there already: the sooner time stands, and a pass under way, which may not have seen
/// what is marked, learns by the generation that it is not the last.
pub(super) const SOONER: &str = "ON CONFLICT (shop_id, subject_kind, subject_id) DO UPDATE SET
     due_time = CASE WHEN excluded.due_time < card_refresh.due_time
         THEN excluded.due_time ELSE card_refresh.due_time END,
     generation = card_refresh.generation + 1";

/// The one order in which marks of several things are written: two who mark the same never wait for each other.
pub(super) fn mark_order<'a>(shop_id: &'a ShopId, subject: &'a Subject) -> (&'static str, &'a str, &'a str) {
    (subject.kind(), shop_id.as_str(), subject.id())
}

impl Store {
    pub(crate) async fn load_card_versions(
        &self,
        transaction: &DatabaseTransaction,
        keys: &[(ConversationId, Seq)],
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        for keys in keys.chunks(ROWS) {
            let mut params = self.params();
            let rows = params.rows(keys.iter().map(|(id, seq)| vec![id.get().into(), seq.get().into()]));
            let sql = format!(
                "SELECT c.conversation_id, c.message_seq, c.version FROM (VALUES {rows}) AS k
                 JOIN card c ON c.conversation_id = k.column1 AND c.message_seq = k.column2"
            );
            for row in transaction.query_all_raw(self.statement(sql, params.values)).await? {
                let key = (row::conversation_id(&row, "card")?, row::seq(&row, "card", "message_seq")?);
                loaded.cards.insert(key, row::get(&row, "version")?);
            }
        }
        Ok(())
    }

    /// Notes the cards. A card is marked to be rendered again where its thing has changed since it was rendered, and for
    /// the moment at which it looks different by time alone.
    pub(crate) async fn write_cards(
        &self,
        transaction: &DatabaseTransaction,
        cards: &[CardRecord],
    ) -> Result<(), StoreError> {
        // Of several renderings in one batch the last one stands.
        let latest: BTreeMap<CardPlace, &CardRecord> = cards.iter().map(|card| (card.place, card)).collect();
        let mut cards: Vec<&CardRecord> = latest.into_values().collect();
        for cards in cards.chunks(ROWS) {
            let mut params = self.params();
            let rows = params.rows(cards.iter().map(|card| {
                vec![
                    card.shop_id.as_str().into(),
                    card.subject.kind().into(),
                    card.subject.id().into(),
                    card.place.conversation_id.get().into(),
                    card.place.message_seq.get().into(),
                    card.version.into(),
                ]
            }));
            let sql = format!(
                "INSERT INTO card (shop_id, subject_kind, subject_id, conversation_id, message_seq, version)
                 VALUES {rows}
                 ON CONFLICT (shop_id, subject_kind, subject_id, conversation_id, message_seq)
                 DO UPDATE SET version = excluded.version"
            );
            transaction.execute_raw(self.statement(sql, params.values)).await?;
        }
        cards.sort_by(|a, b| mark_order(&a.shop_id, &a.subject).cmp(&mark_order(&b.shop_id, &b.subject)));
        for (kind, table, column) in VERSIONS {
            let of_kind: Vec<_> = cards.iter().filter(|card| card.subject.kind() == kind).collect();
            for cards in of_kind.chunks(ROWS) {
                let mut params = self.params();
                let rows = params.rows(cards.iter().map(|card| {
                    vec![
                        card.shop_id.as_str().into(),
                        card.subject.id().into(),
                        card.version.into(),
                        card.next_change.map(Timestamp::millis).into(),
                    ]
                }));
                let sql = format!(
                    "INSERT INTO card_refresh (shop_id, subject_kind, subject_id, due_time, generation)
                     SELECT t.shop_id, '{kind}', t.{column},
                         min(CASE WHEN t.version > k.column3 THEN 0 ELSE k.column4 END), 1
                     FROM (VALUES {rows}) AS k
                     JOIN {table} t ON t.shop_id = k.column1 AND t.{column} = k.column2
                     WHERE t.version > k.column3 OR k.column4 IS NOT NULL
                     GROUP BY t.shop_id, t.{column} ORDER BY t.shop_id, t.{column}
                     {SOONER}"
                );
                transaction.execute_raw(self.statement(sql, params.values)).await?;
            }
        }
        Ok(())
    }

    /// Messages that show a thing, in order of conversation and place, after `after`, each with whom it is shown to.
    pub async fn shown_cards(
        &self,
        shop_id: &ShopId,
        subject: &Subject,
        after: Option<CardPlace>,
        limit: u32,
    ) -> Result<Vec<ShownCard>, StoreError> {
        let mut params = self.params();
        let mut condition = showing(&mut params, shop_id, subject);
        if let Some(CardPlace { conversation_id, message_seq }) = after {
            let (id, seq) = (params.push(conversation_id.get()), params.push(message_seq.get()));
            condition += &format!(" AND (k.conversation_id, k.message_seq) > ({id}, {seq})");
        }
        self.select_shown(condition, params, limit).await
    }

    /// Those of them that this buyer sees, the newest `limit`.
    pub async fn shown_cards_of_buyer(
        &self,
        shop_id: &ShopId,
        subject: &Subject,
        buyer_id: &UserId,
        limit: u32,
    ) -> Result<Vec<ShownCard>, StoreError> {
        let mut params = self.params();
        let mut condition = showing(&mut params, shop_id, subject);
        // One conversation per buyer and shop: its number is found first, so that only its cards are read.
        condition += &format!(
            " AND k.conversation_id = (SELECT conversation_id FROM conversation WHERE shop_id = {} AND buyer_id = {})",
            params.push(shop_id.as_str()),
            params.push(buyer_id.as_str())
        );
        self.select_shown(condition, params, limit).await
    }

    async fn select_shown(
        &self,
        condition: String,
        params: Params,
        limit: u32,
    ) -> Result<Vec<ShownCard>, StoreError> {
        let sql = format!(
            "SELECT {MESSAGE}, v.buyer_id, b.locale FROM card k
             JOIN message m ON m.conversation_id = k.conversation_id AND m.seq = k.message_seq {LATEST_REVISION}
             JOIN conversation v ON v.conversation_id = k.conversation_id
             JOIN buyer b ON b.shop_id = v.shop_id AND b.user_id = v.buyer_id
             WHERE {condition} ORDER BY k.conversation_id, k.message_seq LIMIT {limit}"
        );
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                Ok(ShownCard {
                    message: row::message(row)?,
                    buyer_id: row::user_id(row, "conversation", "buyer_id")?,
                    locale: row::get(row, "locale")?,
                })
            })
            .collect()
    }

    /// Takes things of all shops whose cards are to be rendered again by now, longest due first. Until `lease_end` no
    /// other node takes them, unless they change again; a node that died leaves them to be taken then. Those of `under_way`
    /// are left until whoever is at them has done with them: changes meanwhile are taken together then.
    pub async fn take_card_refreshes(
        &self,
        now: Timestamp,
        lease_end: Timestamp,
        under_way: &[(ShopId, Subject)],
        limit: usize,
    ) -> Result<Vec<CardRefresh>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT shop_id, subject_kind, subject_id, generation FROM card_refresh WHERE due_time <= {}
             ORDER BY due_time LIMIT {}",
            params.push(now.millis()),
            limit + under_way.len()
        );
        // Read first, without a lock: most of the time there is nothing to take.
        let mut due = Vec::new();
        for row in self.rows(sql, params).await? {
            let kind: String = row::get(&row, "subject_kind")?;
            let thing =
                (row::shop_id(&row, "card_refresh")?, Subject::read(&kind, row::get(&row, "subject_id")?)?);
            if due.len() < limit && !under_way.contains(&thing) {
                let (shop_id, subject) = thing;
                let generation = row::get::<i64>(&row, "generation")? + 1;
                due.push(CardRefresh { shop_id, subject, generation });
            }
        }
        if due.is_empty() {
            return Ok(Vec::new());
        }
        due.sort_by(|a, b| mark_order(&a.shop_id, &a.subject).cmp(&mark_order(&b.shop_id, &b.subject)));
        let transaction = self.begin().await?;
        let mut taken = Vec::with_capacity(due.len());
        for refresh in due {
            let mut params = self.params();
            let end = params.push(lease_end.millis());
            let generation = params.push(refresh.generation);
            let sql = format!(
                "UPDATE card_refresh SET due_time = {end}, generation = {generation}
                 WHERE {} AND generation = {generation} - 1",
                at_subject(&mut params, &refresh.shop_id, &refresh.subject)
            );
            if transaction.execute_raw(self.statement(sql, params.values)).await?.rows_affected() > 0 {
                taken.push(refresh);
            }
        }
        transaction.commit().await?;
        Ok(taken)
    }

    /// Whoever has taken this thing is still at it: nobody else takes it before `lease_end`, unless it has changed
    /// meanwhile.
    pub async fn renew_card_refresh(
        &self,
        taken: &CardRefresh,
        lease_end: Timestamp,
    ) -> Result<(), StoreError> {
        let mut params = self.params();
        let end = params.push(lease_end.millis());
        let sql = format!(
            "UPDATE card_refresh SET due_time = {end} WHERE {} AND generation = {}",
            at_subject(&mut params, &taken.shop_id, &taken.subject),
            params.push(taken.generation),
        );
        self.write_alone(sql, params).await
    }

    /// Whoever has taken this thing is not going to end with it: it can be taken again from `due_time` on, here or on
    /// another node.
    pub async fn give_back_card_refresh(
        &self,
        taken: &CardRefresh,
        due_time: Timestamp,
    ) -> Result<(), StoreError> {
        let mut params = self.params();
        let due = params.push(due_time.millis());
        // Whatever its generation: what was marked meanwhile may be due only when the lease is over.
        let sql = format!(
            "UPDATE card_refresh SET due_time = {due}, generation = generation + 1 WHERE {} AND due_time > {due}",
            at_subject(&mut params, &taken.shop_id, &taken.subject),
        );
        self.write_alone(sql, params).await
    }

    /// The cards of this thing were rendered; unless it has changed meanwhile, the next time is `next`, or a change.
    pub async fn card_refreshed(
        &self,
        done: &CardRefresh,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut params = self.params();
        let place = format!(
            "{} AND generation = {}",
            at_subject(&mut params, &done.shop_id, &done.subject),
            params.push(done.generation),
        );
        let sql = match next {
            Some(next) => {
                let next = params.push(next.millis());
                format!(
                    "UPDATE card_refresh SET due_time = {next}, generation = generation + 1 WHERE {place}"
                )
            }
            None => format!("DELETE FROM card_refresh WHERE {place}"),
        };
        self.write_alone(sql, params).await
    }

    /// Messages that are owed to conversations, of all shops, the oldest first.
    pub async fn card_posts(&self, after: i64, limit: u32) -> Result<Vec<(ShopId, PostRecord)>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT post_no, shop_id, buyer_id, client_message_id, card_kind, reference FROM card_post
             WHERE post_no > {} ORDER BY post_no LIMIT {limit}",
            params.push(after)
        );
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                let post = PostRecord {
                    post_no: row::get(row, "post_no")?,
                    buyer_id: row::user_id(row, POSTS, "buyer_id")?,
                    client_message_id: row::needed_id::<ClientMessageId>(row, POSTS, "client_message_id")?,
                    kind: row::word::<CardKind>(row, POSTS, "card_kind")?,
                    reference: row::get(row, "reference")?,
                };
                Ok((row::shop_id(row, POSTS)?, post))
            })
            .collect()
    }

    /// The message stands in its conversation: it is owed no longer.
    pub async fn card_posted(&self, post_no: i64) -> Result<(), StoreError> {
        let mut params = self.params();
        let sql = format!("DELETE FROM card_post WHERE post_no = {}", params.push(post_no));
        self.write_alone(sql, params).await
    }

    /// One statement in a transaction of its own.
    async fn write_alone(&self, sql: String, params: Params) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// The cards `k` of a thing.
fn showing(params: &mut Params, shop_id: &ShopId, subject: &Subject) -> String {
    format!(
        "k.shop_id = {} AND k.subject_kind = {} AND k.subject_id = {}",
        params.push(shop_id.as_str()),
        params.push(subject.kind()),
        params.push(subject.id()),
    )
}

fn at_subject(params: &mut Params, shop_id: &ShopId, subject: &Subject) -> String {
    format!(
        "shop_id = {} AND subject_kind = {} AND subject_id = {}",
        params.push(shop_id.as_str()),
        params.push(subject.kind()),
        params.push(subject.id()),
    )
}
