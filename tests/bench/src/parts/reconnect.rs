//! A node dies, and all its sockets come to the other one at once, each with something missed: how long until the last is
//! back and caught up, and how often the store was read for them. Clients do as they are asked: who is refused by 503 comes
//! again after the time in `Retry-After`.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};
use tokio_tungstenite::tungstenite;

use crate::{
    Options,
    client::{Client, replied},
    figures::{Aim, Outcome, Table, latencies, median, micros, note, shown},
    pair::{Backends, Pair},
    people::Person,
    server::{Program, Server},
};

/// Conversations of a shop; in each are its buyer, and an agent of its own.
const CONVERSATIONS_OF_A_SHOP: usize = 10;
/// Sockets that are opened side by side before the node dies.
const OPENING: usize = 32;
/// Shops that are written to side by side meanwhile.
const WRITING: usize = 16;
/// All must be back by then.
const AIM: Duration = Duration::from_secs(30);

/// Someone, and what they have of a conversation.
struct Place {
    person: Person,
    conversation: String,
}

struct Round {
    conversations: usize,
    sockets: usize,
    /// Until the socket in the middle was back, and the last one.
    half: Duration,
    all: Duration,
    refused: usize,
    reads: f64,
    node_seconds: f64,
}

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let sockets = if options.quick { 200 } else { 5_000 };
    let backends = Backends::start().await?;
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let round = round(options, program, &backends, sockets).await?;
        eprintln!("round {number}: {sockets} sockets back in {:.2} s", round.all.as_secs_f64());
        rounds.push(round);
    }
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure));
    let all = of(&|round| round.all.as_secs_f64());
    let reads = of(&|round| round.reads);
    let conversations = rounds.first().map_or(0, |round| round.conversations);
    let table = Table {
        title: "Sockets of a node that was killed, back on another one with what they had missed".into(),
        columns: &[
            "sockets",
            "conversations",
            "half back after s",
            "all back after s",
            "refused by 503",
            "reads to catch up",
            "node us/socket",
        ],
        rows: vec![vec![
            sockets.to_string(),
            conversations.to_string(),
            shown(of(&|round| round.half.as_secs_f64())),
            shown(all),
            shown(of(&|round| round.refused as f64)),
            shown(reads),
            shown(of(&|round| round.node_seconds * 1e6 / round.sockets as f64)),
        ]],
    };
    let aims = vec![
        Aim {
            name: format!("{sockets} dropped sockets back and caught up within 30 s"),
            measured: format!("{} s", shown(all)),
            is_met: all <= AIM.as_secs_f64(),
        },
        Aim {
            name: "no more than one batched read a conversation".into(),
            measured: format!("{} reads for {conversations} conversations", shown(reads)),
            is_met: reads <= conversations as f64,
        },
    ];
    let raw = rounds.iter().map(|round| {
        json!({
            "sockets": round.sockets, "conversations": round.conversations, "half_seconds": round.half.as_secs_f64(),
            "all_seconds": round.all.as_secs_f64(), "refused": round.refused, "reads": round.reads,
            "node_cpu_seconds": round.node_seconds,
        })
    });
    let raw = raw.collect();
    Ok(Outcome { tables: vec![table], aims, raw })
}

