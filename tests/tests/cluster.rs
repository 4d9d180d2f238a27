//! Two nodes over one PostgreSQL and one Redis are one service: whoever is on one talks with whoever is on the other, and no
//! message is lost, whatever becomes of Redis or of a node.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::time::{Duration, Instant};

use deskwire_tests::{Backend, Client, Codec, Redis, Server, ServerOptions, Setting, User, within};
use serde_json::{Value, json};

/// Two nodes, and the Redis between them.
struct Cluster {
    // Dropped in this order: first those who use the last.
    two: Server,
    one: Server,
    redis: Redis,
}

impl Cluster {
    async fn start(codec: Codec) -> Self {
        let redis = within("Redis", Redis::start()).await.unwrap();
        Self::over(codec, redis).await
    }

    /// While Redis is there the sweep does not look for longer than any test waits: what arrives came by the bus, or by the
    /// look that a node takes when the bus goes away or comes back.
    async fn over(codec: Codec, redis: Redis) -> Self {
        let one = talkative(codec)
            .env("DESKWIRE_CHAT__SWEEP_INTERVAL_MS", 60_000)
            .env("DESKWIRE_CHAT__FULL_SWEEP_INTERVAL_SECONDS", 120);
        Self::of(one, redis).await
    }

    async fn of(options: ServerOptions, redis: Redis) -> Self {
        let one = options.redis(&redis).start().await;
        let two = ServerOptions::beside(&one).start().await;
        Self { two, one, redis }
    }

    /// Ana on the first node and Bo on the second, attached to Ana's conversation.
    async fn people(&self) -> (Client, Client, String) {
        let (mut ana, mut bo) = (self.one.buyer("ana").await, self.two.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        (ana, bo, here)
    }

    /// Waits until both nodes say that they are degraded, or not.
    async fn both_say(&self, degraded: bool) {
        for server in [&self.one, &self.two] {
            let ready = says(server, degraded).await;
            assert_eq!((&ready["ready"], &ready["store"]), (&json!(true), &json!("ok")), "{ready}");
            assert_eq!(ready["bus"] == "ok", !degraded, "{ready}");
        }
    }
}

/// A node on PostgreSQL with room for tests that say much at once.
fn talkative(codec: Codec) -> ServerOptions {
    ServerOptions::new(Setting { codec, backend: Backend::Postgres })
        .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 1_000)
        .env("DESKWIRE_GATEWAY__AGENT_SEND_BURST", 1_000)
}

/// Waits until the node says that it is degraded, or not; answers what it says.
async fn says(server: &Server, degraded: bool) -> Value {
    within(format!("degraded: {degraded}"), async {
        loop {
            let ready = server.get("/readyz").await;
            assert_eq!(ready.status, 200, "{ready:?}");
            if ready.json()["degraded"] == degraded {
                return ready.json();
            }
        }
    })
    .await
}

/// Ana says something and Bo hears it.
async fn say_and_hear(ana: &mut Client, bo: &mut Client, here: &str, text: &str) {
    ana.say(here, text).await;
    bo.hears(text).await;
}

async fn talk_both_ways(codec: Codec) {
    let cluster = Cluster::start(codec).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    for number in 0..20 {
        ana.say(&here, &format!("question {number}")).await;
        bo.say(&here, &format!("answer {number}")).await;
    }
    for number in 0..20 {
        bo.hears(&format!("question {number}")).await;
        ana.hears(&format!("answer {number}")).await;
    }
    assert_eq!(ana.texts(&here).await, bo.texts(&here).await);
    let metrics = cluster.two.get("/metrics").await.body;
    for name in ["deskwire_bus_up 1", "deskwire_bus_received_total ", "deskwire_bus_published_total "] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
}

#[tokio::test]
async fn people_on_two_nodes_talk_both_ways_in_json() {
    talk_both_ways(Codec::Json).await;
}

#[tokio::test]
async fn people_on_two_nodes_talk_both_ways_in_msgpack() {
    talk_both_ways(Codec::MsgPack).await;
}

