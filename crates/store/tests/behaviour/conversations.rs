//! Conversations within a caller's scope: opening, listing, following what changed.

use deskwire_protocol::{ConversationId, Role, ShopId, Timestamp, conversation::ConversationStatus};
use deskwire_store::{Changes, ConversationQuery, ConversationRecord, Needs, Scope, Store, StoreError};

use crate::{
    on_each_database,
    world::{Backend, NOW, Send, World, agent, buyer, id, join, open, scope, send},
};

on_each_database! {
    opening_again_gives_the_same_conversation
    a_taken_number_is_a_collision_and_another_one_will_do
    many_open_at_once_and_each_gets_the_own_conversation
    only_a_buyer_who_is_known_can_open_a_conversation
    a_caller_reaches_nothing_of_another_shop_or_another_buyer
    the_list_is_paged_by_key_through_equal_times_without_a_gap_or_a_double
    what_changed_is_followed_through_equal_times_without_a_gap_or_a_double
    the_list_keeps_to_a_status
    heads_tell_where_each_sequence_stands
    heads_of_a_shop_are_those_changed_since
}

async fn opening_again_gives_the_same_conversation(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let later = Timestamp::from_millis(NOW.millis() + 1);
    let again = world.open().await.open_conversation(&buyer("ana"), id(2), later).await.unwrap();
    assert_eq!((again.conversation_id, again.create_time), (ana, NOW));
    let elsewhere = open(&store, &scope("other", Role::Buyer, "ana"), 3).await;
    assert_eq!(elsewhere, id(3), "the buyer of another shop is another buyer");
}

async fn a_taken_number_is_a_collision_and_another_one_will_do(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    open(&store, &buyer("ana"), 1).await;
    join(&store, &buyer("bo")).await;
    let taken = store.open_conversation(&buyer("bo"), id(1), NOW).await;
    assert!(matches!(&taken, Err(error) if error.is_collision() && !error.is_unavailable()), "{taken:?}");
    let record = store.open_conversation(&buyer("bo"), id(2), NOW).await.unwrap();
    assert_eq!(record.buyer.user_id, buyer("bo").user_id);
}

async fn many_open_at_once_and_each_gets_the_own_conversation(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    open(&store, &buyer("ana"), 1).await;
    let elsewhere = scope("other", Role::Buyer, "ana");
    for scope in [&buyer("bo"), &buyer("cleo"), &buyer("dan"), &elsewhere] {
        join(&store, scope).await;
    }
    let openings = [
        (buyer("ana"), id(2)),
        (buyer("bo"), id(3)),
        (elsewhere, id(4)),
        // On two devices at once.
        (buyer("cleo"), id(5)),
        (buyer("cleo"), id(6)),
        // A number that is taken already.
        (buyer("dan"), id(1)),
    ];
    for round in ["new", "again"] {
        let opened = store.open_conversations(&openings, NOW).await.unwrap();
        let opened: Vec<_> = opened
            .into_iter()
            .map(|record| {
                record.map(|record| (record.buyer.user_id.to_string(), record.conversation_id.get()))
            })
            .collect();
        let expected = [("ana", 1), ("bo", 3), ("ana", 4), ("cleo", 5), ("cleo", 5)]
            .map(|(buyer, id)| Some((buyer.to_owned(), id)));
        assert_eq!(opened, [&expected[..], &[None]].concat(), "{round}");
    }
    assert!(store.open_conversations(&[], NOW).await.unwrap().is_empty());
}

async fn only_a_buyer_who_is_known_can_open_a_conversation(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    join(&store, &agent("grace")).await;
    let refused = store.open_conversation(&buyer("grace"), id(1), NOW).await;
    assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
}

async fn a_caller_reaches_nothing_of_another_shop_or_another_buyer(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    open(&store, &buyer("bo"), 2).await;
    let theirs = open(&store, &scope("other", Role::Buyer, "ana"), 3).await;
    let cases: [(Scope, &[i64]); 7] = [
        (buyer("ana"), &[1]),
        (buyer("bo"), &[2]),
        (buyer("nobody"), &[]),
        (agent("grace"), &[1, 2]),
        (scope("shop", Role::Admin, "root"), &[1, 2]),
        (scope("other", Role::Agent, "eve"), &[3]),
        (scope("nowhere", Role::Agent, "eve"), &[]),
    ];
    for (scope, expected) in cases {
        let expected: Vec<ConversationId> = expected.iter().map(|number| id(*number)).collect();
        for candidate in [ana, id(2), theirs, id(404)] {
            let found = store.conversation(&scope, candidate).await.unwrap();
            assert_eq!(found.is_some(), expected.contains(&candidate), "{scope:?} {candidate}");
        }
        let query = ConversationQuery { limit: 10, ..ConversationQuery::default() };
        let mut listed = ids(&store.conversations(&scope, &query).await.unwrap());
        listed.sort_unstable();
        assert_eq!(listed, expected, "{scope:?}");
        let changed = store.conversations_changed(&scope, (Timestamp::default(), 0), 10).await.unwrap();
        assert_eq!(ids(&changed), expected, "{scope:?}");
    }
}

fn ids(records: &[ConversationRecord]) -> Vec<ConversationId> {
    records.iter().map(|record| record.conversation_id).collect()
}

