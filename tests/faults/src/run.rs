//! One run: start everything, let people talk, break things, wait for quiet, read what is there, and ask the checker.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use deskwire_protocol::Codec;
use deskwire_tests::User;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    cast::{Cast, token},
    checker::{self, CATCH_UP, Evidence, Quiet, Reading, Row, Verdict, Witness},
    faults::{Fault, Hands},
    nodes::{Program, SECRET, Service},
    people::{self, Phase, Place},
    proxy::Proxy,
    record::{Event, NOBODY, Record, What, hash, thing},
    socket::Socket,
};

/// For everyone to be there at the beginning, and for every answer to come at the end.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often the run looks.
const LOOK: Duration = Duration::from_millis(50);
/// Conversations that are read side by side.
const READERS: usize = 8;
/// A conversation that is changed by itself (a card) while it is read is read again, so often at most.
const READ_AGAIN: usize = 20;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program under test.
    pub program: Program,
    /// Sockets that are open at a time, and the shops that they are of.
    pub sockets: usize,
    /// Shops.
    pub shops: usize,
    /// About how long each waits between two things that they do.
    pub pace: Duration,
    /// What is drawn at random is drawn from this.
    pub seed: u64,
    /// What is broken.
    pub faults: Vec<Fault>,
    /// They talk at least so long.
    pub talk: Duration,
    /// Where the record goes.
    pub record: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What the checker says.
    pub verdict: Verdict,
    /// How long people talked.
    pub talked: Duration,
    /// Conversations of the run.
    pub conversations: usize,
    /// What the nodes wrote to their logs; empty unless something is wrong.
    pub logs: String,
}

/// Runs the three nodes.
pub async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    let service = Arc::new(Service::start(&plan.program).await?);
    let faults = plan.faults.clone();
    over(plan, service, async move |service: &Arc<Service>, place: &Arc<Place>| {
        let hands = Arc::new(Hands::default());
        let began = Instant::now();
        let mut under_way = JoinSet::new();
        for (number, fault) in faults.into_iter().enumerate() {
            sleep_until(began + fault.at).await;
            let (hands, service, place) = (Arc::clone(&hands), Arc::clone(service), Arc::clone(place));
            under_way.spawn(async move { hands.break_and_heal(number, &fault, &service, &place).await });
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    })
    .await
}

/// Lets people talk to this service while `breaking` does what it does, and judges.
pub async fn over(
    plan: Plan,
    service: Arc<Service>,
    breaking: impl AsyncFnOnce(&Arc<Service>, &Arc<Place>) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let mut cast = Cast::of(plan.sockets, plan.shops, SECRET);
    for shop in &cast.shops {
        service.import_coupons(shop, &cast.coupons).await?;
    }
    open_conversations(&mut cast, service.nodes[0].address()).await?;
    let mut lines = Vec::new();
    for (number, node) in service.nodes.iter().enumerate() {
        lines.push(Proxy::to(node.address(), plan.seed.wrapping_add(number as u64)).await?);
    }
    let place = Arc::new(Place {
        cast,
        lines,
        record: Record::begin(plan.record.as_deref())?,
        phase: watch::channel(Phase::Talk).0,
        unanswered: AtomicUsize::new(0),
        arrived: AtomicUsize::new(0),
        pace: plan.pace,
        seed: plan.seed,
    });
    let mut people = JoinSet::new();
    for number in 0..place.cast.people.len() {
        people.spawn(people::live(Arc::clone(&place), number));
    }
    let everyone = place.cast.people.len();
    until("everyone is there", || place.arrived.load(Ordering::Acquire) == everyone).await?;

    let began = Instant::now();
    breaking(&service, &place).await?;
    sleep_until(began + plan.talk).await;
    let talked = began.elapsed();

    place.phase.send_replace(Phase::Finish);
    // Whether every answer came is for the checker to say.
    until("everything is answered", || place.unanswered.load(Ordering::Acquire) == 0).await.ok();
    // They get in once the service is whole again: from then on the time to catch up counts.
    let mut agents = agents(&place.cast, service.nodes[0].address()).await?;
    let at = place.record.now();
    let heads = heads(&place.cast, &mut agents).await?;
    sleep(Duration::from_millis((at + CATCH_UP).saturating_sub(place.record.now()))).await;
    place.phase.send_replace(Phase::Leave);
    while let Some(left) = people.join_next().await {
        left.context("a person")?;
    }
    for (node, process) in service.nodes.iter().enumerate() {
        if let Some(status) = process.ended().await {
            place.record.note(NOBODY, What::Died { node, status });
        }
    }
    let readings = read(&place.cast, &service).await?;
    let witnesses: Vec<_> = place
        .cast
        .people
        .iter()
        .map(|person| Witness {
            user: person.user.clone(),
            buyer: person.buyer,
            conversations: person.conversations.clone(),
        })
        .collect();
    let entries = place.record.end()?;
    let quiet = Quiet { at, heads };
    let verdict = checker::check(Evidence {
        witnesses: &witnesses,
        entries: &entries,
        quiet: &quiet,
        readings: &readings,
    });
    let logs = if verdict.violations.is_empty() { String::new() } else { logs(&service) };
    Ok(Outcome { verdict, talked, conversations: place.cast.conversations.len(), logs })
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
    let give_up_at = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > give_up_at {
            bail!("{what}: not in {PATIENCE:?}");
        }
        sleep(LOOK).await;
    }
    Ok(())
}

