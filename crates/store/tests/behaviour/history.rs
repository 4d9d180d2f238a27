//! What each side reads of a conversation: pages of its history, and the events of its sequence.

use deskwire_protocol::{ConversationId, Seq, Visibility};
use deskwire_store::{EventRecord, EventsAfter, HistoryRange, Side, Store};

use crate::{
    on_each_database,
    world::{Backend, Send, World, buyer, history, open, places, recall, send, seq},
};

on_each_database! {
    history_is_paged_backward_and_forward_without_a_gap_or_a_double
    the_buyer_is_shown_no_private_note_and_pages_are_full_all_the_same
    events_follow_each_other_for_both_sides_whatever_the_page
    several_places_are_read_together_as_each_by_itself
    what_was_recalled_is_not_told_again
    a_conversation_shows_nothing_of_another
}

/// Messages 1 to 9; 3, 4, 5 and 8 are private notes; then 2 and 4 are recalled, at 10 and 11, and 12 is said.
async fn talk(store: &Store) -> ConversationId {
    let ana = open(store, &buyer("ana"), 1).await;
    let sends: Vec<Send> = (1..=9)
        .map(|number| match number {
            3..=5 | 8 => Send::note(ana, &format!("secret {number}")),
            1 | 2 | 6 => Send::by_buyer(ana, &format!("said {number}")),
            _ => Send::by_agent(ana, &format!("said {number}")),
        })
        .collect();
    send(store, &sends).await.unwrap();
    recall(store, ana, seq(2)).await;
    recall(store, ana, seq(4)).await;
    send(store, &[Send::by_buyer(ana, "said 12")]).await.unwrap();
    ana
}

/// Reads page after page until one is not full; the places of each.
async fn pages(store: &Store, of: ConversationId, side: Side, back: bool, limit: u32) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut range = if back { HistoryRange::Newest } else { HistoryRange::After(Seq::ZERO) };
    loop {
        let page = places(&store.history(of, side, range, limit).await.unwrap());
        let full = page.len() == limit as usize;
        range = match (back, page.first(), page.last()) {
            (true, Some(first), _) => HistoryRange::Before(seq(*first)),
            (false, _, Some(last)) => HistoryRange::After(seq(*last)),
            _ => range,
        };
        pages.push(page);
        if !full {
            return pages;
        }
    }
}

async fn history_is_paged_backward_and_forward_without_a_gap_or_a_double(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = talk(&store).await;
    let all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12];
    assert_eq!(pages(&store, ana, Side::Shop, false, 4).await, [&all[..4], &all[4..8], &all[8..]]);
    assert_eq!(pages(&store, ana, Side::Shop, true, 4).await, [&all[6..], &all[2..6], &all[..2]]);
    for limit in 1..=11 {
        for back in [false, true] {
            let mut found = pages(&store, ana, Side::Shop, back, limit).await;
            if back {
                found.reverse();
            }
            assert_eq!(found.concat(), all, "pages of {limit}, back: {back}");
        }
    }
}

async fn the_buyer_is_shown_no_private_note_and_pages_are_full_all_the_same(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = talk(&store).await;
    assert_eq!(pages(&store, ana, Side::Buyer, false, 3).await, [vec![1, 2, 6], vec![7, 9, 12], vec![]]);
    assert_eq!(pages(&store, ana, Side::Buyer, true, 4).await, [vec![6, 7, 9, 12], vec![1, 2]]);
    let told = format!(
        "{:?} {:?}",
        history(&store, ana, Side::Buyer).await,
        store.events(ana, Side::Buyer, Seq::ZERO, 100).await.unwrap()
    );
    assert!(!told.contains("secret"), "{told}");
}

fn prev(event: &EventRecord, side: Side) -> Seq {
    match side {
        Side::Buyer => event.buyer_prev_seq,
        Side::Shop => seq(event.seq.get() - 1),
    }
}

async fn events_follow_each_other_for_both_sides_whatever_the_page(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = talk(&store).await;
    let expected: [(Side, &[i64]); 2] =
        [(Side::Shop, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), (Side::Buyer, &[1, 2, 6, 7, 9, 10, 12])];
    for (side, expected) in expected {
        for limit in 1..=13 {
            // From every place, also from one that this side cannot see.
            for start in 0..=12 {
                let (mut last, mut found) = (seq(start), Vec::new());
                loop {
                    let page = store.events(ana, side, last, limit).await.unwrap();
                    assert!(page.len() <= limit as usize);
                    for event in &page {
                        let follows =
                            prev(event, side) == last || (found.is_empty() && prev(event, side) <= last);
                        assert!(follows, "{side:?}, pages of {limit} from {start}: {event:?} after {last}");
                        let as_told = event.message.to_message(side);
                        assert!(side == Side::Shop || as_told.visibility == Visibility::All);
                        last = event.seq;
                        found.push(event.seq.get());
                    }
                    if page.is_empty() {
                        break;
                    }
                }
                let missed: Vec<i64> = expected.iter().copied().filter(|place| *place > start).collect();
                assert_eq!(found, missed, "{side:?}, pages of {limit} from {start}");
            }
        }
    }
}

async fn several_places_are_read_together_as_each_by_itself(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = talk(&store).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    let mut places = Vec::new();
    for side in [Side::Shop, Side::Buyer] {
        for start in 0..=12 {
            places.push(EventsAfter { conversation_id: ana, side, after_seq: seq(start) });
        }
        places.push(EventsAfter { conversation_id: bo, side, after_seq: seq(0) });
    }
    // Every number of them, so that those that only fill a statement up are seen to bring nothing.
    for count in 0..=places.len() {
        let places = &places[..count];
        let together = store.events_after(places, 5).await.unwrap();
        assert_eq!(together.len(), count);
        for (place, events) in places.iter().zip(together) {
            let EventsAfter { conversation_id, side, after_seq } = *place;
            assert_eq!(events, store.events(conversation_id, side, after_seq, 5).await.unwrap(), "{place:?}");
        }
    }
}

async fn what_was_recalled_is_not_told_again(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = talk(&store).await;
    let events = store.events(ana, Side::Shop, Seq::ZERO, 100).await.unwrap();
    let told = format!("{events:?} {:?}", history(&store, ana, Side::Shop).await);
    assert!(told.contains("text: \"said 1\"") && told.contains("text: \"secret 3\""), "{told}");
    assert!(!told.contains("text: \"said 2\"") && !told.contains("text: \"secret 4\""), "{told}");
    let (created, recalled) = (&events[1], &events[9]);
    assert_eq!((created.seq, created.message.recalled, created.message.revision), (seq(2), false, 0));
    assert_eq!((recalled.seq, recalled.message.seq), (seq(10), seq(2)));
    assert_eq!((recalled.message.recalled, recalled.message.revision), (true, 1));
    assert_eq!((recalled.buyer_prev_seq, events[11].buyer_prev_seq), (seq(9), seq(10)));
}

async fn a_conversation_shows_nothing_of_another(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = talk(&store).await;
    let bo = open(&store, &buyer("bo"), 2).await;
    assert_eq!(history(&store, bo, Side::Shop).await, []);
    assert_eq!(store.events(bo, Side::Shop, Seq::ZERO, 10).await.unwrap(), []);
    assert_eq!(store.events(ana, Side::Shop, seq(12), 10).await.unwrap(), []);
    assert_eq!(store.history(ana, Side::Shop, HistoryRange::Before(seq(1)), 10).await.unwrap(), []);
    assert_eq!(store.history(ana, Side::Shop, HistoryRange::After(seq(i64::MAX)), 10).await.unwrap(), []);
}