/// Eleven conversations of one shop, changed at three moments; and one of another shop. Ordered by change.
async fn eleven(store: &Store) -> Vec<ConversationId> {
    let mut expected = Vec::new();
    // Numbered against the order of making, so that neither the order of rows nor of numbers alone is the answer.
    for number in (1..=11).rev() {
        let conversation = open(store, &buyer(&format!("buyer {number}")), number * 10).await;
        let at = Timestamp::from_millis(NOW.millis() + number % 3);
        send(store, &[Send { at, ..Send::by_buyer(conversation, "hello") }]).await.unwrap();
        expected.push((at, conversation));
    }
    open(store, &scope("other", Role::Buyer, "buyer 1"), 55).await;
    expected.sort_unstable();
    expected.into_iter().map(|(_, conversation)| conversation).collect()
}

async fn the_list_is_paged_by_key_through_equal_times_without_a_gap_or_a_double(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let mut expected = eleven(&store).await;
    close(&store, &[expected[2], expected[7]]).await;
    expected.reverse();
    for limit in 1..=12 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let query = ConversationQuery { after, limit, status: None };
            let page = store.conversations(&agent("grace"), &query).await.unwrap();
            found.extend(ids(&page));
            match page.last() {
                Some(last) if page.len() == limit as usize => {
                    after = Some((last.update_time, last.conversation_id));
                }
                Some(_) | None => break,
            }
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
}

async fn what_changed_is_followed_through_equal_times_without_a_gap_or_a_double(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let expected = eleven(&store).await;
    close(&store, &[expected[2], expected[7]]).await;
    for limit in 1..=12 {
        let (mut found, mut after) = (Vec::new(), (Timestamp::default(), 0));
        loop {
            let page = store.conversations_changed(&agent("grace"), after, limit).await.unwrap();
            found.extend(ids(&page));
            let Some(last) = page.last() else { break };
            after = (last.update_time, last.conversation_id.get());
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
}

async fn the_list_keeps_to_a_status(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let all = eleven(&store).await;
    let closed = [all[2], all[7]];
    close(&store, &closed).await;
    for (status, count) in [(ConversationStatus::Closed, 2), (ConversationStatus::Open, 9)] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let query = ConversationQuery { status: Some(status), after, limit: 2 };
            let page = store.conversations(&agent("grace"), &query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.update_time, last.conversation_id));
            assert!(page.iter().all(|record| record.status == status));
            found.extend(ids(&page));
        }
        assert_eq!(found.len(), count, "{status:?}");
        assert_eq!(closed.iter().all(|closed| found.contains(closed)), status == ConversationStatus::Closed);
    }
}

async fn close(store: &Store, conversations: &[ConversationId]) {
    let mut conversations = conversations.to_vec();
    conversations.sort_unstable();
    let needs = Needs { conversations, ..Needs::default() };
    let decide = |loaded: deskwire_store::Loaded| {
        let mut conversations: Vec<ConversationRecord> = loaded.conversations.into_values().collect();
        for record in &mut conversations {
            record.status = ConversationStatus::Closed;
        }
        (Changes { conversations, ..Changes::default() }, ())
    };
    store.commit(&needs, decide).await.unwrap();
}

async fn heads_tell_where_each_sequence_stands(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    send(&store, &[Send::by_buyer(ana, "said"), Send::note(ana, "noted")]).await.unwrap();
    let mut heads = store.heads(&[bo, id(404), ana]).await.unwrap();
    heads.sort_by_key(|head| head.conversation_id);
    let told: Vec<_> = heads.iter().map(|head| (head.last_seq.get(), head.buyer_last_seq.get())).collect();
    assert_eq!(told, [(2, 1), (0, 0)]);
    assert_eq!(store.heads(&[]).await.unwrap(), []);
    let mut records = store.conversations_by_id(&[bo, id(404), ana]).await.unwrap();
    records.sort_by_key(|record| record.conversation_id);
    assert_eq!(ids(&records), [ana, bo]);
    assert_eq!(records[0].buyer.name, "ana's name");
    assert_eq!(store.conversations_by_id(&[]).await.unwrap(), []);
}

async fn heads_of_a_shop_are_those_changed_since(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let all = eleven(&store).await;
    let (shop, other) = (ShopId::new("shop").unwrap(), ShopId::new("other").unwrap());
    let since = |millis| Timestamp::from_millis(NOW.millis() + millis);
    let heads = store.heads_changed_since(std::slice::from_ref(&shop), since(2)).await.unwrap();
    let mut found: Vec<ConversationId> = heads.iter().map(|head| head.conversation_id).collect();
    found.sort_unstable();
    let mut last: Vec<ConversationId> = all[7..].to_vec();
    last.sort_unstable();
    assert_eq!(found, last, "those of the very millisecond, too");
    assert_eq!(store.heads_changed_since(std::slice::from_ref(&shop), since(3)).await.unwrap(), []);
    assert_eq!(store.heads_changed_since(std::slice::from_ref(&other), since(0)).await.unwrap().len(), 1);
    assert_eq!(store.heads_changed_since(&[shop, other], since(0)).await.unwrap().len(), 12);
    assert_eq!(store.heads_changed_since(&[], since(0)).await.unwrap(), []);
}
