//! A batch is written whole or not at all, and a resend is known again.

use std::{slice::from_ref, task::Poll};

use deskwire_protocol::{
    ParticipantRole, Person, Role, ShopId, Timestamp, UserId, conversation::ConversationStatus, ids::Tag,
};
use deskwire_store::{Changes, Loaded, Needs, Scope, Side, Store, StoreError};

use crate::{
    on_each_database,
    world::{
        Backend, NOW, Send, World, agent, append, buyer, decide, head, history, id, join, key, needs, open,
        places, recall, scope, send, seq, text, withdraw,
    },
};

/// Makes a batch one that the database refuses.
type Spoil = fn(&mut Changes);

on_each_database! {
    all_commands_of_a_batch_are_written
    a_batch_of_which_any_part_is_refused_leaves_nothing_and_the_sequence_goes_on_without_a_hole
    a_commit_given_up_at_any_moment_is_there_whole_or_not_at_all_and_the_next_one_succeeds
    a_resend_gets_the_first_place_again_and_adds_no_row
    a_resend_is_looked_up_also_when_it_would_be_refused_by_now
    a_key_is_known_only_within_its_conversation_role_and_sender
    a_second_row_under_one_key_is_refused_by_the_database_itself
    a_batch_larger_than_one_statement_is_written_whole
    what_does_not_exist_is_left_out_of_what_is_loaded
    messages_are_loaded_in_their_latest_revision
    unread_messages_are_counted_for_each_side
    agents_are_loaded_by_shop
    the_state_of_a_conversation_is_read_back_as_it_was_written
}

async fn all_commands_of_a_batch_are_written(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    let sends =
        [Send::by_buyer(ana, "a"), Send::by_agent(bo, "b"), Send::note(ana, "c"), Send::by_buyer(ana, "d")];
    let got = send(&store, &sends).await.unwrap();
    assert_eq!(got, [seq(1), seq(1), seq(2), seq(3)]);
    let messages = history(&store, ana, Side::Shop).await;
    assert_eq!(messages.iter().map(text).collect::<Vec<_>>(), ["a", "c", "d"]);
    assert_eq!(history(&store, bo, Side::Shop).await.len(), 1);
    assert_eq!((head(&store, ana).await, head(&store, bo).await), ((3, 3), (1, 1)));
}

async fn a_batch_of_which_any_part_is_refused_leaves_nothing_and_the_sequence_goes_on_without_a_hole(
    backend: Backend,
) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    send(&store, &[Send::by_buyer(ana, "first")]).await.unwrap();

    let spoiled: [(&str, Spoil); 5] = [
        ("a place that is taken", |changes| {
            changes.messages.push(changes.messages[0].clone());
        }),
        ("a message of no conversation", |changes| {
            changes.messages[1].conversation_id = id(77);
        }),
        ("a revision of no message", |changes| {
            let (mut record, mut message) = (changes.conversations[0].clone(), changes.messages[0].clone());
            message.seq = seq(50);
            record.last_seq = seq(60);
            changes.revisions.push(withdraw(&mut record, &message));
        }),
        ("a buyer who has seen more than there is", |changes| {
            changes.conversations[1].buyer_last_seq = seq(90);
        }),
        ("an assignee who is no agent", |changes| {
            let user_id = UserId::new("nobody").unwrap();
            changes.conversations[1].assignee = Some(Person { user_id, name: String::new(), avatar: None });
        }),
    ];
    let sends = [Send::by_buyer(ana, "x"), Send::by_buyer(bo, "y")];
    for (what, spoil) in spoiled {
        let refused = store
            .commit(&needs(&sends), |loaded| {
                let (mut changes, places) = decide(loaded, &sends);
                spoil(&mut changes);
                (changes, places)
            })
            .await;
        assert!(matches!(refused, Err(StoreError::Database(_))), "{what}: {refused:?}");
        assert_eq!((head(&store, ana).await, head(&store, bo).await), ((1, 1), (0, 0)), "{what}");
        assert_eq!(history(&store, ana, Side::Shop).await.len(), 1, "{what}");
        assert_eq!(history(&store, bo, Side::Shop).await, [], "{what}");
    }
    assert_eq!(send(&store, &sends).await.unwrap(), [seq(2), seq(1)]);
}

