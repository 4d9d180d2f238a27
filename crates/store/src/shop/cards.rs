//! Which messages show which things, whose cards are to be rendered again, and which messages are still owed.

use std::collections::BTreeMap;

use deskwire_protocol::{ClientMessageId, ConversationId, Seq, ShopId, Timestamp, card::CardKind};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::record::{CardPlace, CardRecord, CardRefresh, PostRecord, Subject};
use crate::{Loaded, Store, StoreError, row, sql::ROWS};

/// Messages that are owed.
const POSTS: &str = "card_post";

/// Where the version of each kind of thing is.
const VERSIONS: [(&str, &str, &str); 3] = [
    ("ORDER", "shop_order", "order_id"),
    ("PRODUCT", "product", "product_id"),
    ("COUPON", "coupon", "coupon_id"),
];

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

    /// Notes the cards; where a thing has changed since its card was rendered, the card is marked to be rendered again.
    pub(crate) async fn write_cards(
        &self,
        transaction: &DatabaseTransaction,
        cards: &[CardRecord],
    ) -> Result<(), StoreError> {
        // Of several renderings in one batch the last one stands.
        let latest: BTreeMap<CardPlace, &CardRecord> = cards.iter().map(|card| (card.place, card)).collect();
        let cards: Vec<&CardRecord> = latest.into_values().collect();
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
            for (kind, table, column) in VERSIONS {
                let of_kind: Vec<_> = cards.iter().filter(|card| card.subject.kind() == kind).collect();
                if of_kind.is_empty() {
                    continue;
                }
                let mut params = self.params();
                let rows = params.rows(of_kind.into_iter().map(|card| {
                    vec![card.shop_id.as_str().into(), card.subject.id().into(), card.version.into()]
                }));
                let sql = format!(
                    "INSERT INTO card_refresh (shop_id, subject_kind, subject_id, due_time, generation)
                     SELECT DISTINCT t.shop_id, '{kind}', t.{column}, 0, 1 FROM (VALUES {rows}) AS k
                     JOIN {table} t ON t.shop_id = k.column1 AND t.{column} = k.column2 AND t.version > k.column3
                     WHERE true
                     ON CONFLICT (shop_id, subject_kind, subject_id)
                     DO UPDATE SET due_time = 0, generation = card_refresh.generation + 1"
                );
                transaction.execute_raw(self.statement(sql, params.values)).await?;
            }
        }
        Ok(())
    }

    /// Messages that show a thing, in order of conversation and place, after `after`.
    pub async fn cards_of(
        &self,
        shop_id: &ShopId,
        subject: &Subject,
        after: Option<CardPlace>,
        limit: u32,
    ) -> Result<Vec<CardPlace>, StoreError> {
        let mut params = self.params();
        let mut condition = format!(
            "shop_id = {} AND subject_kind = {} AND subject_id = {}",
            params.push(shop_id.as_str()),
            params.push(subject.kind()),
            params.push(subject.id()),
        );
        if let Some(CardPlace { conversation_id, message_seq }) = after {
            let (id, seq) = (params.push(conversation_id.get()), params.push(message_seq.get()));
            condition += &format!(" AND (conversation_id, message_seq) > ({id}, {seq})");
        }
        let sql = format!(
            "SELECT conversation_id, message_seq FROM card WHERE {condition}
             ORDER BY conversation_id, message_seq LIMIT {limit}"
        );
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                Ok(CardPlace {
                    conversation_id: row::conversation_id(row, "card")?,
                    message_seq: row::seq(row, "card", "message_seq")?,
                })
            })
            .collect()
    }

    /// Things of all shops whose cards are to be rendered again by now, longest due first.
    pub async fn card_refreshes(&self, now: Timestamp, limit: u32) -> Result<Vec<CardRefresh>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT shop_id, subject_kind, subject_id, due_time, generation FROM card_refresh WHERE due_time <= {}
             ORDER BY due_time LIMIT {limit}",
            params.push(now.millis())
        );
        let rows = self.rows(sql, params).await?;
        rows.iter()
            .map(|row| {
                let kind: String = row::get(row, "subject_kind")?;
                Ok(CardRefresh {
                    shop_id: row::shop_id(row, "card_refresh")?,
                    subject: Subject::read(&kind, row::get(row, "subject_id")?)?,
                    due_time: row::time(row, "due_time")?,
                    generation: row::get(row, "generation")?,
                })
            })
            .collect()
    }

    /// The cards of this thing were rendered; unless it has changed meanwhile, the next time is `next`, or a change.
    pub async fn card_refreshed(
        &self,
        done: &CardRefresh,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let mut params = self.params();
        let place = format!(
            "shop_id = {} AND subject_kind = {} AND subject_id = {} AND generation = {}",
            params.push(done.shop_id.as_str()),
            params.push(done.subject.kind()),
            params.push(done.subject.id()),
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
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        transaction.commit().await?;
        Ok(())
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
        let transaction = self.begin().await?;
        let mut params = self.params();
        let sql = format!("DELETE FROM card_post WHERE post_no = {}", params.push(post_no));
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        transaction.commit().await?;
        Ok(())
    }
}