fn logs(service: &Service) -> String {
    let mut all = String::new();
    for (number, node) in service.nodes.iter().enumerate() {
        let log = std::fs::read_to_string(node.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(60)..].join("\n");
        all.push_str(&format!("--- the end of the log of node {number} ---\n{last}\n"));
    }
    all
}

async fn open_conversations(cast: &mut Cast, node: SocketAddr) -> anyhow::Result<()> {
    let opened: Vec<String> = stream::iter(cast.conversations.clone())
        .map(|conversation| async move {
            let buyer = User::buyer(conversation.buyer).of_shop(conversation.shop);
            let mut socket = Socket::join(node, Codec::Json, &token(&buyer, SECRET)).await?;
            let opened = socket.call("conversation.open", &json!({})).await?;
            socket.leave().await;
            let id = opened["conversation"]["conversation_id"].as_str().context("an id")?;
            anyhow::Ok(id.to_owned())
        })
        .buffered(READERS)
        .try_collect()
        .await?;
    for (conversation, id) in cast.conversations.iter_mut().zip(opened) {
        conversation.id = id;
    }
    Ok(())
}

/// A socket of an agent in each shop.
async fn agents(cast: &Cast, node: SocketAddr) -> anyhow::Result<HashMap<String, Socket>> {
    let mut sockets = HashMap::new();
    for shop in &cast.shops {
        let agent = User::agent("auditor").of_shop(shop);
        sockets.insert(shop.clone(), Socket::join(node, Codec::MsgPack, &token(&agent, SECRET)).await?);
    }
    Ok(sockets)
}

/// Where each conversation stands, for agents and for the buyer.
async fn heads(cast: &Cast, agents: &mut HashMap<String, Socket>) -> anyhow::Result<Vec<(i64, i64)>> {
    let mut heads = Vec::new();
    for conversation in &cast.conversations {
        let socket = agents.get_mut(&conversation.shop).context("an agent")?;
        let events = events(socket, &conversation.id).await?;
        let last = events.last().map_or(0, |event| event.seq);
        let public = events.iter().rev().find(|event| !event.private).map_or(0, |event| event.seq);
        heads.push((last, public));
    }
    Ok(heads)
}

/// Everything, from every node, by both sides.
async fn read(cast: &Cast, service: &Service) -> anyhow::Result<Vec<Reading>> {
    let mut readings = Vec::new();
    for (conversation, of) in cast.conversations.iter().enumerate() {
        let buyer = User::buyer(&*of.buyer).of_shop(&*of.shop);
        let agent = User::agent("auditor").of_shop(&*of.shop);
        let by_all = stream::iter(service.nodes.iter().enumerate().flat_map(|(number, node)| {
            [(&buyer, true), (&agent, false)].map(|(user, by_buyer)| (number, node.address(), user, by_buyer))
        }));
        let mut tries = 0;
        loop {
            let found: Vec<Reading> = by_all
                .clone()
                .map(|(node, address, user, buyer)| async move {
                    let mut socket = Socket::join(address, Codec::Json, &token(user, SECRET)).await?;
                    let rows = rows(&mut socket, &of.id).await?;
                    let events = events(&mut socket, &of.id).await?;
                    socket.leave().await;
                    anyhow::Ok(Reading { conversation, node, buyer, rows, events })
                })
                .buffered(READERS)
                .try_collect()
                .await?;
            // A card may have been rendered again in between: then all is read once more.
            let still = |buyer: bool| {
                let mut ends = found.iter().filter(|reading| reading.buyer == buyer).map(|reading| {
                    let newest = reading.rows.iter().map(|row| (row.revision, row.seq)).max();
                    (reading.events.last().map(|event| event.seq), reading.rows.len(), newest)
                });
                let first = ends.next();
                ends.all(|end| Some(end) == first)
            };
            tries += 1;
            if (still(true) && still(false)) || tries == READ_AGAIN {
                readings.extend(found);
                break;
            }
        }
    }
    Ok(readings)
}

async fn rows(socket: &mut Socket, id: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map_or(0, |row| row.seq);
        let page = socket
            .call("conversation.history", &json!({"conversation_id": id, "after_seq": after, "limit": 100}))
            .await?;
        rows.extend(page["messages"].as_array().into_iter().flatten().map(row));
        if page["has_more"] == false {
            return Ok(rows);
        }
    }
}

fn row(message: &Value) -> Row {
    let sender = &message["sender"];
    let user = match (sender["role"].as_str(), sender["user_id"].as_str()) {
        (Some(role @ ("BUYER" | "CUSTOMER_SERVICE")), Some(id)) => Some(format!("{role}/{id}")),
        _ => None,
    };
    Row {
        seq: message["seq"].as_i64().unwrap_or_default(),
        id: message["client_message_id"].as_str().map(str::to_owned),
        user,
        thing: thing(&message["content"]),
        content: hash(&message["content"]),
        private: message["visibility"] == "AGENTS",
        revision: message["revision"].as_i64().unwrap_or_default(),
        recalled: message["recalled"] == true,
    }
}

async fn events(socket: &mut Socket, id: &str) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let page =
            socket.call("conversation.attach", &json!({"conversation_id": id, "after_seq": after})).await?;
        let before = events.len();
        events.extend(page["events"].as_array().into_iter().flatten().map(Event::read));
        after = page["last_seq"].as_i64().unwrap_or_default();
        // A page without anything, behind which there is more, would never end: the checker sees the hole.
        if page["has_more"] == false || events.len() == before {
            return Ok(events);
        }
    }
}