#[tokio::test]
async fn typing_read_marks_and_summaries_reach_the_other_node() {
    let cluster = Cluster::start(Codec::Json).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    let mut ada = cluster.two.agent("ada").await;
    ana.call("conversation.typing", json!({"conversation_id": here})).await.unwrap();
    assert_eq!(bo.push("typing").await["sender"]["user_id"], "ana");
    bo.call("conversation.typing", json!({"conversation_id": here, "typing": false})).await.unwrap();
    assert_eq!(ana.push("typing").await["typing"], false);

    ana.say(&here, "hello").await;
    bo.hears("hello").await;
    let summary = |push: &Value| push["conversation"]["unread_count"] == 1;
    ada.push_where("conversation.updated", summary).await;
    bo.call("conversation.read", json!({"conversation_id": here, "seq": 1})).await.unwrap();
    assert_eq!(ana.push("read.updated").await["seq"], 1);
    bo.call("conversation.note", json!({"conversation_id": here, "client_message_id": "n", "text": "VIP"}))
        .await
        .unwrap();
    bo.say(&here, "hi").await;
    assert_eq!(ana.hears("hi").await["seq"], 3);
    let others = ana.pushes_so_far("message.created").await;
    assert!(
        others.iter().all(|push| push["message"]["visibility"] == "ALL"),
        "a note is not the buyer's: {others:?}"
    );
}

#[tokio::test]
async fn changes_of_things_and_their_cards_reach_the_other_node() {
    let cluster = Cluster::start(Codec::Json).await;
    let coupon = json!({
        "id": "c-1", "title": "Welcome", "status": "ONGOING", "display_type": "REGULAR",
        "discount": {"type": "AMOUNT_OFF", "reduction_amount": {"amount": "5.00", "currency": "EUR"}},
        "threshold": {"type": "NONE"}, "product_scope": "FULL_SHOP",
        "claim_duration": {"start_time": 1_600_000_000_000_i64, "end_time": 4_000_000_000_000_i64},
        "redemption_duration": {"type": "RELATIVE", "relative_days": 7},
        "usage_limits": {"total_claim_limit": 10, "single_buyer_claim_limit": 1},
        "create_time": 1_600_000_000_000_i64, "update_time": 1_600_000_000_000_i64,
    });
    cluster.one.import(User::SHOP, "coupons", &[coupon]).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    let mut ada = cluster.one.agent("ada").await;
    ada.attach(&here).await;
    let card = json!({"conversation_id": here, "client_message_id": "card-1", "coupon_id": "c-1"});
    bo.call("workbench.coupons.send_card", card).await.unwrap();
    let sent = ana.push("message.created").await["message"].clone();
    assert_eq!(sent["content"]["type"], "COUPON_CARD");
    bo.call("workbench.coupons.deactivate", json!({"coupon_id": "c-1"})).await.unwrap();
    let coupon_changed = |push: &Value| push["kind"] == "COUPON";
    ada.push_where("workbench.changed", coupon_changed).await;
    let ended = |push: &Value| push["message"]["content"]["card"]["status"]["code"] == "DEACTIVATED";
    for client in [&mut ana, &mut bo, &mut ada] {
        client.push_where("message.revised", ended).await;
    }
}

#[tokio::test]
async fn someone_is_online_wherever_they_are_and_offline_when_their_node_has_died() {
    let redis = within("Redis", Redis::start()).await.unwrap();
    let one = talkative(Codec::Json).env("DESKWIRE_CHAT__PRESENCE_EXPIRY_MS", 1_500);
    let mut cluster = Cluster::of(one, redis).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    let agent = |online: bool| json!({"role": "CUSTOMER_SERVICE", "user_id": "bo", "online": online});
    let buyer = |online: bool| json!({"role": "BUYER", "user_id": "ana", "online": online});
    assert_eq!(bo.push("presence").await, buyer(true), "asked for when attaching");
    assert_eq!(ana.push("presence").await, agent(true));
    // A second agent beside the first knows already, and a second device of the buyer's makes no difference.
    let mut ada = cluster.two.agent("ada").await;
    assert_eq!(ada.attach(&here).await["presence"], json!([buyer(true)]));
    let mut phone = cluster.two.buyer("ana").await;
    assert_eq!(phone.open().await, here);
    ana.leave().await;
    bo.call("session.ping", json!({})).await.unwrap();
    assert_eq!(bo.pushes_so_far("presence").await, Vec::<Value>::new(), "still here, on the phone");
    phone.leave().await;
    assert_eq!(bo.push("presence").await, buyer(false));

    let mut ana = cluster.one.buyer("ana").await;
    assert_eq!(bo.push("presence").await, buyer(true));
    let online = ana.call("conversation.attach", json!({"conversation_id": here})).await.unwrap();
    drop(online);
    cluster.one.kill().await;
    assert_eq!(bo.push("presence").await, buyer(false), "nobody says so: it runs out");
}

