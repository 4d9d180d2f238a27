//! Each live receiver sees each event once and in order, whatever the bus loses.

use std::{future::poll_fn, sync::Arc, task::Poll};

use deskwire_chat::OutboxLimits;
use deskwire_protocol::{
    CloseCode, Role,
    conversation::{AttachParams, HistoryParams},
    page::PageSize,
};
use futures::future::join_all;

use crate::{
    node::{Backend, World, seq_of, soon, text_message, texts},
    on_each_store,
};

on_each_store! {
    both_sides_on_two_nodes_see_every_message_once_and_in_order
    a_resend_gets_the_first_answer_also_when_two_nodes_race
    what_the_bus_loses_is_filled_before_what_comes_after
    what_the_bus_loses_last_is_brought_by_the_repair_sweep
    attaching_while_others_send_misses_nothing_and_doubles_nothing
    a_long_backlog_comes_in_pages_and_is_not_live_before_its_end
    a_session_that_attaches_twice_at_once_is_live
    an_attaching_given_up_at_any_moment_leaves_nothing_behind
    answers_of_long_messages_are_cut_before_they_are_too_large
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

async fn a_session_that_attaches_twice_at_once_is_live(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let buyer = node.buyer("ana").await;
    let id = buyer.open().await;
    for last in 0..20 {
        let mut agent = node.agent(&format!("agent {last}")).await;
        let attach = || AttachParams { conversation_id: id, after_seq: Some(seq_of(last)) };
        let both = async { tokio::join!(agent.session.attach(attach()), agent.session.attach(attach())) };
        let (one, two) = soon("both", both).await;
        let has_more = [one, two].map(|attached| attached.map_or(true, |(result, _)| result.has_more));
        assert!(has_more.contains(&false), "one of them stands");
        buyer.send(id, &format!("live {last}")).await;
        assert_eq!(agent.events(last, 1).await[0]["seq"], last + 1);
    }
}

async fn an_attaching_given_up_at_any_moment_leaves_nothing_behind(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let buyer = node.buyer("ana").await;
    let id = buyer.open().await;
    buyer.send(id, "hello").await;
    for polls in 0..24 {
        let agent = node.agent("grace").await;
        let params = AttachParams { conversation_id: id, after_seq: None };
        soon("given up", after_polls(polls, agent.session.attach(params))).await;
        agent.session.leave();
        let here = buyer.attach(id, None).await.presence;
        assert!(here.is_empty(), "given up after {polls}: {here:?}");
    }
}

/// Gives the future up when it has been polled so often.
async fn after_polls<F: Future>(polls: usize, future: F) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(drop)
    })
    .await;
}

async fn answers_of_long_messages_are_cut_before_they_are_too_large(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (buyer, agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    for turn in 0..100 {
        let text = format!("{turn} {}", "😀".repeat(1_900));
        let params = text_message(id, &turn.to_string(), &text);
        soon("send", buyer.session.send(params)).await.unwrap();
    }
    let mut after = 0;
    loop {
        let page = agent.attach(id, Some(after)).await;
        let bytes = serde_json::to_vec(&page.events).unwrap().len();
        assert!((300_000..512 * 1024).contains(&bytes) || !page.has_more, "{bytes}");
        assert_eq!(page.events.first().map(|event| event.prev_seq.get()), Some(after));
        after = page.last_seq.get();
        if !page.has_more {
            break;
        }
    }
    assert_eq!(after, 100);
    let history = |before: Option<i64>, after: Option<i64>| HistoryParams {
        conversation_id: id,
        before_seq: before.map(seq_of),
        after_seq: after.map(seq_of),
        limit: PageSize::new(100).unwrap(),
    };
    let newest = soon("history", agent.session.history(history(None, None))).await.unwrap();
    let oldest = soon("history", agent.session.history(history(None, Some(0)))).await.unwrap();
    for (page, edge) in [(&newest, 100), (&oldest, 1)] {
        assert!(page.has_more && page.messages.len() > 40, "{}", page.messages.len());
        assert!(page.messages.iter().any(|message| message.seq.get() == edge));
    }
    let empty = soon("history", agent.session.history(history(Some(1), None))).await.unwrap();
    assert!(empty.messages.is_empty() && !empty.has_more);
}

#[tokio::test]
async fn an_event_is_encoded_once_and_its_bytes_are_shared_by_all_receivers() {
    let world = World::new(Backend::Sqlite).await;
    let node = world.node().await;
    let buyer = node.buyer("ana").await;
    let id = buyer.open().await;
    let agents = [node.agent("grace").await, node.agent("linus").await, node.agent("linus").await];
    for agent in &agents {
        agent.attach(id, None).await;
    }
    buyer.send(id, "to all of you").await;
    let mut seen = Vec::new();
    for agent in &agents {
        let mut frames = Vec::new();
        agent.session.outbox().take(&mut frames);
        let event = frames.into_iter().find(|frame| frame.windows(15).any(|part| part == b"message.created"));
        seen.push(event.unwrap());
    }
    assert!(seen.iter().all(|frame| frame.as_ptr() == seen[0].as_ptr()), "the same bytes, not equal ones");
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
