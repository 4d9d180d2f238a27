//! The shop's things: orders, notes, parcels, returns, products, coupons; their cards; audit, API keys, webhooks.
//!
//! What is filtered, sorted, counted or raced for is a column. The rest of a thing is its `document`, MessagePack of
//! the type in `deskwire-protocol`, in which money is integer minor units.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_workbench"
    }
}

/// `{number}` counts rows up by itself; `{blob}` holds bytes; `{clustered}` keeps rows side by side on `SQLite`.
const TABLES: &[&str] = &[
    // \"order\" is a word of SQL.
    "CREATE TABLE shop_order (
        shop_id text NOT NULL,
        order_id text NOT NULL,
        order_id_folded text NOT NULL,
        buyer_id text NOT NULL,
        status text NOT NULL,
        client_order_id text,
        note_version bigint NOT NULL,
        remind_time bigint,
        lapse_time bigint,
        create_time bigint NOT NULL,
        update_time bigint NOT NULL,
        version bigint NOT NULL,
        document {blob} NOT NULL,
        PRIMARY KEY (shop_id, order_id)
    )",
    "CREATE INDEX shop_order_buyer ON shop_order (shop_id, buyer_id, create_time, order_id)",
    "CREATE INDEX shop_order_buyer_status ON shop_order (shop_id, buyer_id, status, create_time, order_id)",
    // An id as a buyer writes it.
    "CREATE INDEX shop_order_buyer_folded ON shop_order (shop_id, buyer_id, order_id_folded)",
    // For lists of the whole shop, which are filtered within it.
    "CREATE INDEX shop_order_shop ON shop_order (shop_id, create_time, order_id, status, order_id_folded)",
    "CREATE INDEX shop_order_remind_time ON shop_order (remind_time) WHERE remind_time IS NOT NULL",
    "CREATE INDEX shop_order_lapse_time ON shop_order (lapse_time) WHERE lapse_time IS NOT NULL",
    "CREATE UNIQUE INDEX shop_order_client_order_id ON shop_order (shop_id, buyer_id, client_order_id)
        WHERE client_order_id IS NOT NULL",
    "CREATE TABLE seller_note (
        shop_id text NOT NULL,
        order_id text NOT NULL,
        version bigint NOT NULL CHECK (version > 0),
        text text NOT NULL,
        editor_kind text NOT NULL,
        editor_id text NOT NULL,
        editor_name text NOT NULL,
        update_time bigint NOT NULL,
        PRIMARY KEY (shop_id, order_id, version),
        FOREIGN KEY (shop_id, order_id) REFERENCES shop_order
    ){clustered}",
    "CREATE TABLE package (
        shop_id text NOT NULL,
        package_id text NOT NULL,
        order_id text NOT NULL,
        create_time bigint NOT NULL,
        update_time bigint NOT NULL,
        document {blob} NOT NULL,
        PRIMARY KEY (shop_id, package_id),
        FOREIGN KEY (shop_id, order_id) REFERENCES shop_order
    )",
    "CREATE INDEX package_order ON package (shop_id, order_id, create_time, package_id)",
    // `told_due_time` is the `answer_due_time` that agents were told is near: another one is told anew.
    "CREATE TABLE return_request (
        shop_id text NOT NULL,
        return_id text NOT NULL,
        order_id text NOT NULL,
        buyer_id text NOT NULL,
        client_return_id text,
        status text NOT NULL,
        answer_due_time bigint,
        told_due_time bigint,
        create_time bigint NOT NULL,
        update_time bigint NOT NULL,
        document {blob} NOT NULL,
        PRIMARY KEY (shop_id, return_id),
        FOREIGN KEY (shop_id, order_id) REFERENCES shop_order
    )",
    "CREATE INDEX return_request_shop ON return_request (shop_id, update_time, return_id)",
    "CREATE INDEX return_request_order ON return_request (shop_id, order_id, update_time, return_id)",
    "CREATE INDEX return_request_buyer ON return_request (shop_id, buyer_id, update_time, return_id)",
    "CREATE INDEX return_request_status ON return_request (shop_id, status, update_time, return_id)",
    "CREATE INDEX return_request_answer_due ON return_request (answer_due_time) WHERE answer_due_time IS NOT NULL",
    "CREATE INDEX return_request_untold ON return_request (answer_due_time)
        WHERE answer_due_time IS NOT NULL AND (told_due_time IS NULL OR told_due_time <> answer_due_time)",
    "CREATE UNIQUE INDEX return_request_client_return_id ON return_request (shop_id, buyer_id, client_return_id)
        WHERE client_return_id IS NOT NULL",
    // `product_no` is the order of lists: newest first.
    "CREATE TABLE product (
        product_no {number},
        shop_id text NOT NULL,
        product_id text NOT NULL,
        status text NOT NULL,
        category text,
        stock bigint NOT NULL CHECK (stock >= 0),
        update_time bigint NOT NULL,
        version bigint NOT NULL,
        document {blob} NOT NULL,
        UNIQUE (shop_id, product_id)
    )",
    "CREATE INDEX product_status ON product (shop_id, status, product_no)",
    "CREATE INDEX product_category ON product (shop_id, category, status, product_no) WHERE category IS NOT NULL",
    // A variant belongs to one product. What there is of it is in the product's document.
    "CREATE TABLE sku (
        shop_id text NOT NULL,
        sku_id text NOT NULL,
        product_id text NOT NULL,
        PRIMARY KEY (shop_id, sku_id),
        FOREIGN KEY (shop_id, product_id) REFERENCES product (shop_id, product_id)
    ){clustered}",
    "CREATE INDEX sku_product ON sku (shop_id, product_id)",
    // `turn_time` is when time alone begins or ends it next, and workbenches are told.
    "CREATE TABLE coupon (
        coupon_no {number},
        shop_id text NOT NULL,
        coupon_id text NOT NULL,
        display_type text NOT NULL CHECK (display_type IN ('REGULAR', 'CHAT')),
        buyer_id text,
        maker_id text,
        client_coupon_id text,
        deactivated boolean NOT NULL,
        start_time bigint NOT NULL,
        end_time bigint NOT NULL,
        turn_time bigint,
        total_claim_limit bigint,
        redemption_limit bigint,
        claimed_count bigint NOT NULL CHECK (claimed_count >= 0 AND claimed_count <= COALESCE(total_claim_limit, claimed_count)),
        redeemed_count bigint NOT NULL CHECK (redeemed_count >= 0 AND redeemed_count <= COALESCE(redemption_limit, redeemed_count)),
        update_time bigint NOT NULL,
        version bigint NOT NULL,
        document {blob} NOT NULL,
        UNIQUE (shop_id, coupon_id)
    )",
    // Newest first, and filtered within it: what is over costs no reading of coupons.
    "CREATE INDEX coupon_list ON coupon
        (shop_id, coupon_no, deactivated, start_time, end_time, display_type, buyer_id)",
    "CREATE INDEX coupon_turn_time ON coupon (turn_time) WHERE turn_time IS NOT NULL",
    "CREATE INDEX coupon_buyer ON coupon (shop_id, buyer_id, coupon_no) WHERE buyer_id IS NOT NULL",
    "CREATE UNIQUE INDEX coupon_client_coupon_id ON coupon (shop_id, maker_id, client_coupon_id)
        WHERE client_coupon_id IS NOT NULL",
    "CREATE TABLE coupon_claim (
        shop_id text NOT NULL,
        coupon_id text NOT NULL,
        buyer_id text NOT NULL,
        number bigint NOT NULL CHECK (number > 0),
        claim_time bigint NOT NULL,
        start_time bigint NOT NULL,
        end_time bigint NOT NULL,
        order_id text,
        message_id text,
        PRIMARY KEY (shop_id, coupon_id, buyer_id, number),
        FOREIGN KEY (shop_id, coupon_id) REFERENCES coupon (shop_id, coupon_id)
    ){clustered}",
    "CREATE INDEX coupon_claim_buyer ON coupon_claim (shop_id, buyer_id, claim_time, coupon_id, number)",
    // A card's button is one claim, however often it is pressed.
    "CREATE UNIQUE INDEX coupon_claim_message ON coupon_claim (shop_id, coupon_id, buyer_id, message_id)
        WHERE message_id IS NOT NULL",
    // One seller coupon an order, used once.
    "CREATE UNIQUE INDEX coupon_claim_order ON coupon_claim (shop_id, order_id) WHERE order_id IS NOT NULL",

    // Which messages show a thing: an order's cards (its parcels' and returns' too), a product's, a coupon's.
    "CREATE TABLE card (
        shop_id text NOT NULL,
        subject_kind text NOT NULL CHECK (subject_kind IN ('ORDER', 'PRODUCT', 'COUPON')),
        subject_id text NOT NULL,
        conversation_id bigint NOT NULL,
        message_seq bigint NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (shop_id, subject_kind, subject_id, conversation_id, message_seq),
        FOREIGN KEY (conversation_id, message_seq) REFERENCES message
    ){clustered}",
    "CREATE INDEX card_message ON card (conversation_id, message_seq)",
    // Whose cards are to be rendered again, from which time on, and how far that has come.
    "CREATE TABLE card_refresh (
        shop_id text NOT NULL,
        subject_kind text NOT NULL,
        subject_id text NOT NULL,
        due_time bigint NOT NULL,
        generation bigint NOT NULL,
        PRIMARY KEY (shop_id, subject_kind, subject_id)
    ){clustered}",
    "CREATE INDEX card_refresh_due ON card_refresh (due_time)",
    // Messages that the server owes a conversation.
    "CREATE TABLE card_post (
        post_no {number},
        shop_id text NOT NULL,
        buyer_id text NOT NULL,
        client_message_id text NOT NULL,
        card_kind text NOT NULL,
        reference text NOT NULL,
        create_time bigint NOT NULL
    )",

    "CREATE TABLE audit (
        audit_no {number},
        shop_id text NOT NULL,
        time bigint NOT NULL,
        actor_kind text NOT NULL,
        actor_id text NOT NULL,
        action text NOT NULL,
        thing_kind text NOT NULL,
        thing_id text NOT NULL,
        result text NOT NULL,
        detail text
    )",
    "CREATE INDEX audit_thing ON audit (shop_id, thing_kind, thing_id, audit_no)",
    "CREATE INDEX audit_shop ON audit (shop_id, audit_no)",

    "CREATE TABLE api_key (
        key_id text PRIMARY KEY NOT NULL,
        shop_id text NOT NULL,
        name text NOT NULL,
        hash text NOT NULL,
        scopes text NOT NULL,
        create_time bigint NOT NULL,
        revoke_time bigint
    )",
    "CREATE INDEX api_key_shop ON api_key (shop_id, create_time)",

    // The secret must be readable, not a hash: every event is signed with it.
    "CREATE TABLE webhook (
        webhook_id text PRIMARY KEY NOT NULL,
        shop_id text NOT NULL,
        url text NOT NULL,
        events text NOT NULL,
        status text NOT NULL CHECK (status IN ('ENABLED', 'DISABLED', 'GONE', 'FAILING', 'DELETED')),
        secret text NOT NULL,
        older_secret text,
        older_secret_until bigint,
        failing_since bigint,
        create_time bigint NOT NULL,
        update_time bigint NOT NULL
    )",
    "CREATE INDEX webhook_shop ON webhook (shop_id, create_time, webhook_id) WHERE status <> 'DELETED'",
    "CREATE INDEX webhook_enabled ON webhook (shop_id, webhook_id) WHERE status = 'ENABLED'",
    "CREATE INDEX webhook_deleted ON webhook (webhook_id) WHERE status = 'DELETED'",
    "CREATE TABLE webhook_event (
        event_no {number},
        event_id text NOT NULL UNIQUE,
        shop_id text NOT NULL,
        event_type text NOT NULL,
        body text NOT NULL,
        create_time bigint NOT NULL
    )",
    "CREATE INDEX webhook_event_time ON webhook_event (create_time)",
    // `next_attempt_time` is when it may be taken: at its next try, or when the one who took it must be dead. `claim`
    // counts the times it was taken, so that a late result is known as one.
    "CREATE TABLE webhook_delivery (
        delivery_no {number},
        webhook_id text NOT NULL REFERENCES webhook,
        event_no bigint NOT NULL REFERENCES webhook_event ON DELETE CASCADE,
        status text NOT NULL CHECK (status IN ('PENDING', 'SENDING', 'DELIVERED', 'FAILED')),
        attempts bigint NOT NULL,
        claim bigint NOT NULL,
        next_attempt_time bigint CHECK ((next_attempt_time IS NULL) = (status IN ('DELIVERED', 'FAILED'))),
        UNIQUE (event_no, webhook_id)
    )",
    "CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook_id, delivery_no)",
    "CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_attempt_time)
        WHERE next_attempt_time IS NOT NULL",
    "CREATE TABLE webhook_attempt (
        delivery_no bigint NOT NULL REFERENCES webhook_delivery (delivery_no) ON DELETE CASCADE,
        number bigint NOT NULL,
        time bigint NOT NULL,
        duration_ms bigint NOT NULL,
        response_status bigint,
        error text,
        PRIMARY KEY (delivery_no, number)
    ){clustered}",

    // How far each file has come that was imported, and what of it was refused.
    "CREATE TABLE import_file (
        shop_id text NOT NULL,
        kind text NOT NULL,
        digest text NOT NULL,
        byte_offset bigint NOT NULL,
        line bigint NOT NULL,
        accepted bigint NOT NULL,
        refused bigint NOT NULL,
        update_time bigint NOT NULL,
        PRIMARY KEY (shop_id, kind, digest)
    )",
    "CREATE TABLE import_refusal (
        shop_id text NOT NULL,
        kind text NOT NULL,
        digest text NOT NULL,
        line bigint NOT NULL,
        thing_id text,
        reason text NOT NULL,
        PRIMARY KEY (shop_id, kind, digest, line),
        FOREIGN KEY (shop_id, kind, digest) REFERENCES import_file ON DELETE CASCADE
    ){clustered}",
];

