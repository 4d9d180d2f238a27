//! Several nodes on one database at once.

use std::collections::HashMap;

use deskwire_protocol::{ConversationId, Person, Seq, UserId};
use deskwire_store::{Changes, Loaded, Needs, SendKey, Side, Store};
use futures::future::join_all;
use tokio::task::JoinSet;

use crate::{
    on_each_database,
    world::{Backend, NOW, Send, World, agent, buyer, history, id, join, needs, open, places, send, text},
};

on_each_database! {
    racing_opens_of_one_conversation_make_one
    racing_nodes_neither_lose_nor_double_nor_deadlock
    racing_resends_from_two_nodes_make_one_row
    an_assignee_is_known_by_name_however_the_conversation_was_waited_for
    users_come_while_commits_run
}

async fn racing_opens_of_one_conversation_make_one(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let nodes = [store, world.open().await, world.open().await];
    for round in 0..5_i64 {
        let scope = buyer(&format!("buyer {round}"));
        join(&nodes[0], &scope).await;
        let opens = (1..=12_i64).map(|number| {
            let node = &nodes[usize::try_from(number).unwrap() % nodes.len()];
            node.open_conversation(&scope, id(round * 100 + number), NOW)
        });
        let opened = join_all(opens).await;
        let made: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        assert!(made.iter().all(|record| *record == made[0]), "{made:?}");
    }
    assert_eq!(world.raw().await.number("SELECT count(*) FROM conversation").await, 5);
}

/// A stream of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn racing_nodes_neither_lose_nor_double_nor_deadlock(backend: Backend) {
    const CONVERSATIONS: u64 = 6;
    const LANES: u64 = 4;
    const BATCHES: u64 = 25;
    let (world, store) = World::with_store(backend).await;
    let mut conversations = Vec::new();
    for number in 1..=CONVERSATIONS {
        let scope = buyer(&format!("buyer {number}"));
        conversations.push(open(&store, &scope, i64::try_from(number).unwrap()).await);
    }
    let mut lanes = JoinSet::new();
    for node in [store.clone(), world.open().await] {
        for lane in 0..LANES {
            let (node, conversations) = (node.clone(), conversations.clone());
            // Both nodes are given the same batches, so that every message is sent at least twice.
            let mut dice = Dice(lane);
            lanes.spawn(async move {
                let mut answered: Vec<(SendKey, Seq)> = Vec::new();
                for batch in 0..BATCHES {
                    let sends: Vec<Send> = (0..=dice.roll(12))
                        .map(|number| {
                            let into = conversations[usize::try_from(dice.roll(CONVERSATIONS)).unwrap()];
                            Send::by_buyer(into, &format!("{lane}.{batch}.{number}"))
                        })
                        .collect();
                    let got = send(&node, &sends).await.unwrap();
                    answered.extend(sends.iter().map(Send::send_key).zip(got));
                }
                answered
            });
        }
    }
    let answered = lanes.join_all().await.concat();
    let mut first: HashMap<SendKey, Seq> = HashMap::new();
    for (key, seq) in &answered {
        assert_eq!(first.entry(key.clone()).or_insert(*seq), seq, "one answer for {key:?}, from any node");
    }
    assert_eq!(answered.len(), first.len() * 2);
    let mut rows = 0;
    for conversation in conversations {
        let messages = history(&store, conversation, Side::Shop).await;
        rows += messages.len();
        let whole: Vec<i64> = (1..=i64::try_from(messages.len()).unwrap()).collect();
        assert_eq!(places(&messages), whole, "no hole");
        for message in &messages {
            let key = Send::by_buyer(conversation, text(message)).send_key();
            assert_eq!(first[&key], message.seq, "what was answered is what is there");
        }
    }
    assert_eq!(rows, first.len(), "nothing lost, nothing doubled");
}

async fn racing_resends_from_two_nodes_make_one_row(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let nodes = [store, world.open().await];
    let ana = open(&nodes[0], &buyer("ana"), 1).await;
    for round in 0..10 {
        let sends = [Send::by_buyer(ana, &format!("message {round}"))];
        let tries = (0..8).map(|number| send(&nodes[number % 2], &sends));
        let got: Vec<Vec<Seq>> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
        assert!(got.iter().all(|got| *got == [crate::world::seq(round + 1)]), "{got:?}");
    }
    assert_eq!(history(&nodes[0], ana, Side::Shop).await.len(), 10);
}

/// Gives the conversation to this agent, and tells who had it before.
async fn assign(store: &Store, conversation: ConversationId, to: &str) -> Option<Person> {
    let to = Person { user_id: UserId::new(to).unwrap(), name: String::new(), avatar: None };
    let needs = Needs { conversations: vec![conversation], ..Needs::default() };
    let decide = |mut loaded: Loaded| {
        let mut record = loaded.conversations.remove(&conversation).expect("it was loaded");
        let before = record.assignee.replace(to.clone());
        (Changes { conversations: vec![record], ..Changes::default() }, before)
    };
    store.commit(&needs, decide).await.unwrap()
}

async fn an_assignee_is_known_by_name_however_the_conversation_was_waited_for(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let agents = ["ada", "grace", "joan"];
    for name in agents {
        join(&store, &agent(name)).await;
    }
    assert_eq!(assign(&store, ana, "ada").await, None);
    let nodes = [store, world.open().await];
    for _ in 0..10 {
        let turns = (0..8).map(|number| assign(&nodes[number % 2], ana, agents[number % 3]));
        for before in join_all(turns).await {
            let before = before.expect("someone had it");
            assert_eq!(before.name, format!("{}'s name", before.user_id));
        }
    }
}

async fn users_come_while_commits_run(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    join(&store, &agent("grace")).await;
    let node = world.open().await;
    let come = async {
        for number in 0..30 {
            for scope in [buyer("ana"), agent("grace"), buyer(&format!("new {}", number % 7))] {
                let name = format!("{number}");
                let user = deskwire_store::UserRecord { user_id: scope.user_id.clone(), name, locale: None };
                node.put_user(&scope, &user, NOW).await.unwrap();
            }
        }
    };
    let commits = async {
        for number in 0..30 {
            let sends = [Send::by_buyer(ana, &format!("message {number}"))];
            let record = store
                .commit(&needs(&sends), |mut loaded| {
                    let record = loaded.conversations.get_mut(&ana).expect("it was loaded");
                    let user_id = UserId::new("grace").unwrap();
                    record.assignee =
                        (number % 2 == 0).then_some(Person { user_id, name: String::new(), avatar: None });
                    crate::world::decide(loaded, &sends)
                })
                .await;
            record.unwrap();
        }
    };
    tokio::join!(come, commits);
    assert_eq!(history(&store, ana, Side::Shop).await.len(), 30);
}
