//! People, conversations, messages, revisions, revocations.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_chat"
    }
}

/// Messages lie in the order in which they came: each is written to the end of its table, where those of a batch share
/// pages, and into two short indexes. Kept side by side by conversation (`WITHOUT ROWID` on `SQLite`), a batch wrote a
/// page a message more, and twice as much in all.
///
/// `integer PRIMARY KEY` would spare conversations an index on `SQLite`, but pages that follow (`update_time`,
/// `conversation_id`) would then read all rows of an equal time again.
///
/// Every message moves its conversation in an index by time. There is one such index, by status, and those of any status are
/// merged when read (`conversations.rs`).
const TABLES: &[&str] = &[
    "CREATE TABLE shop (
        shop_id text PRIMARY KEY NOT NULL,
        create_time bigint NOT NULL
    )",
    "CREATE TABLE buyer (
        shop_id text NOT NULL REFERENCES shop,
        user_id text NOT NULL,
        name text NOT NULL,
        locale text,
        avatar text,
        create_time bigint NOT NULL,
        update_time bigint NOT NULL,
        PRIMARY KEY (shop_id, user_id)
    )",
    "CREATE TABLE agent (
        shop_id text NOT NULL REFERENCES shop,
        user_id text NOT NULL,
        role text NOT NULL CHECK (role IN ('AGENT', 'ADMIN')),
        name text NOT NULL,
        locale text,
        avatar text,
        create_time bigint NOT NULL,
        update_time bigint NOT NULL,
        PRIMARY KEY (shop_id, user_id)
    )",
    "CREATE TABLE conversation (
        conversation_id bigint PRIMARY KEY NOT NULL,
        shop_id text NOT NULL,
        buyer_id text NOT NULL,
        status text NOT NULL CHECK (status IN ('OPEN', 'CLOSED')),
        assignee_id text,
        tags text NOT NULL,
        last_seq bigint NOT NULL CHECK (last_seq >= 0),
        buyer_last_seq bigint NOT NULL CHECK (buyer_last_seq <= last_seq),
        buyer_read_seq bigint NOT NULL CHECK (buyer_read_seq <= buyer_last_seq),
        shop_read_seq bigint NOT NULL CHECK (shop_read_seq <= last_seq),
        buyer_unread bigint NOT NULL CHECK (buyer_unread >= 0),
        shop_unread bigint NOT NULL CHECK (shop_unread >= 0),
        latest_message_seq bigint NOT NULL CHECK (latest_message_seq <= last_seq),
        buyer_latest_message_seq bigint NOT NULL CHECK (buyer_latest_message_seq <= buyer_last_seq),
        create_time bigint NOT NULL,
        update_time bigint NOT NULL,
        UNIQUE (shop_id, buyer_id),
        FOREIGN KEY (shop_id, buyer_id) REFERENCES buyer,
        FOREIGN KEY (shop_id, assignee_id) REFERENCES agent
    )",
    "CREATE INDEX conversation_status ON conversation (shop_id, status, update_time, conversation_id)",
    "CREATE TABLE message (
        conversation_id bigint NOT NULL REFERENCES conversation,
        seq bigint NOT NULL CHECK (seq > 0),
        buyer_prev_seq bigint NOT NULL CHECK (buyer_prev_seq < seq),
        sender_role text NOT NULL,
        sender_id text,
        sender_name text NOT NULL,
        client_message_id text,
        content text NOT NULL,
        visibility text NOT NULL CHECK (visibility IN ('ALL', 'AGENTS')),
        revision_seq bigint,
        recalled boolean NOT NULL,
        create_time bigint NOT NULL,
        PRIMARY KEY (conversation_id, seq)
    )",
    "CREATE UNIQUE INDEX message_client_message_id
        ON message (conversation_id, sender_role, sender_id, client_message_id)
        WHERE client_message_id IS NOT NULL",
    "CREATE TABLE message_revision (
        conversation_id bigint NOT NULL,
        seq bigint NOT NULL,
        message_seq bigint NOT NULL CHECK (message_seq < seq),
        buyer_prev_seq bigint NOT NULL CHECK (buyer_prev_seq < seq),
        revision bigint NOT NULL CHECK (revision > 0),
        recalled boolean NOT NULL,
        content text NOT NULL,
        create_time bigint NOT NULL,
        PRIMARY KEY (conversation_id, seq),
        FOREIGN KEY (conversation_id, message_seq) REFERENCES message
    )",
    "CREATE INDEX message_revision_message_seq ON message_revision (conversation_id, message_seq)",
    "CREATE TABLE revocation (
        shop_id text NOT NULL,
        side text NOT NULL CHECK (side IN ('BUYER', 'SHOP')),
        user_id text NOT NULL,
        revoke_time bigint NOT NULL,
        PRIMARY KEY (shop_id, side, user_id)
    )",
    "CREATE INDEX revocation_revoke_time ON revocation (revoke_time)",
];

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in TABLES {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["revocation", "message_revision", "message", "conversation", "agent", "buyer", "shop"] {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