/// Search by parts of words. The text is folded (case, accents) by the one who writes it, so that both databases find
/// the same. `scope` is the shop as one trigram: without it a word that is frequent in other shops would slow this one.
const SQLITE_SEARCH: &[&str] = &[
    "CREATE VIRTUAL TABLE product_search USING fts5 (scope, title, product_id, seller_sku, tokenize = 'trigram')",
    "CREATE VIRTUAL TABLE coupon_search USING fts5 (scope, title, tokenize = 'trigram')",
    "CREATE TABLE shop_number (shop_no integer PRIMARY KEY, shop_id text NOT NULL UNIQUE)",
];
const POSTGRES_SEARCH: &[&str] = &[
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE EXTENSION IF NOT EXISTS btree_gin",
    "CREATE TABLE product_search (
        product_no bigint PRIMARY KEY REFERENCES product (product_no) ON DELETE CASCADE,
        shop_id text NOT NULL,
        title text NOT NULL,
        product_id text NOT NULL,
        seller_sku text NOT NULL,
        everything text NOT NULL
    )",
    "CREATE INDEX product_search_shop ON product_search (shop_id, product_no)",
    "CREATE INDEX product_search_everything ON product_search USING gin (shop_id, everything gin_trgm_ops)",
    "CREATE INDEX product_search_title ON product_search USING gin (shop_id, title gin_trgm_ops)",
    "CREATE INDEX product_search_product_id ON product_search USING gin (shop_id, product_id gin_trgm_ops)",
    "CREATE INDEX product_search_seller_sku ON product_search USING gin (shop_id, seller_sku gin_trgm_ops)",
    "CREATE TABLE coupon_search (
        coupon_no bigint PRIMARY KEY REFERENCES coupon (coupon_no) ON DELETE CASCADE,
        shop_id text NOT NULL,
        title text NOT NULL
    )",
    "CREATE INDEX coupon_search_shop ON coupon_search (shop_id, coupon_no)",
    "CREATE INDEX coupon_search_title ON coupon_search USING gin (shop_id, title gin_trgm_ops)",
];

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let (number, blob, clustered, search) = match connection.get_database_backend() {
            DbBackend::Sqlite => ("integer PRIMARY KEY NOT NULL", "blob", " WITHOUT ROWID", SQLITE_SEARCH),
            _ => ("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bytea", "", POSTGRES_SEARCH),
        };
        for statement in TABLES.iter().chain(search) {
            let statement = statement
                .replace("{number}", number)
                .replace("{blob}", blob)
                .replace("{clustered}", clustered);
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for table in [
            "coupon_search",
            "product_search",
            "import_refusal",
            "import_file",
            "webhook_attempt",
            "webhook_delivery",
            "webhook_event",
            "webhook",
            "api_key",
            "audit",
            "card_post",
            "card_refresh",
            "card",
            "coupon_claim",
            "coupon",
            "sku",
            "product",
            "return_request",
            "package",
            "seller_note",
            "shop_order",
        ] {
            connection.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        if connection.get_database_backend() == DbBackend::Sqlite {
            connection.execute_unprepared("DROP TABLE shop_number").await?;
        }
        Ok(())
    }
}
