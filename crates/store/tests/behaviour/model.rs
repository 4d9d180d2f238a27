//! Any batches, sent from two nodes at once, against a model that takes them one after the other.

use std::collections::HashMap;

use deskwire_protocol::{ConversationId, Seq};
use deskwire_store::{Side, Store};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};

use crate::{
    on_each_database,
    world::{Backend, Send, World, buyer, head, history, open, send, text},
};

on_each_database! {
    racing_batches_are_as_if_they_had_come_one_after_the_other
}

/// Who sends what into which conversation; keys are few, so that resends are many.
#[derive(Debug, Clone)]
struct Said {
    conversation: usize,
    key: u8,
    note: bool,
}

fn said() -> impl Strategy<Value = Said> {
    (0..3_usize, 0..12_u8, any::<bool>()).prop_map(|(conversation, key, note)| Said {
        conversation,
        key,
        note,
    })
}

impl Said {
    fn to_send(&self, conversations: &[ConversationId]) -> Send {
        let into = conversations[self.conversation];
        // The key tells whether it is a note: one key is one message.
        let name = format!("{} {}", if self.note { "note" } else { "said" }, self.key);
        if self.note { Send::note(into, &name) } else { Send::by_agent(into, &name) }
    }
}

async fn racing_batches_are_as_if_they_had_come_one_after_the_other(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let other = world.open().await;
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Handle::current();
        // The same cases in every run: a failure here fails again.
        let config =
            Config { cases: 24, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() };
        let case = std::cell::Cell::new(0);
        let batches = || vec(vec(said(), 1..6), 1..8);
        TestRunner::new(config)
            .run(&(batches(), batches()), |(here, there)| {
                case.set(case.get() + 1);
                runtime.block_on(check(&store, &other, case.get(), &here, &there));
                Ok(())
            })
            .unwrap();
    });
}

async fn check(store: &Store, other: &Store, case: i64, here: &[Vec<Said>], there: &[Vec<Said>]) {
    let mut conversations = Vec::new();
    for number in 0..3 {
        let scope = buyer(&format!("{case} {number}"));
        conversations.push(open(store, &scope, case * 10 + number + 1).await);
    }
    let run = |store: Store, batches: Vec<Vec<Said>>, conversations: Vec<ConversationId>| async move {
        let mut answered: Vec<(Send, Seq)> = Vec::new();
        for batch in &batches {
            let sends: Vec<Send> = batch.iter().map(|said| said.to_send(&conversations)).collect();
            let places = send(&store, &sends).await.unwrap();
            answered.extend(sends.into_iter().zip(places));
        }
        answered
    };
    let (mut answered, more) = tokio::join!(
        run(store.clone(), here.to_vec(), conversations.clone()),
        run(other.clone(), there.to_vec(), conversations.clone())
    );
    answered.extend(more);

    // The model: of each key the first answer, in the order of places.
    let mut model: HashMap<ConversationId, Vec<(Seq, Send)>> = HashMap::new();
    for (send, seq) in answered {
        let told = model.entry(send.into).or_default();
        match told.iter().find(|(_, known)| known.key == send.key) {
            Some((place, _)) => assert_eq!(*place, seq, "one answer for {:?}", send.key),
            None => told.push((seq, send)),
        }
    }
    for conversation in conversations {
        let mut expected = model.remove(&conversation).unwrap_or_default();
        expected.sort_by_key(|(seq, _)| *seq);
        let messages = history(store, conversation, Side::Shop).await;
        assert_eq!(messages.len(), expected.len());
        let mut buyer_last = Seq::ZERO;
        for (place, (message, (seq, send))) in (1..).zip(messages.iter().zip(&expected)) {
            assert_eq!((message.seq, *seq), (crate::world::seq(place), message.seq));
            assert_eq!((text(message), message.visibility), (&*send.text, send.visibility));
            assert_eq!(message.buyer_prev_seq, buyer_last, "the one before that the buyer may see");
            if message.visibility == deskwire_protocol::Visibility::All {
                buyer_last = message.seq;
            }
        }
        assert_eq!(
            head(store, conversation).await,
            (i64::try_from(expected.len()).unwrap(), buyer_last.get())
        );
    }
}