async fn round(
    options: &Options,
    program: &Program,
    backends: &Backends,
    sockets: usize,
) -> anyhow::Result<Round> {
    let pair = Pair::start(backends, program, &options.work_dir).await?;
    let two = &pair.two;
    let shops: Vec<String> =
        (0..sockets / 2 / CONVERSATIONS_OF_A_SHOP).map(|number| format!("shop-{number}")).collect();
    let opened: Vec<Vec<(Place, Client)>> =
        stream::iter(&shops).map(|shop| open_shop(&pair.one, shop)).buffered(OPENING).try_collect().await?;
    pair.one.kill().await?;
    // Their sockets are gone; what is said meanwhile they will have missed.
    let places: Vec<Vec<Place>> =
        opened.into_iter().map(|shop| shop.into_iter().map(|(place, _)| place).collect()).collect();
    stream::iter(&places)
        .map(|shop| write_to(two, shop))
        .buffer_unordered(WRITING)
        .try_collect::<()>()
        .await?;

    let before = (two.counters().await?, two.cpu_time()?);
    let began = Instant::now();
    let mut coming = JoinSet::new();
    for place in places.into_iter().flatten() {
        let address = two.address().to_owned();
        coming.spawn(async move { come_back(&address, place).await });
    }
    let sockets = coming.len();
    let (mut took, mut refused, mut back) = (latencies(), 0, Vec::with_capacity(sockets));
    while let Some(came) = coming.join_next().await {
        let (client, refusals, at) = came??;
        note(&mut took, at - began);
        refused += refusals;
        // They stay: what is measured is a node that has all of them.
        back.push(client);
    }
    let all = Duration::from_nanos(took.max());
    let after = (two.counters().await?, two.cpu_time()?);
    drop(back);
    pair.two.end().await?;
    Ok(Round {
        conversations: sockets / 2,
        sockets,
        half: Duration::from_secs_f64(micros(&took, 0.5) / 1e6),
        all,
        refused,
        reads: after.0.added(&before.0, "deskwire_catch_up_reads_total"),
        node_seconds: after.1.since(before.1).micros_each(1.0) / 1e6,
    })
}

/// A buyer and an agent in each conversation of a shop.
async fn open_shop(server: &Server, shop: &str) -> anyhow::Result<Vec<(Place, Client)>> {
    let mut opened = Vec::new();
    for number in 0..CONVERSATIONS_OF_A_SHOP {
        let person = Person::buyer(shop, format!("buyer-{number}"));
        let mut client = Client::join(server, &person).await?;
        let conversation = client.open().await?;
        opened.push((Place { person, conversation: conversation.clone() }, client));
        let person = Person::agent(shop, format!("agent-{number}"));
        let mut client = Client::join(server, &person).await?;
        client.attach(&conversation).await?;
        opened.push((Place { person, conversation }, client));
    }
    Ok(opened)
}

/// One message into each conversation of a shop.
async fn write_to(server: &Server, places: &[Place]) -> anyhow::Result<()> {
    let shop = &places.first().context("a shop has conversations")?.person.shop;
    let mut writer = Client::join(server, &Person::agent(shop, "writer")).await?;
    for (number, place) in places.iter().step_by(2).enumerate() {
        let id = 1_000_000 + number as u64;
        writer.send(id, &place.conversation, 1).await?;
        while replied(&writer.frame().await?)? != Some(id) {}
    }
    Ok(())
}

/// Back with what was missed; how often it was refused before, and when it was there.
async fn come_back(address: &str, place: Place) -> anyhow::Result<(Client, usize, Instant)> {
    let mut refused = 0;
    loop {
        match Client::resume(address, &place.person, &place.conversation, 0).await {
            Ok((client, resumed)) => {
                let at = Instant::now();
                ensure!(is_caught_up(&resumed), "not caught up: {resumed}");
                return Ok((client, refused, at));
            }
            Err(error) => {
                let Some(wait) = retry_after(&error) else { return Err(error) };
                refused += 1;
                sleep(wait).await;
            }
        }
    }
}

/// The one message that was written meanwhile is there, and nothing is left to come.
fn is_caught_up(resumed: &Value) -> bool {
    let attached = &resumed["attached"];
    attached["has_more"] == false
        && attached["last_seq"] == 1
        && attached["events"].as_array().is_some_and(|events| events.len() == 1)
}

fn retry_after(error: &anyhow::Error) -> Option<Duration> {
    let Some(tungstenite::Error::Http(response)) = error.downcast_ref::<tungstenite::Error>() else {
        return None;
    };
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