#[tokio::test]
async fn without_redis_messages_arrive_by_polling_and_with_it_at_once_again() {
    let mut cluster = Cluster::start(Codec::Json).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    say_and_hear(&mut ana, &mut bo, &here, "before").await;
    cluster.both_say(false).await;
    within("the end of Redis", cluster.redis.kill()).await.unwrap();
    cluster.both_say(true).await;
    let mut sending = Duration::ZERO;
    for number in 0..5 {
        let asked = Instant::now();
        ana.say(&here, &format!("during {number}")).await;
        let acknowledged = Instant::now();
        sending += acknowledged - asked;
        bo.hears(&format!("during {number}")).await;
        assert!(acknowledged.elapsed() < Duration::from_secs(2), "{:?}", acknowledged.elapsed());
    }
    assert!(sending < Duration::from_secs(3), "nobody waits for Redis: {sending:?}");
    bo.say(&here, "the other way").await;
    ana.hears("the other way").await;
    // Whoever comes now is served too.
    let mut ada = cluster.two.agent("ada").await;
    ada.attach(&here).await;
    ana.say(&here, "hello, Ada").await;
    ada.hears("hello, Ada").await;

    within("Redis", cluster.redis.start_again()).await.unwrap();
    cluster.both_say(false).await;
    bo.hears("hello, Ada").await;
    for number in 0..5 {
        say_and_hear(&mut ana, &mut bo, &here, &format!("after {number}")).await;
        ada.hears(&format!("after {number}")).await;
    }
    let metrics = cluster.one.get("/metrics").await.body;
    assert!(metrics.contains("deskwire_bus_reconnects_total 1"), "{metrics}");
}

#[tokio::test]
async fn nodes_that_start_without_redis_serve_and_find_each_other_later() {
    let redis = within("Redis", Redis::not_started()).await.unwrap();
    let mut cluster = Cluster::over(Codec::Json, redis).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    cluster.both_say(true).await;
    say_and_hear(&mut ana, &mut bo, &here, "by polling").await;
    within("Redis", cluster.redis.start_again()).await.unwrap();
    cluster.both_say(false).await;
    say_and_hear(&mut ana, &mut bo, &here, "by Redis").await;
}

#[tokio::test]
async fn what_a_node_acknowledged_right_before_it_was_killed_arrives_on_the_other() {
    let redis = within("Redis", Redis::start()).await.unwrap();
    let mut cluster = Cluster::of(talkative(Codec::Json), redis).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    for number in 0..5 {
        ana.say(&here, &format!("message {number}")).await;
    }
    let last = ana.say(&here, "my last words").await;
    cluster.one.kill().await;
    let acknowledged = Instant::now();
    assert_eq!(bo.hears("my last words").await["seq"], last["seq"]);
    assert!(acknowledged.elapsed() < Duration::from_secs(5), "{:?}", acknowledged.elapsed());
    // The buyer comes back on the other node, and has missed nothing.
    let mut ana = cluster.two.buyer("ana").await;
    ana.attach_after(&here, last["seq"].as_i64().unwrap()).await;
    bo.say(&here, "and mine").await;
    ana.hears("and mine").await;
}

#[tokio::test]
async fn sends_go_on_while_redis_is_cut_paused_and_emptied() {
    let cluster = Cluster::start(Codec::Json).await;
    let (mut ana, mut bo, here) = cluster.people().await;
    for (number, fault) in [
        &["client", "kill", "type", "pubsub"][..],
        &["client", "kill", "type", "normal"],
        &["flushall"],
        &["client", "pause", "3000", "all"],
    ]
    .into_iter()
    .enumerate()
    {
        within("redis-cli", cluster.redis.command(fault)).await.unwrap();
        for turn in 0..3 {
            let text = format!("{number}.{turn}");
            ana.say(&here, &text).await;
            bo.hears(&text).await;
        }
    }
    cluster.both_say(false).await;
    assert_eq!(bo.texts(&here).await.len(), 12);
}

#[tokio::test]
async fn an_agents_list_shows_who_writes_on_the_other_node_also_without_redis() {
    let mut cluster = Cluster::start(Codec::Json).await;
    let mut bo = cluster.two.agent("bo").await;
    within("the end of Redis", cluster.redis.kill()).await.unwrap();
    cluster.both_say(true).await;
    let mut ana = cluster.one.buyer("ana").await;
    let here = ana.open().await;
    ana.say(&here, "is anybody there?").await;
    let told = bo.push_where("conversation.updated", |push| push["conversation"]["unread_count"] == 1).await;
    assert_eq!(told["conversation"]["conversation_id"], json!(here));
    within("Redis", cluster.redis.start_again()).await.unwrap();
    cluster.both_say(false).await;
    ana.say(&here, "hello?").await;
    bo.push_where("conversation.updated", |push| push["conversation"]["unread_count"] == 2).await;
}
