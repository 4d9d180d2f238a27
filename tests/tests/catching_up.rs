//! Many who come back at once share what has to be read for them, and each is caught up as if it were alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use deskwire_tests::{Backend, Client, Codec, Server, ServerOptions, Setting, User};
use futures::future::join_all;
use serde_json::{Value, json};

/// A node on PostgreSQL, whose tables can be held while a crowd gathers. Its sweep does not read meanwhile.
async fn node() -> Server {
    ServerOptions::new(Setting { codec: Codec::Json, backend: Backend::Postgres })
        .env("DESKWIRE_CHAT__SWEEP_INTERVAL_MS", 60_000)
        .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 1_000)
        .start()
        .await
}

/// How often the store was read for those who catch up: conversations, events and latest messages.
async fn reads(server: &Server) -> [u64; 3] {
    let metrics = server.get("/metrics").await.body;
    ["conversations", "events", "messages"].map(|of| {
        let series = format!("deskwire_catch_up_reads_total{{of=\"{of}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&*series)).map_or(0, |count| count.parse().unwrap())
    })
}

/// Each attaches to a conversation, while nobody can read any; what each asked for is at the server when this returns.
async fn gather(clients: &mut [Client], conversations: &[String], after_seq: i64) -> Vec<u32> {
    let asking = clients.iter_mut().zip(conversations.iter().cycle()).map(|(client, here)| async move {
        let params = json!({"conversation_id": here, "after_seq": after_seq});
        let asked = client.request("conversation.attach", params).await;
        client.call("session.ping", json!({})).await.unwrap();
        asked
    });
    join_all(asking).await
}

#[tokio::test]
async fn a_hundred_who_attach_to_one_conversation_at_once_share_a_few_reads_and_get_the_same_page() {
    let server = node().await;
    let mut ana = server.buyer("ana").await;
    let here = ana.open().await;
    for number in 1..=20 {
        ana.say(&here, &format!("message {number}")).await;
    }
    let names: Vec<String> = (0..100).map(|number| format!("agent-{number}")).collect();
    let mut agents = join_all(names.iter().map(|name| server.agent(name))).await;
    let before = reads(&server).await;
    let grip = server.hold_reads().await;
    let asked = gather(&mut agents, std::slice::from_ref(&here), 5).await;
    grip.let_go().await;
    let answered = join_all(agents.iter_mut().zip(asked).map(|(agent, asked)| agent.reply(asked))).await;
    let pages: Vec<Value> = answered.into_iter().map(Result::unwrap).collect();
    for page in &pages {
        assert_eq!((&page["last_seq"], &page["has_more"]), (&json!(20), &json!(false)));
        assert_eq!(page["events"], pages[0]["events"]);
        assert_eq!(page["conversation"]["latest_message"], pages[0]["conversation"]["latest_message"]);
    }
    let seqs: Vec<_> =
        pages[0]["events"].as_array().unwrap().iter().map(|event| event["seq"].clone()).collect();
    assert_eq!(json!(seqs), json!((6..=20).collect::<Vec<_>>()));
    let after = reads(&server).await;
    let [conversations, events, messages] = std::array::from_fn(|of| after[of] - before[of]);
    assert!((1..=20).contains(&conversations), "{conversations} reads of the conversation");
    assert!((1..=10).contains(&events), "{events} reads of its events");
    assert!((1..=10).contains(&messages), "{messages} reads of its latest message");
    // All are live, each from where its page ends.
    ana.say(&here, "one more").await;
    for agent in &mut agents {
        assert_eq!(agent.hears("one more").await["prev_seq"], 20);
    }
}

#[tokio::test]
async fn those_who_come_while_others_talk_share_reads_and_miss_nothing() {
    let server = node().await;
    let mut ana = server.buyer("ana").await;
    let here = ana.open().await;
    let names: Vec<String> = (0..40).map(|number| format!("agent-{number}")).collect();
    let mut agents = join_all(names.iter().map(|name| server.agent(name))).await;
    let talking = async {
        for number in 1..=200 {
            ana.say(&here, &format!("message {number}")).await;
        }
    };
    // The client itself holds every event to its place: after the page, or after the event before it.
    let coming = join_all(agents.iter_mut().map(|agent| agent.attach_after(&here, 0)));
    let ((), pages) = tokio::join!(talking, coming);
    for (agent, page) in agents.iter_mut().zip(pages) {
        assert_eq!(page["has_more"], false);
        let had = page["events"].as_array().unwrap().len();
        assert_eq!(page["last_seq"], had);
        if had < 200 {
            agent.hears("message 200").await;
        }
    }
}

#[tokio::test]
async fn what_the_database_cannot_read_fails_nobody_else_who_is_read_with_it() {
    let server = node().await;
    let mut conversations = Vec::new();
    let mut buyers = Vec::new();
    for number in 0..12 {
        let mut buyer = server.buyer(&format!("buyer-{number}")).await;
        let here = buyer.open().await;
        buyer.say(&here, "hello").await;
        conversations.push(here);
        buyers.push(buyer);
    }
    let broken = &conversations[4];
    server.execute(&format!("UPDATE message SET content = 'broken' WHERE conversation_id = {broken}")).await;
    let mut agents = Vec::new();
    for _ in 0..12 {
        agents.push(server.join(&User::agent("bo")).await);
    }
    let grip = server.hold_reads().await;
    let asked = gather(&mut agents, &conversations, 0).await;
    grip.let_go().await;
    for ((agent, asked), here) in agents.iter_mut().zip(asked).zip(&conversations) {
        match agent.reply(asked).await {
            Ok(page) => assert_eq!((&page["last_seq"], here == broken), (&json!(1), false)),
            Err(error) => assert_eq!((error.kind(), here == broken), ("internal", true)),
        }
    }
}

#[tokio::test]
async fn a_conversation_of_another_shop_or_buyer_is_not_found_also_in_a_shared_read() {
    let server = node().await;
    let (mut ana, mut eva) = (server.buyer("ana").await, server.buyer("eva").await);
    let mut bo = server.agent("bo").await;
    let mut stranger = server.join(&User::agent("bo").of_shop("another")).await;
    let here = ana.open().await;
    ana.say(&here, "for us only").await;
    let grip = server.hold_reads().await;
    let mut asked = Vec::new();
    for client in [&mut bo, &mut eva, &mut stranger] {
        asked.extend(gather(std::slice::from_mut(client), std::slice::from_ref(&here), 0).await);
    }
    grip.let_go().await;
    assert_eq!(bo.reply(asked[0]).await.unwrap()["last_seq"], 1);
    assert_eq!(eva.reply(asked[1]).await.unwrap_err().kind(), "not_found");
    assert_eq!(stranger.reply(asked[2]).await.unwrap_err().kind(), "not_found");
}
