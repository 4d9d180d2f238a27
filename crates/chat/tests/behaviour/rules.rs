//! What may happen in a conversation.

use std::time::Duration;

use deskwire_chat::ChatError;
use deskwire_protocol::{
    ClientMessageId, MessageId, Role, Visibility,
    conversation::{
        AssignParams, ConversationParams, ConversationStatus, Entry, HistoryParams, ListParams, NoteParams,
        OpenParams, ReadParams, SyncParams, TakeParams,
    },
    ids::OrderId,
    message::RecallParams,
    page::PageSize,
};

use crate::{
    node::{Backend, World, seq_of, soon, text_message},
    on_each_store,
};

on_each_store! {
    a_private_note_never_reaches_the_buyer_and_leaves_no_hole_in_the_buyers_sequence
    a_message_is_recalled_within_two_minutes_and_its_text_is_gone_from_every_reading
    compare_and_send_conflicts_tell_how_things_stand
    unread_counts_follow_both_sides_and_marks_never_go_back
    a_closed_conversation_is_reopened_by_the_buyer_and_refuses_the_agent
    what_is_not_the_callers_does_not_exist
    the_buyers_context_is_told_once_while_it_is_the_newest
}

fn history(id: deskwire_protocol::ConversationId) -> HistoryParams {
    HistoryParams { conversation_id: id, before_seq: None, after_seq: None, limit: PageSize::default() }
}

