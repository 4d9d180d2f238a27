//! Each live receiver sees each event once and in order, whatever the bus loses.

use std::sync::Arc;

use deskwire_chat::OutboxLimits;
use deskwire_protocol::{CloseCode, Role};
use futures::future::join_all;

use crate::{
    node::{Backend, World, soon, text_message, texts},
    on_each_store,
};

on_each_store! {
    both_sides_on_two_nodes_see_every_message_once_and_in_order
    a_resend_gets_the_first_answer_also_when_two_nodes_race
    what_the_bus_loses_is_filled_before_what_comes_after
    what_the_bus_loses_last_is_brought_by_the_repair_sweep
    attaching_while_others_send_misses_nothing_and_doubles_nothing
    a_long_backlog_comes_in_pages_and_is_not_live_before_its_end
}

async fn both_sides_on_two_nodes_see_every_message_once_and_in_order(backend: Backend) {
    let world = World::new(backend).await;
    let (one, two) = (world.node().await, world.node().await);
    let (mut buyer, mut agent) = (one.buyer("ana").await, two.agent("grace").await);
    let id = buyer.open().await;
    assert_eq!(agent.attach(id, None).await.last_seq.get(), 0);
    for turn in 0..10 {
        buyer.send(id, &format!("b{turn}")).await;
        agent.send(id, &format!("a{turn}")).await;
    }
    let (at_buyer, at_agent) = (buyer.events(0, 20).await, agent.events(0, 20).await);
    assert_eq!(texts(&at_buyer), texts(&at_agent));
    assert_eq!(at_buyer.last().unwrap()["seq"], 20);
}

async fn a_resend_gets_the_first_answer_also_when_two_nodes_race(backend: Backend) {
    let world = World::new(backend).await;
    let (one, two) = (world.node().await, world.node().await);
    let (first, second) = (one.buyer("ana").await, two.buyer("ana").await);
    let id = first.open().await;
    let tries = (0..32).map(|turn| {
        let session = if turn % 2 == 0 { &first.session } else { &second.session };
        session.send(text_message(id, "the same", "hello"))
    });
    let answers = soon("all answers", join_all(tries)).await;
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(first.attach(id, Some(0)).await.events.len(), 1);
}

async fn what_the_bus_loses_is_filled_before_what_comes_after(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (mut buyer, agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    agent.send(id, "told").await;
    node.bus.lose(true);
    agent.send(id, "lost 1").await;
    agent.send(id, "lost 2").await;
    node.bus.lose(false);
    agent.send(id, "told again").await;
    assert_eq!(texts(&buyer.events(0, 4).await), ["told", "lost 1", "lost 2", "told again"]);
}

async fn what_the_bus_loses_last_is_brought_by_the_repair_sweep(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (mut buyer, agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    node.bus.lose(true);
    agent.send(id, "lost").await;
    assert_eq!(texts(&buyer.events(0, 1).await), ["lost"]);
}

async fn attaching_while_others_send_misses_nothing_and_doubles_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (one, two) = (world.node().await, world.node().await);
    let buyer = one.buyer("ana").await;
    let id = buyer.open().await;
    let sender = Arc::clone(&buyer.session);
    let sending = async {
        for turn in 0..200 {
            sender.send(text_message(id, &format!("m{turn}"), &format!("m{turn}"))).await.unwrap();
        }
    };
    // Agents come one after the other while the messages flow, on both nodes.
    let coming = async {
        let mut agents = Vec::new();
        for number in 0..20 {
            let node = if number % 2 == 0 { &one } else { &two };
            let agent = node.agent(&format!("agent {number}")).await;
            let attached = agent.attach(id, Some(0)).await;
            assert!(!attached.has_more);
            agents.push((agent, attached));
        }
        agents
    };
    let ((), agents) = soon("all are sent", Box::pin(async { tokio::join!(sending, coming) })).await;
    for (mut agent, attached) in agents {
        let mut seen: Vec<i64> = attached.events.iter().map(|event| event.seq.get()).collect();
        let missing = 200 - seen.len();
        let live = agent.events(attached.last_seq.get(), missing).await;
        seen.extend(live.iter().map(|event| event["seq"].as_i64().unwrap()));
        assert_eq!(seen, (1..=200).collect::<Vec<_>>());
    }
}

async fn a_long_backlog_comes_in_pages_and_is_not_live_before_its_end(backend: Backend) {
    let world = World::new(backend).await;
    let config = deskwire_chat::ChatConfig { attach_page: 4, ..Default::default() };
    let node = world.node_with(config).await;
    let (buyer, mut agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    for turn in 1..=10 {
        buyer.send(id, &turn.to_string()).await;
    }
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let page = agent.attach(id, Some(after)).await;
        after = page.last_seq.get();
        seen.extend(page.events.iter().map(|event| event.seq.get()));
        if !page.has_more {
            break;
        }
        assert_eq!(page.events.len(), 4);
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    buyer.send(id, "live").await;
    assert_eq!(texts(&agent.events(10, 1).await), ["live"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_never_reads_is_closed_and_others_notice_nothing() {
    let world = World::new(Backend::Sqlite).await;
    let node = world.node().await;
    let (mut buyer, agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    let limits = OutboxLimits { events: 8, bytes: 1 << 20 };
    let slow = node.join_with(Role::Buyer, "shop", "ana", limits).await;
    slow.attach(id, None).await;
    for turn in 0..30 {
        agent.send(id, &turn.to_string()).await;
    }
    buyer.events(0, 30).await;
    let mut frames = Vec::new();
    assert_eq!(slow.session.outbox().take(&mut frames), Some(CloseCode::SlowConsumer));
    assert!(frames.is_empty());
}
