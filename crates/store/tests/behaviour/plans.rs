//! No query reads a whole table to answer for one conversation or one shop.

use deskwire_protocol::{
    ShopId, Timestamp, conversation::ConversationStatus, ids::WebhookId, order::EditorKind,
    webhook::WebhookEventType,
};
use deskwire_store::{
    Arrival, AuditRecord, AuditResult, ClaimLimits, ConversationQuery, DeliveryOutcome, DeliveryResult,
    EventsAfter, HistoryRange, Needs, ShopChanges, Side, Store, UserRecord, Wanted, WebhookEventRecord,
    WebhookRecord,
};

use crate::world::{Backend, NOW, Send, World, agent, buyer, id, in_time, join, recall, send, seq};

/// Two shops of 3,000 conversations; nearly all of them closed.
const FILL: &str = "
    INSERT INTO shop SELECT unnest(ARRAY['shop', 'other']), 0;
    INSERT INTO buyer (shop_id, user_id, name, create_time, update_time)
        SELECT shop_id, 'buyer ' || n, 'someone', 0, 0 FROM shop, generate_series(1, 3000) AS n;
    INSERT INTO conversation SELECT 100000 + row_number() OVER (), shop_id, user_id,
        CASE WHEN random() < 0.01 THEN 'OPEN' ELSE 'CLOSED' END, NULL, '[]', 1, 1, 0, 0, 0, 1, 1, 1, 0,
        1763900000000 + (random() * 10000000)::bigint FROM buyer;
    INSERT INTO message (conversation_id, seq, buyer_prev_seq, sender_role, sender_id, sender_name,
        client_message_id, content, visibility, recalled, create_time)
        SELECT conversation_id, 1, 0, 'BUYER', buyer_id, 'x', 'hello', '{\"type\":\"TEXT\",\"text\":\"x\"}', 'ALL',
        false, 0 FROM conversation;
    INSERT INTO revocation SELECT shop_id, 'BUYER', user_id, update_time FROM buyer;
    INSERT INTO webhook (webhook_id, shop_id, url, events, status, secret, create_time, update_time)
        SELECT shop_id || n, shop_id, 'https://a.example', '[\"*\"]', CASE WHEN n < 5 THEN 'ENABLED' ELSE 'GONE' END,
        's', n, 0 FROM shop, generate_series(1, 1000) AS n;
    INSERT INTO webhook_event (event_id, shop_id, event_type, body, create_time)
        SELECT 'event ' || n, 'shop', 'ping', '{}', n FROM generate_series(1, 3000) AS n;
    INSERT INTO webhook_delivery (webhook_id, event_no, status, attempts, claim, next_attempt_time)
        SELECT webhook_id, event_no, CASE WHEN event_no % 100 = 0 THEN 'PENDING' ELSE 'DELIVERED' END, 1, 1,
        CASE WHEN event_no % 100 = 0 THEN event_no END FROM webhook_event, webhook WHERE webhook.create_time <= 3;
    INSERT INTO webhook_attempt SELECT delivery_no, 1, 0, 1, 200, NULL FROM webhook_delivery;";

#[tokio::test]
async fn no_query_of_postgres_scans_a_table_that_grows() {
    in_time(async {
        let (world, store) = World::with_store(Backend::Postgres).await;
        store.close().await.unwrap();
        // A session's counts are told at the latest when it ends: those of filling go first.
        let fill = world.raw().await;
        fill.run(FILL).await;
        fill.run("VACUUM ANALYZE").await;
        drop(fill);
        let counts = world.raw().await;
        counts.alone().await;
        counts.run("SELECT pg_stat_reset()").await;
        let store = world.open().await;
        ask_everything(&store).await;
        ask_all_of_webhooks(&store).await;
        store.close().await.unwrap();
        counts.alone().await;
        let scanned: String = counts
            .one(
                "SELECT coalesce(string_agg(relname || ': ' || seq_tup_read || ' rows', ', ' ORDER BY relname), '')
                 FROM pg_stat_user_tables WHERE seq_tup_read > 0
                     AND relname IN ('buyer', 'conversation', 'message', 'message_revision', 'revocation', 'webhook',
                         'webhook_event', 'webhook_delivery', 'webhook_attempt')",
            )
            .await;
        let asked = "SELECT sum(idx_scan)::bigint FROM pg_stat_user_tables WHERE relname = 'message'";
        let asked = counts.number(asked).await;
        assert_eq!(scanned, "", "{asked}");
        assert!(asked > 400, "the counts have arrived: {asked}");
    })
    .await;
}