async fn a_private_note_never_reaches_the_buyer_and_leaves_no_hole_in_the_buyers_sequence(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (mut buyer, mut agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    agent.attach(id, None).await;
    agent.send(id, "hello").await;
    let params = NoteParams {
        conversation_id: id,
        client_message_id: ClientMessageId::new("n").unwrap(),
        text: "a difficult one".into(),
    };
    soon("note", agent.session.note(params)).await.unwrap();
    agent.send(id, "how can I help?").await;
    assert_eq!(agent.events(0, 3).await[1]["message"]["visibility"], "AGENTS");
    let at_buyer = buyer.events(0, 2).await;
    assert_eq!((&at_buyer[1]["prev_seq"], &at_buyer[1]["seq"]), (&1.into(), &3.into()));
    let told = soon("history", buyer.session.history(history(id))).await.unwrap().messages;
    assert!(told.iter().all(|message| message.visibility == Visibility::All));
    let missed = buyer.attach(id, Some(0)).await.events;
    assert_eq!(missed.iter().map(|event| event.seq.get()).collect::<Vec<_>>(), [1, 3]);
}

async fn a_message_is_recalled_within_two_minutes_and_its_text_is_gone_from_every_reading(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (mut buyer, mut agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    agent.attach(id, None).await;
    let message = text_message(id, "key", "my secret");
    let seq = soon("send", buyer.session.send(message)).await.unwrap().seq.get();
    let recall = || RecallParams {
        conversation_id: id,
        message_id: MessageId { conversation_id: id, seq: seq_of(seq) },
    };
    let other = soon("recall by another", agent.session.recall(recall())).await;
    assert!(matches!(other, Err(ChatError::Forbidden(_))), "{other:?}");
    soon("recall", buyer.session.recall(recall())).await.unwrap();
    let revised = &agent.events(0, 2).await[1];
    assert_eq!((&revised["message"]["recalled"], &revised["message"]["revision"]), (&true.into(), &1.into()));
    buyer.events(0, 2).await;
    let again = soon("recall again", buyer.session.recall(recall())).await;
    assert!(matches!(again, Err(ChatError::AlreadyDone(_))), "{again:?}");
    for reader in [&buyer, &agent] {
        let told = format!(
            "{:?} {:?}",
            soon("history", reader.session.history(history(id))).await.unwrap(),
            reader.attach(id, Some(0)).await,
        );
        assert!(!told.contains("secret"), "{told}");
    }
    let late = buyer.send(id, "too late").await;
    world.clock.advance(Duration::from_secs(121));
    let params = RecallParams {
        conversation_id: id,
        message_id: MessageId { conversation_id: id, seq: seq_of(late) },
    };
    let refused = soon("late recall", buyer.session.recall(params)).await;
    assert!(matches!(refused, Err(ChatError::NotSendable(_))), "{refused:?}");
}

async fn compare_and_send_conflicts_tell_how_things_stand(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (buyer, one, two) = (node.buyer("ana").await, node.agent("grace").await, node.agent("linus").await);
    let id = buyer.open().await;
    buyer.send(id, "anyone there?").await;
    let take = |if_assignee| TakeParams { conversation_id: id, if_assignee };
    soon("take", one.session.take(take(None))).await.unwrap_or_else(|error| panic!("{error}"));
    let Err(ChatError::Conflict(current)) = soon("take too", two.session.take(take(None))).await.map(drop)
    else {
        panic!("no conflict")
    };
    assert_eq!(current.assignee.unwrap().as_str(), "grace");
    let mut message = text_message(id, "m", "here I am");
    message.if_last_seq = Some(seq_of(1));
    let Err(ChatError::Conflict(current)) = soon("send", one.session.send(message.clone())).await else {
        panic!("no conflict")
    };
    assert_eq!(current.last_seq.get(), 2);
    assert!(current.latest_message.is_some());
    message.if_last_seq = Some(current.last_seq);
    message.if_assignee = Some(current.assignee);
    let sent = soon("send", one.session.send(message.clone())).await.unwrap();
    // The conditions no longer hold, and yet the resend has the first answer.
    assert_eq!(soon("resend", one.session.send(message)).await.unwrap(), sent);
    let unassign = AssignParams { conversation_id: id, agent_id: None, if_assignee: Some(None) };
    let refused = soon("assign", two.session.assign(unassign)).await;
    assert!(matches!(refused, Err(ChatError::Conflict(_))), "{refused:?}");
}

async fn unread_counts_follow_both_sides_and_marks_never_go_back(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (mut buyer, agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    for turn in 0..5 {
        buyer.send(id, &format!("b{turn}")).await;
    }
    agent.send(id, "one").await;
    let params = ConversationParams { conversation_id: id };
    let seen = soon("get", agent.session.get(params.clone())).await.unwrap().conversation;
    assert_eq!((seen.unread_count, seen.last_seq.get()), (5, 6));
    let read = |seq| ReadParams { conversation_id: id, seq: seq_of(seq) };
    assert_eq!(soon("read", agent.session.read(read(3))).await.unwrap().unread_count, 2);
    assert_eq!(buyer.push("read.updated").await["seq"], 3);
    let back = soon("read back", agent.session.read(read(1))).await.unwrap();
    assert_eq!((back.seq.get(), back.unread_count), (3, 2));
    let beyond = soon("read beyond", agent.session.read(read(7))).await;
    assert!(matches!(beyond, Err(ChatError::Invalid { ref field, .. }) if field == "seq"), "{beyond:?}");
    let seen = soon("get", buyer.session.get(params)).await.unwrap().conversation;
    assert_eq!((seen.unread_count, seen.shop_read_seq.get()), (1, 3));
}

async fn a_closed_conversation_is_reopened_by_the_buyer_and_refuses_the_agent(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let (mut buyer, agent) = (node.buyer("ana").await, node.agent("grace").await);
    let id = buyer.open().await;
    let params = ConversationParams { conversation_id: id };
    let closed = soon("close", agent.session.close(params.clone())).await.unwrap().conversation;
    assert_eq!((closed.status, closed.can_send_message.allowed), (ConversationStatus::Closed, false));
    let refused = soon("send", agent.session.send(text_message(id, "m", "too late"))).await;
    assert!(matches!(refused, Err(ChatError::ChatInactive)), "{refused:?}");
    buyer.send(id, "one more thing").await;
    let codes: Vec<_> =
        buyer.events(0, 3).await.iter().map(|e| e["message"]["content"]["code"].clone()).collect();
    assert_eq!(codes[..2], ["CONVERSATION_CLOSED", "CONVERSATION_REOPENED"]);
    agent.send(id, "sure").await;
}

async fn what_is_not_the_callers_does_not_exist(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let buyer = node.buyer("ana").await;
    let id = buyer.open().await;
    buyer.send(id, "private").await;
    for stranger in [
        node.buyer("eve").await,
        node.join(Role::Buyer, "other shop", "ana").await,
        node.join(Role::Admin, "other shop", "grace").await,
    ] {
        let session = &stranger.session;
        let one = ConversationParams { conversation_id: id };
        assert!(matches!(session.get(one.clone()).await, Err(ChatError::NotFound)));
        assert!(matches!(session.history(history(id)).await, Err(ChatError::NotFound)));
        assert!(matches!(session.detach(one.clone()).await, Err(ChatError::NotFound)));
        assert!(matches!(session.send(text_message(id, "m", "x")).await, Err(ChatError::NotFound)));
        assert!(matches!(session.close(one).await, Err(ChatError::NotFound)));
        let attach = deskwire_protocol::conversation::AttachParams { conversation_id: id, after_seq: None };
        assert!(matches!(session.attach(attach).await.map(drop), Err(ChatError::NotFound)));
        assert!(soon("list", session.list(ListParams::default())).await.unwrap().conversations.is_empty());
        assert!(soon("sync", session.sync(SyncParams::default())).await.unwrap().conversations.is_empty());
    }
}

async fn the_buyers_context_is_told_once_while_it_is_the_newest(backend: Backend) {
    let world = World::new(backend).await;
    let node = world.node().await;
    let mut buyer = node.buyer("ana").await;
    let entry =
        || OpenParams { entry: Some(Entry::BuyerEnterFromOrder { order_id: OrderId::new("o-1").unwrap() }) };
    let mut id = None;
    for _ in 0..3 {
        let opened =
            soon("open", buyer.session.open(entry())).await.unwrap_or_else(|error| panic!("{error}"));
        id = Some(opened.0.conversation.conversation_id);
    }
    buyer.send(id.unwrap(), "about this one").await;
    let told = soon("history", buyer.session.history(history(id.unwrap()))).await.unwrap().messages;
    assert_eq!(told.len(), 2);
    buyer.events(1, 1).await;
}
