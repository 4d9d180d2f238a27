//! Memory of an idle socket: the server's own, before and after so many sockets were opened, authenticated and
//! attached, and again after each has received a message.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::{
    Options,
    client::{Client, is_created, replied},
    figures::{Aim, Outcome, Table, median, shown},
    people::Person,
    process::Memory,
    server::{Program, Server},
};

/// What one socket may cost.
const AIM_BYTES: f64 = 8.0 * 1024.0;
/// Sockets that are opened side by side.
const OPENING: usize = 32;
/// What was needed only to open them is given back by then.
const SETTLE: Duration = Duration::from_secs(3);
/// Messages that are under way side by side; the server refuses more than fit into its queue.
const SENDING: usize = 500;
/// After this long a message will not come any more.
const PATIENCE: Duration = Duration::from_mins(1);
/// Receivers of one conversation, where sockets share them.
const SHARED_BY: usize = 100;
/// Sockets that come and go before the first look, so that what is made once is not counted as theirs.
const WARM_UP: usize = 32;

/// Who is attached to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Each a buyer in a conversation, and a shop, of its own.
    Own,
    /// Agents, a hundred to a conversation.
    Shared,
}

impl Shape {
    const ALL: [Self; 2] = [Self::Own, Self::Shared];

    const fn name(self) -> &'static str {
        match self {
            Self::Own => "each in a conversation of its own",
            Self::Shared => "a hundred in each conversation",
        }
    }
}

/// Bytes each, since before there were any.
struct Round {
    idle: (f64, f64),
    after_message: (f64, f64),
    memory: [Memory; 3],
}

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let sockets = if options.quick { 500 } else { 10_000 };
    let mut rows = Vec::new();
    let mut aims = Vec::new();
    let mut raw = Vec::new();
    for shape in Shape::ALL {
        let mut rounds = Vec::new();
        for number in 1..=options.rounds {
            let round = round(options, program, shape, sockets).await?;
            eprintln!("round {number}, {}: {} bytes", shape.name(), shown(round.idle.1));
            rounds.push(round);
        }
        let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure));
        let figures = [
            of(&|round| round.idle.0),
            of(&|round| round.idle.1),
            of(&|round| round.after_message.0),
            of(&|round| round.after_message.1),
        ];
        let mut row = vec![shape.name().to_owned()];
        row.extend(figures.map(shown));
        rows.push(row);
        aims.push(Aim {
            name: format!("at most 8 KiB a socket at {sockets}, {}", shape.name()),
            measured: format!("{} bytes, {} after a message", shown(figures[0]), shown(figures[2])),
            is_met: figures[0] <= AIM_BYTES && figures[2] <= AIM_BYTES,
        });
        raw.push(json!({
            "shape": shape.name(), "sockets": sockets,
            "rounds": rounds.iter().map(|round| round.memory.map(Memory::to_json)).collect::<Vec<_>>(),
        }));
    }
    let table = Table {
        title: format!("Memory of the server for each of {sockets} idle, attached sockets, in bytes"),
        columns: &["sockets", "Pss", "anonymous", "Pss after a message", "anonymous after a message"],
        rows,
    };
    Ok(Outcome { tables: vec![table], aims, raw: Value::Array(raw) })
}

async fn round(options: &Options, program: &Program, shape: Shape, sockets: usize) -> anyhow::Result<Round> {
    let server = program.start(&options.work_dir).await?;
    drop(open(&server, shape, "warm-up", WARM_UP).await?);
    sleep(SETTLE).await;
    let before = server.memory()?;

    let (turns, received) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let mut idling = JoinSet::new();
    for seated in open(&server, shape, "shop", sockets).await? {
        idling.spawn(idle(seated, turns.clone(), received.clone()));
    }
    sleep(SETTLE).await;
    let idle = server.memory()?;

    turns.add_permits(SENDING);
    tokio::select! {
        all = received.acquire_many(u32::try_from(sockets)?) => drop(all?),
        ended = idling.join_next() => ended.context("there are no sockets")???,
        () = sleep(PATIENCE) => bail!("{} of {sockets} sockets got their message", received.available_permits()),
    }
    sleep(SETTLE).await;
    let after_message = server.memory()?;
    idling.shutdown().await;
    server.end().await?;
    Ok(Round {
        idle: idle.each_since(before, sockets),
        after_message: after_message.each_since(before, sockets),
        memory: [before, idle, after_message],
    })
}

/// A socket that is attached, and the conversation it will send one message to, if it is the one to do so.
struct Seated {
    client: Client,
    sends_to: Option<String>,
}

async fn open(server: &Server, shape: Shape, name: &str, sockets: usize) -> anyhow::Result<Vec<Seated>> {
    let at_once = match shape {
        Shape::Own => 1,
        Shape::Shared => SHARED_BY,
    };
    let groups: Vec<Vec<Seated>> = stream::iter(0..sockets.div_ceil(at_once))
        .map(|number| {
            let size = at_once.min(sockets - number * at_once);
            open_conversation(server, shape, format!("{name}-{number}"), size)
        })
        .buffered(OPENING)
        .try_collect()
        .await?;
    Ok(groups.into_iter().flatten().collect())
}

async fn open_conversation(
    server: &Server,
    shape: Shape,
    shop: String,
    size: usize,
) -> anyhow::Result<Vec<Seated>> {
    let mut buyer = Client::join(server, &Person::buyer(&shop, "buyer")).await?;
    let conversation = buyer.open().await?;
    if shape == Shape::Own {
        return Ok(vec![Seated { client: buyer, sends_to: Some(conversation) }]);
    }
    let mut seated = Vec::with_capacity(size);
    for number in 0..size {
        let mut client = Client::join(server, &Person::agent(&shop, format!("agent-{number}"))).await?;
        client.attach(&conversation).await?;
        seated.push(Seated { client, sends_to: (number == 0).then(|| conversation.clone()) });
    }
    Ok(seated)
}

/// Answers pings, tells of messages, and sends its own when it is its turn.
async fn idle(seated: Seated, turns: Arc<Semaphore>, received: Arc<Semaphore>) -> anyhow::Result<()> {
    let Seated { mut client, mut sends_to } = seated;
    loop {
        let frame = tokio::select! {
            frame = client.frame() => frame?,
            turn = turns.acquire(), if sends_to.is_some() => {
                turn?.forget();
                if let Some(conversation) = sends_to.take() {
                    client.send(1_000_000, &conversation, 1).await?;
                }
                continue;
            }
        };
        // Its own message has been sent: the next one's turn.
        if replied(&frame)?.is_some() {
            turns.add_permits(1);
        }
        if is_created(&frame) {
            received.add_permits(1);
        }
    }
}
