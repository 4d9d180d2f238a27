//! The writers: what waits for its turn, what is committed with whom, and whom one that fails takes with it.

use std::time::Duration;

use deskwire_chat::{ChatConfig, ChatError};
use deskwire_protocol::{Codec, ConversationId, Role, ShopId, UserId, session::SessionUser};
use tokio::sync::oneshot;

use crate::node::{Backend, Client, World, soon, text_message};

/// Asked for all at once, so that what the first one does not take is taken together.
async fn send_all(client: &Client, id: ConversationId, texts: &[&str]) -> Vec<Result<i64, ChatError>> {
    let asked: Vec<_> = texts.iter().map(|text| client.session.send(text_message(id, text, text))).collect();
    let mut outcomes = Vec::new();
    for sending in asked {
        outcomes.push(soon("a send", sending).await.map(|sent| sent.seq.get()));
    }
    outcomes
}

#[tokio::test]
async fn an_answer_that_panics_takes_nobody_with_it() {
    let world = World::new(Backend::Sqlite).await;
    let node = world.node().await;
    let ana = node.buyer("ana").await;
    let id = ana.open().await;
    let (told, first) = oneshot::channel();
    ana.session.send_then(text_message(id, "a", "a"), |_| panic!("on purpose"));
    ana.session.send_then(text_message(id, "b", "b"), |outcome| drop(told.send(outcome)));
    let second = soon("the neighbour's answer", first).await.unwrap();
    assert_eq!(second.unwrap().seq.get(), 2, "what panicked was committed all the same");
    assert_eq!(ana.send(id, "c").await, 3, "and the writer lives");
}

#[tokio::test]
async fn one_that_the_database_refuses_fails_alone() {
    let world = World::new(Backend::Postgres).await;
    let node = world.node().await;
    let ana = node.buyer("ana").await;
    let id = ana.open().await;
    // A name that PostgreSQL does not keep. Tokens with such a name are not taken; here it stands for whatever else the
    // database may not like.
    let user = SessionUser {
        user_id: UserId::new("ana").unwrap(),
        role: Role::Buyer,
        name: "a\0b".into(),
        locale: None,
    };
    let limits = deskwire_chat::OutboxLimits { events: 100, bytes: 1 << 20 };
    let odd = node.chat.join(user, ShopId::new("shop").unwrap(), Codec::Json, limits);
    let before = ana.session.send(text_message(id, "a", "a"));
    let refused = odd.send(text_message(id, "b", "b"));
    let after = ana.session.send(text_message(id, "c", "c"));
    assert_eq!(soon("the one before", before).await.unwrap().seq.get(), 1);
    assert!(matches!(soon("the odd one", refused).await, Err(ChatError::Store(_))));
    assert_eq!(soon("the one after", after).await.unwrap().seq.get(), 2);
}

#[tokio::test]
async fn more_than_the_queue_holds_is_told_to_come_again() {
    let world = World::new(Backend::Sqlite).await;
    let node = world.node_with(ChatConfig { writer_queue: 2, ..ChatConfig::default() }).await;
    let ana = node.buyer("ana").await;
    let id = ana.open().await;
    let outcomes = send_all(&ana, id, &["a", "b", "c"]).await;
    assert_eq!((outcomes[0].as_ref().ok(), outcomes[1].as_ref().ok()), (Some(&1), Some(&2)));
    assert!(matches!(outcomes[2], Err(ChatError::Busy)), "{outcomes:?}");
    assert_eq!(ana.send(id, "c").await, 3, "and is taken then");
}

#[tokio::test]
async fn whoever_waits_too_long_for_a_turn_is_refused_and_nothing_of_it_is_written() {
    let world = World::new(Backend::Sqlite).await;
    let hasty =
        world.node_with(ChatConfig { request_timeout: Duration::ZERO, ..ChatConfig::default() }).await;
    let node = world.node().await;
    let ana = node.buyer("ana").await;
    let id = ana.open().await;
    let elsewhere = hasty.buyer("ana").await;
    let outcomes = send_all(&elsewhere, id, &["a", "b"]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(ChatError::Timeout))), "{outcomes:?}");
    assert_eq!(ana.send(id, "c").await, 1);
}

#[tokio::test]
async fn what_comes_after_the_end_is_refused() {
    let world = World::new(Backend::Sqlite).await;
    let node = world.node().await;
    let ana = node.buyer("ana").await;
    let id = ana.open().await;
    ana.send(id, "a").await;
    soon("the writers end", node.chat.finish()).await;
    let (told, answer) = oneshot::channel();
    ana.session.send_then(text_message(id, "b", "b"), |outcome| drop(told.send(outcome)));
    assert!(matches!(soon("an answer", answer).await.unwrap(), Err(ChatError::ShuttingDown)));
}