async fn a_commit_given_up_at_any_moment_is_there_whole_or_not_at_all_and_the_next_one_succeeds(
    backend: Backend,
) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    let mut finished = false;
    for polls in 1.. {
        let sends = [Send::by_buyer(ana, &format!("{polls} a")), Send::by_buyer(bo, &format!("{polls} b"))];
        {
            let mut commit = Box::pin(send(&store, &sends));
            let mut left = polls;
            // Pending each time, so every step of the commit is the one at which some round gives up.
            let given_up = std::future::poll_fn(|context| {
                left -= 1;
                match commit.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if left == 0 => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            if let Some(done) = given_up {
                done.unwrap();
                finished = true;
            }
        }
        // A resend settles it: the pair is there once, whatever became of the first try.
        let settled = send(&store, &sends).await.unwrap();
        assert_eq!(settled, [seq(polls), seq(polls)], "given up after {polls} polls");
        if finished {
            break;
        }
    }
    for conversation in [ana, bo] {
        let found = places(&history(&store, conversation, Side::Shop).await);
        assert_eq!(found, (1..=i64::try_from(found.len()).unwrap()).collect::<Vec<_>>());
    }
}

async fn a_resend_gets_the_first_place_again_and_adds_no_row(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let first = Send::by_buyer(ana, "hello");
    let later = Send { at: Timestamp::from_millis(NOW.millis() + 5), ..first.clone() };
    assert_eq!(
        send(&store, &[first.clone(), first.clone()]).await.unwrap(),
        [seq(1), seq(1)],
        "in one batch"
    );
    assert_eq!(send(&store, &[Send::by_buyer(ana, "more")]).await.unwrap(), [seq(2)]);
    let other_node = world.open().await;
    assert_eq!(send(&other_node, from_ref(&later)).await.unwrap(), [seq(1)], "from another node");
    let sent = store
        .commit(&needs(from_ref(&later)), |loaded| {
            (Changes::default(), loaded.sent.get(&later.send_key()).copied())
        })
        .await
        .unwrap()
        .expect("it was sent before");
    assert_eq!((sent.seq, sent.create_time), (seq(1), NOW), "the first time is told, too");
    assert_eq!(places(&history(&store, ana, Side::Shop).await), [1, 2]);
}

async fn a_resend_is_looked_up_also_when_it_would_be_refused_by_now(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let (first, new) = (Send::by_buyer(ana, "hello"), Send::by_buyer(ana, "more"));
    send(&store, from_ref(&first)).await.unwrap();
    // No message is taken any more, as into a closed conversation.
    let (known, unknown) = store
        .commit(&needs(&[first.clone(), new.clone()]), |loaded| {
            let sent = |send: &Send| loaded.sent.get(&send.send_key()).map(|sent| sent.seq);
            (Changes::default(), (sent(&first), sent(&new)))
        })
        .await
        .unwrap();
    assert_eq!((known, unknown), (Some(seq(1)), None));
    assert_eq!(send(&store, &[new, first]).await.unwrap(), [seq(2), seq(1)], "beside one that is new");
    assert_eq!(places(&history(&store, ana, Side::Shop).await), [1, 2]);
}

async fn a_key_is_known_only_within_its_conversation_role_and_sender(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    let first = Send::by_buyer(ana, "key");
    let mut other_user = first.clone();
    other_user.sender.user_id = Some(UserId::new("ANA").unwrap());
    let mut other_role = first.clone();
    other_role.sender.role = ParticipantRole::CustomerService;
    let other_conversation = Send { into: bo, ..first.clone() };
    let other_case = Send { key: key("KEY"), ..first.clone() };
    assert_eq!(send(&store, &[first]).await.unwrap(), [seq(1)]);
    let others = [other_user, other_role, other_conversation, other_case];
    assert_eq!(send(&store, &others).await.unwrap(), [seq(2), seq(3), seq(1), seq(4)]);
}

async fn a_second_row_under_one_key_is_refused_by_the_database_itself(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let sends = [Send::by_buyer(ana, "key")];
    send(&store, &sends).await.unwrap();
    let forgetful = |mut loaded: Loaded| {
        loaded.sent.clear();
        decide(loaded, &sends)
    };
    let refused = store.commit(&needs(&sends), forgetful).await;
    assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
    assert_eq!(head(&store, ana).await, (1, 1));
}

async fn a_batch_larger_than_one_statement_is_written_whole(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let mut conversations = Vec::new();
    for number in 1..=3 {
        conversations.push(open(&store, &buyer(&format!("buyer {number}")), number).await);
    }
    let sends: Vec<Send> = (0..4_500)
        .map(|number| Send::by_buyer(conversations[number % 3], &format!("message {number}")))
        .collect();
    let got = send(&store, &sends).await.unwrap();
    assert_eq!(got[4_499], seq(1_500));
    assert_eq!(send(&store, &sends).await.unwrap(), got, "and every one of them is known again");
    for conversation in conversations {
        let found = places(&history(&store, conversation, Side::Shop).await);
        assert_eq!(found, (1..=1_500).collect::<Vec<_>>());
    }
}

async fn what_does_not_exist_is_left_out_of_what_is_loaded(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let needs = Needs {
        conversations: vec![ana, id(404)],
        sends: vec![Send::by_buyer(ana, "never").send_key(), Send::by_buyer(id(404), "never").send_key()],
        messages: vec![(ana, seq(1)), (id(404), seq(1))],
        unread_after: vec![(id(404), Side::Shop, seq(0))],
        agents: vec![(ShopId::new("shop").unwrap(), UserId::new("ana").unwrap())],
        cards: vec![(ana, seq(1)), (id(404), seq(1))],
    };
    let loaded = store.commit(&needs, |loaded| (Changes::default(), loaded)).await.unwrap();
    assert_eq!(loaded.conversations.into_keys().collect::<Vec<_>>(), [ana]);
    assert!(
        loaded.sent.is_empty()
            && loaded.messages.is_empty()
            && loaded.agents.is_empty()
            && loaded.cards.is_empty()
    );
    assert_eq!(loaded.unread.into_values().collect::<Vec<_>>(), [0]);
    let nothing = store.commit(&Needs::default(), |_| (Changes::default(), "done")).await.unwrap();
    assert_eq!(nothing, "done", "a batch may need nothing and change nothing");
}

async fn messages_are_loaded_in_their_latest_revision(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    send(&store, &[Send::by_buyer(ana, "kept"), Send::by_buyer(ana, "taken back")]).await.unwrap();
    assert_eq!(recall(&store, ana, seq(2)).await, seq(3));
    let needs = Needs { messages: vec![(ana, seq(1)), (ana, seq(2)), (ana, seq(3))], ..Needs::default() };
    let loaded = store.commit(&needs, |loaded| (Changes::default(), loaded)).await.unwrap();
    assert_eq!(loaded.messages.len(), 2, "a revision is no message of its own");
    let (kept, taken) = (&loaded.messages[&(ana, seq(1))], &loaded.messages[&(ana, seq(2))]);
    assert_eq!((kept.revision, kept.recalled, text(kept)), (0, false, "kept"));
    assert_eq!((taken.revision, taken.recalled), (1, true));
    assert!(!format!("{taken:?}").contains("\"taken back\" }"), "{taken:?}");
    let found = store.messages(&[(ana, seq(2)), (ana, seq(9))]).await.unwrap();
    assert_eq!(found, *from_ref(taken), "and outside of a commit alike");
}

async fn unread_messages_are_counted_for_each_side(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let system = |name: &str| {
        let mut send = Send::by_agent(ana, name);
        send.sender.role = ParticipantRole::System;
        send
    };
    let robot = |name: &str| {
        let mut send = Send::by_agent(ana, name);
        send.sender.role = ParticipantRole::Robot;
        send
    };
    let sends = [
        Send::by_buyer(ana, "1"),
        Send::by_agent(ana, "2"),
        Send::note(ana, "3"),
        Send::by_buyer(ana, "4"),
        system("5"),
        robot("6"),
        Send::by_buyer(ana, "7"),
    ];
    send(&store, &sends).await.unwrap();
    recall(&store, ana, seq(4)).await;
    let count = |side, after| (ana, side, seq(after));
    let unread_after = vec![
        count(Side::Shop, 0),
        count(Side::Shop, 1),
        count(Side::Shop, 7),
        count(Side::Buyer, 0),
        count(Side::Buyer, 2),
        count(Side::Buyer, 6),
    ];
    let needs = Needs { unread_after: unread_after.clone(), ..Needs::default() };
    let loaded = store.commit(&needs, |loaded| (Changes::default(), loaded)).await.unwrap();
    let counted: Vec<u32> = unread_after.iter().map(|asked| loaded.unread[asked]).collect();
    assert_eq!(counted, [2, 1, 0, 2, 1, 0], "no note, no notice, nothing recalled, nothing of one's own");
}

async fn agents_are_loaded_by_shop(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    join(&store, &agent("grace")).await;
    join(&store, &scope("shop", Role::Admin, "root")).await;
    join(&store, &scope("other", Role::Agent, "eve")).await;
    let of = |scope: &Scope| (scope.shop_id.clone(), scope.user_id.clone());
    let (grace, root, eve) = (of(&agent("grace")), of(&agent("root")), of(&agent("eve")));
    let needs = Needs { agents: vec![grace.clone(), root.clone(), eve], ..Needs::default() };
    let loaded = store.commit(&needs, |loaded| (Changes::default(), loaded)).await.unwrap();
    assert_eq!(loaded.agents.len(), 2, "another shop's agent is none of ours");
    assert_eq!(loaded.agents[&grace].name, "grace's name");
    assert_eq!(loaded.agents[&root].name, "root's name");
}

async fn the_state_of_a_conversation_is_read_back_as_it_was_written(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), i64::MAX).await;
    join(&store, &agent("grace")).await;
    let new = |store: Store| async move { store.conversation(&buyer("ana"), ana).await.unwrap().unwrap() };
    let begun = new(store.clone()).await;
    assert_eq!((begun.status, begun.last_seq, &begun.assignee), (ConversationStatus::Open, seq(0), &None));
    assert_eq!((begun.create_time, begun.update_time, begun.tags.len()), (NOW, NOW, 0));
    assert_eq!(begun.buyer.name, "ana's name");

    let sends = [Send::by_buyer(ana, "1"), Send::note(ana, "2")];
    let written = store
        .commit(&needs(&sends), |mut loaded| {
            let mut record = loaded.conversations.remove(&ana).expect("it was loaded");
            let messages = sends.iter().map(|send| append(&mut record, send)).collect();
            let user_id = UserId::new("grace").unwrap();
            record.assignee = Some(Person { user_id, name: "grace's name".into(), avatar: None });
            record.status = ConversationStatus::Closed;
            record.tags = ["réclamation", "a \"quoted\" tag", "🚚"].map(|tag| Tag::new(tag).unwrap()).into();
            record.buyer_read_seq = seq(1);
            record.shop_read_seq = seq(2);
            record.buyer_unread = u32::MAX;
            record.shop_unread = 7;
            record.update_time = Timestamp::from_millis(NOW.millis() + 1);
            (Changes { conversations: vec![record.clone()], messages, ..Changes::default() }, record)
        })
        .await
        .unwrap();
    assert_eq!(new(store.clone()).await, written);
    assert_eq!((written.last_seq_of(Side::Shop), written.last_seq_of(Side::Buyer)), (seq(2), seq(1)));
    assert_eq!((written.latest_message_seq, written.buyer_latest_message_seq), (seq(2), seq(1)));
}