async fn ask_everything(store: &Store) {
    let ana = crate::world::open(store, &buyer("ana"), 1).await;
    join(store, &agent("grace")).await;
    for batch in 0..8 {
        let sends: Vec<Send> =
            (0..50).map(|number| Send::by_buyer(ana, &format!("{batch} {number}"))).collect();
        send(store, &sends).await.unwrap();
    }
    recall(store, ana, seq(7)).await;
    let needs = Needs {
        conversations: vec![ana, id(100_001)],
        sends: vec![Send::by_buyer(ana, "0 0").send_key()],
        messages: vec![(ana, seq(1)), (id(100_001), seq(1))],
        unread_after: vec![(ana, Side::Shop, seq(380))],
        agents: vec![(agent("grace").shop_id, agent("grace").user_id)],
        cards: vec![(ana, seq(1))],
    };
    store.commit(&needs, |_| (deskwire_store::Changes::default(), ())).await.unwrap();
    let scopes = [agent("grace"), buyer("ana")];
    for scope in &scopes {
        store.conversation(scope, ana).await.unwrap();
        for status in [None, Some(ConversationStatus::Open), Some(ConversationStatus::Closed)] {
            for after in [None, Some((Timestamp::from_millis(1_763_905_000_000), id(100_500)))] {
                let query = ConversationQuery { status, after, limit: 21 };
                store.conversations(scope, &query).await.unwrap();
            }
        }
        for millis in [0, NOW.millis()] {
            store.conversations_changed(scope, (Timestamp::from_millis(millis), 0), 21).await.unwrap();
        }
        store.revoked_at(scope).await.unwrap();
        let user = UserRecord { user_id: scope.user_id.clone(), name: "new".into(), locale: None };
        let arrival = Arrival { scope: scope.clone(), user, issue_time: NOW };
        store.arrive(&[arrival], NOW).await.unwrap();
    }
    store.conversations_by_id(&[ana, id(100_002)]).await.unwrap();
    store.heads(&[ana, id(100_002)]).await.unwrap();
    let shops = ["shop", "other"].map(|shop| ShopId::new(shop).unwrap());
    store.heads_changed_since(&shops, NOW).await.unwrap();
    store.revocations_since(NOW).await.unwrap();
    store.messages(&[(ana, seq(7)), (id(100_001), seq(1))]).await.unwrap();
    for side in [Side::Buyer, Side::Shop] {
        for range in [HistoryRange::Newest, HistoryRange::Before(seq(200)), HistoryRange::After(seq(200))] {
            store.history(ana, side, range, 21).await.unwrap();
        }
        store.events(ana, side, seq(200), 21).await.unwrap();
        let after = |conversation_id, place| EventsAfter { conversation_id, side, after_seq: seq(place) };
        store.events_after(&[after(ana, 200), after(ana, 150), after(id(100_002), 0)], 21).await.unwrap();
    }
}

async fn ask_all_of_webhooks(store: &Store) {
    let shop = ShopId::new("shop").unwrap();
    let id = WebhookId::new("shop3").unwrap();
    let audit = || AuditRecord {
        time: NOW,
        actor_kind: EditorKind::Api,
        actor_id: "key".into(),
        action: "webhooks.update",
        thing_kind: "WEBHOOK",
        thing_id: "shop3".into(),
        result: AuditResult::Created,
        detail: None,
    };
    let mut drawn = 0..;
    let mut ping = || WebhookEventRecord {
        event_id: format!("msg_{}", drawn.next().unwrap()).parse().unwrap(),
        kind: WebhookEventType::Ping,
        body: "{}".into(),
    };
    let changes = ShopChanges { webhook_events: vec![ping()], ..ShopChanges::default() };
    store.change(&shop, &Wanted::default(), NOW, |_| (changes, ())).await.unwrap();
    let webhook = store.webhook(&shop, &id).await.unwrap().unwrap();
    store.webhooks(&shop, Some(&(Timestamp::from_millis(3), id.clone())), 21).await.unwrap();
    store.change_webhook(&shop, &id, audit(), |_| ()).await.unwrap();
    let another = WebhookRecord { webhook_id: WebhookId::new("another").unwrap(), ..webhook };
    store.create_webhook(&another, 100_000, audit()).await.unwrap();
    let told = store.tell_webhook(&shop, &id, &ping(), NOW).await.unwrap().unwrap();
    let limits = ClaimLimits { places: 20, per_webhook: 8, ..ClaimLimits::default() };
    let claimed = store.claim_webhook_deliveries(&limits, NOW, NOW).await.unwrap();
    let results: Vec<_> = claimed
        .iter()
        .map(|claimed| DeliveryResult {
            delivery_id: claimed.delivery_id,
            claim: claimed.claim,
            webhook_id: claimed.webhook.webhook_id.clone(),
            number: 2,
            time: NOW,
            duration: std::time::Duration::ZERO,
            response_status: None,
            error: None,
            outcome: DeliveryOutcome::Retry(NOW),
        })
        .collect();
    assert_eq!(results.len(), 20);
    store.finish_webhook_deliveries(&results, NOW, NOW).await.unwrap();
    store.release_webhook_deliveries(&[(told.delivery_id, 1)], NOW).await.unwrap();
    store.webhook_deliveries(&shop, &id, Some(told.delivery_id), 21).await.unwrap();
    store.retry_webhook_delivery(&shop, told.delivery_id, NOW).await.unwrap();
    store.delete_webhook(&shop, &another.webhook_id, audit()).await.unwrap();
    store.prune_webhooks(Timestamp::from_millis(1_000)).await.unwrap();
    store.prune_webhooks(NOW).await.unwrap();
}
