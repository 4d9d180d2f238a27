//! A rolling restart: every node of a service is ended in order and started again, one after the other, while people talk
//! through all of them. Nobody notices more than having to come back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{collections::HashMap, sync::Arc};

use deskwire_protocol::CloseCode;
use deskwire_tests::{Backend, Client, Codec, Connect, Redis, ServerOptions, Setting, User, within};
use serde_json::Value;
use tokio::{
    sync::{RwLock, watch},
    task::JoinSet,
};

/// Messages acknowledged between one restart and the next, and after the last one.
const BETWEEN: usize = 40;

/// What everyone here shares.
struct Service {
    codec: Codec,
    /// The nodes that take sockets now, as a balancer would know them. Held by whoever is on the way to one, so that none is
    /// ended under somebody who has no session there yet.
    nodes: RwLock<Vec<String>>,
    acknowledged: watch::Sender<usize>,
    over: watch::Sender<bool>,
}

/// Someone who talks on, and comes back whenever the server asks for it.
struct Talker {
    service: Arc<Service>,
    name: String,
    token: String,
    here: String,
    /// Which node comes next.
    turn: usize,
    acknowledged: Vec<String>,
    /// The `client_message_id` of every message, in the order of its `seq`, which begins at 1.
    seen: Vec<String>,
    drained: usize,
}

impl Talker {
    /// Takes the next messages in: each right after the one before it, over all sockets.
    fn see(&mut self, events: &[Value]) {
        for event in events {
            assert_eq!(
                event["seq"],
                self.seen.len() + 1,
                "{}: lost, doubled or out of order: {event}",
                self.name
            );
            self.seen.push(event["message"]["client_message_id"].as_str().unwrap().to_owned());
        }
    }

    /// A session on the next node, caught up.
    async fn come(&mut self) -> Client {
        let service = Arc::clone(&self.service);
        let nodes = within("a node", service.nodes.read()).await;
        self.turn += 1;
        let mut client = Connect::at(&nodes[self.turn % nodes.len()], service.codec).open().await.unwrap();
        client.start(&self.token).await;
        loop {
            let after = i64::try_from(self.seen.len()).unwrap();
            let page = client.attach_after(&self.here, after).await;
            self.see(page["events"].as_array().unwrap());
            if page["has_more"] == false {
                return client;
            }
        }
    }

    async fn talk(mut self) -> (Self, Client) {
        let mut client = self.come().await;
        while !*self.service.over.borrow() {
            // The same until it is acknowledged, on whichever node.
            let id = format!("{}-{}", self.name, self.acknowledged.len());
            let message = Client::message(&self.here, &id, &id);
            if let Some(sent) = client.call_or_end("message.send", message).await {
                sent.unwrap_or_else(|error| panic!("{id}: {error:?}"));
                self.acknowledged.push(id);
                self.service.acknowledged.send_modify(|count| *count += 1);
                self.see(&client.pushes_taken("message.created"));
            } else {
                assert_eq!(client.close_code().await, CloseCode::Draining.code());
                let told = client.pushes_taken("session.draining");
                assert!(told.len() == 1 && told[0]["reconnect_after_ms"].is_u64(), "{}: {told:?}", self.name);
                self.see(&client.pushes_taken("message.created"));
                self.drained += 1;
                client = self.come().await;
            }
        }
        (self, client)
    }
}

async fn restart_each_of(count: usize, codec: Codec) {
    let redis = within("Redis", Redis::start()).await.unwrap();
    let first = ServerOptions::new(Setting { codec, backend: Backend::Postgres })
        .env("DESKWIRE_GATEWAY__BUYER_SENDS_PER_SECOND", 100_000)
        .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 100_000)
        .env("DESKWIRE_GATEWAY__AGENT_SENDS_PER_SECOND", 100_000)
        .env("DESKWIRE_GATEWAY__AGENT_SEND_BURST", 100_000)
        .env("DESKWIRE_GATEWAY__FRAMES_PER_SECOND", 100_000)
        .env("DESKWIRE_GATEWAY__FRAME_BURST", 100_000)
        .redis(&redis)
        .start()
        .await;
    let mut nodes = vec![first];
    for _ in 1..count {
        nodes.push(ServerOptions::beside(&nodes[0]).start().await);
    }
    let service = Arc::new(Service {
        codec,
        nodes: RwLock::new(nodes.iter().map(|node| node.address().to_owned()).collect()),
        acknowledged: watch::Sender::new(0),
        over: watch::Sender::new(false),
    });
    let mut talking = JoinSet::new();
    let mut conversations = Vec::new();
    for pair in 0..3 {
        let buyer = User::buyer(format!("buyer-{pair}"));
        let here = nodes[0].join(&buyer).await.open().await;
        // Each pair begins on two different nodes.
        for (turn, user) in [buyer, User::agent(format!("agent-{pair}"))].iter().enumerate() {
            let talker = Talker {
                service: Arc::clone(&service),
                name: format!("{}-{pair}", ["buyer", "agent"][turn]),
                token: nodes[0].sign(user),
                here: here.clone(),
                turn: pair + turn,
                acknowledged: Vec::new(),
                seen: Vec::new(),
                drained: 0,
            };
            talking.spawn(talker.talk());
        }
        conversations.push(here);
    }
    let mut acknowledged = service.acknowledged.subscribe();
    for node in &mut nodes {
        let enough = *acknowledged.borrow() + BETWEEN;
        within("a talk", acknowledged.wait_for(|count| *count >= enough)).await.unwrap();
        let address = node.address().to_owned();
        within("all are there", service.nodes.write()).await.retain(|other| *other != address);
        assert_eq!(node.terminate().await.code(), Some(0), "{}", node.log());
        node.start_again().await;
        within("all are there", service.nodes.write()).await.push(node.address().to_owned());
    }
    let enough = *acknowledged.borrow() + BETWEEN;
    within("a talk", acknowledged.wait_for(|count| *count >= enough)).await.unwrap();
    service.over.send_replace(true);
    let mut talked = within("all come to an end", talking.join_all()).await;

    let mut histories = HashMap::new();
    let mut reader = nodes[0].agent("reader").await;
    for here in conversations {
        let history: Vec<String> = reader.texts(&here).await;
        histories.insert(here, history);
    }
    for (talker, client) in &mut talked {
        let history = &histories[&talker.here];
        while talker.seen.len() < history.len() {
            let push = client.push("message.created").await;
            talker.see(&[push]);
        }
        assert_eq!(&talker.seen, history, "{}", talker.name);
        let own: Vec<_> = history.iter().filter(|id| id.starts_with(&format!("{}-", talker.name))).collect();
        assert!(
            own.iter().copied().eq(&talker.acknowledged),
            "{}: all that was acknowledged, once, in order",
            talker.name
        );
        assert!(talker.drained > 0, "{} was on no node that was restarted", talker.name);
    }
}

#[tokio::test]
async fn two_nodes_are_restarted_one_after_the_other_while_people_talk() {
    restart_each_of(2, Codec::Json).await;
}

#[tokio::test]
async fn three_nodes_are_restarted_one_after_the_other_while_people_talk() {
    restart_each_of(3, Codec::MsgPack).await;
}
