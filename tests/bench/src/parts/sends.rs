//! Durable sends: so many buyers, each with a conversation of its own and one message in flight, and an agent for
//! every eight of them. A send counts when its reply is there; every delivery is held to its place in the sequence.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep_until, timeout},
};

use crate::{
    Options,
    client::{Client, Pushed, is_created, replied},
    figures::{Aim, Outcome, Table, latencies, median, micros, millis, note, shown},
    people::Person,
    process::CpuTime,
    server::{Program, Server},
};

const SENDERS: [usize; 3] = [1, 64, 512];
/// Buyers of one shop, whose agent is attached to all of their conversations.
const BUYERS_OF_A_SHOP: usize = 8;
/// The last deliveries must be there this long after the last reply.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sockets that are opened side by side.
const OPENING: usize = 32;

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let mut levels: Vec<Vec<Round>> = SENDERS.iter().map(|_| Vec::new()).collect();
    for number in 1..=options.rounds {
        for (&senders, rounds) in SENDERS.iter().zip(&mut levels) {
            let round = round(options, program, senders).await?;
            eprintln!("round {number}, {senders} senders: {} sends/s", shown(round.rate()));
            rounds.push(round);
        }
    }
    let rows = SENDERS.iter().zip(&levels).map(|(senders, rounds)| row(*senders, rounds));
    let table = Table {
        title: "Durable sends, one message in flight each".into(),
        columns: &[
            "senders",
            "sends/s",
            "reply p50 ms",
            "p99 ms",
            "delivery p50 ms",
            "p99 ms",
            "sends a commit",
            "commit ms",
            "frames a flush",
            "server core",
            "server us/send",
            "client core",
        ],
        rows: rows.collect(),
    };
    let rate = |rounds: &[Round]| median(rounds.iter().map(Round::rate));
    let times = rate(&levels[SENDERS.len() - 1]) / rate(&levels[0]);
    let aim = Aim {
        name: "512 senders at least 8 times the rate of 1".into(),
        measured: format!("{} times", shown(times)),
        is_met: times >= 8.0,
    };
    let raw = SENDERS.iter().zip(&levels).map(|(senders, rounds)| {
        json!({ "senders": senders, "rounds": rounds.iter().map(Round::to_json).collect::<Vec<_>>() })
    });
    let raw = raw.collect();
    Ok(Outcome { tables: vec![table], aims: vec![aim], raw })
}

/// What one round has shown, between the end of its warm-up and its end.
pub(crate) struct Round {
    lasted: Duration,
    pub(crate) replies: Histogram<u64>,
    pub(crate) deliveries: Histogram<u64>,
    server: CpuTime,
    client: CpuTime,
    commits: f64,
    commit_seconds: f64,
    frames_a_flush: f64,
}

impl Round {
    pub(crate) fn sends(&self) -> f64 {
        self.replies.len() as f64
    }

    pub(crate) fn rate(&self) -> f64 {
        self.sends() / self.lasted.as_secs_f64()
    }

    /// Of all nodes together, for each send.
    pub(crate) fn server_micros(&self) -> f64 {
        self.server.micros_each(self.sends())
    }

    pub(crate) fn to_json(&self) -> Value {
        let quantiles = |of: &Histogram<u64>| {
            json!({
                "count": of.len(), "p50_us": micros(of, 0.5), "p90_us": micros(of, 0.9), "p99_us": micros(of, 0.99),
                "p999_us": micros(of, 0.999), "max_us": of.max() as f64 / 1000.0,
            })
        };
        json!({
            "seconds": self.lasted.as_secs_f64(), "sends_per_second": self.rate(), "reply": quantiles(&self.replies),
            "delivery": quantiles(&self.deliveries), "server_cpu": self.server.to_json(), "client_cpu": self.client.to_json(),
            "commits": self.commits, "commit_seconds": self.commit_seconds, "frames_per_flush": self.frames_a_flush,
        })
    }
}

fn row(senders: usize, rounds: &[Round]) -> Vec<String> {
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    vec![
        senders.to_string(),
        shown(of(&Round::rate)),
        millis(of(&|round| micros(&round.replies, 0.5))),
        millis(of(&|round| micros(&round.replies, 0.99))),
        millis(of(&|round| micros(&round.deliveries, 0.5))),
        millis(of(&|round| micros(&round.deliveries, 0.99))),
        shown(of(&|round| round.sends() / round.commits)),
        millis(of(&|round| round.commit_seconds * 1e6 / round.commits)),
        shown(of(&|round| round.frames_a_flush)),
        percent(of(&|round| round.server.share(round.lasted))),
        shown(of(&Round::server_micros)),
        percent(of(&|round| round.client.share(round.lasted))),
    ]
}

/// When samples count.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: Instant,
    from: Instant,
    until: Instant,
}

impl Window {
    fn begin(quick: bool) -> Self {
        let start = Instant::now();
        let (warm_up, span) = if quick { (300, 700) } else { (2_000, 8_000) };
        let from = start + Duration::from_millis(warm_up);
        Self { start, from, until: from + Duration::from_millis(span) }
    }

    /// The key of a message that is sent now: the time, which only grows, so none is used twice.
    fn key(self, now: Instant) -> u64 {
        u64::try_from((now - self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    fn sample(self, into: &mut Histogram<u64>, sent: Instant, now: Instant) {
        if now >= self.from && now < self.until {
            note(into, now - sent);
        }
    }
}

async fn round(options: &Options, program: &Program, senders: usize) -> anyhow::Result<Round> {
    let server = program.start(&options.work_dir).await?;
    let round = round_at([&server, &server], options.quick, senders).await?;
    server.end().await?;
    Ok(round)
}

/// The buyers are at the first of two nodes and the agents at the second, which may be the same.
pub(crate) async fn round_at(nodes: [&Server; 2], quick: bool, senders: usize) -> anyhow::Result<Round> {
    let [server, other] = nodes;
    let is_alone = server.address() == other.address();
    let cpu_time = || -> anyhow::Result<CpuTime> {
        let of_first = server.cpu_time()?;
        Ok(if is_alone { of_first } else { of_first.and(other.cpu_time()?) })
    };
    let shops = shops(nodes, senders).await?;
    let window = Window::begin(quick);
    let mut sending = JoinSet::new();
    let mut receiving = JoinSet::new();
    let (expected, of_shops) = watch::channel(None);
    for (shop, Shop { buyers, agent }) in shops.into_iter().enumerate() {
        for (buyer, conversation) in buyers {
            sending.spawn(async move { anyhow::Ok((shop, send(buyer, &conversation, window).await?)) });
        }
        receiving.spawn(receive(agent, shop, window, of_shops.clone()));
    }
    sleep_until(window.from.into()).await;
    let before = (cpu_time()?, CpuTime::of("self")?, server.counters().await?);
    sleep_until(window.until.into()).await;
    let after = (cpu_time()?, CpuTime::of("self")?, server.counters().await?);

    let mut replies = latencies();
    let mut sent_in = HashMap::<usize, u64>::new();
    while let Some(sent) = sending.join_next().await {
        let (shop, (of_one, sends)) = sent??;
        replies.add(&of_one)?;
        *sent_in.entry(shop).or_default() += sends;
    }
    expected.send_replace(Some(sent_in));
    let mut deliveries = latencies();
    let all = async {
        while let Some(received) = receiving.join_next().await {
            deliveries.add(&received??)?;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, all).await.context("acknowledged messages were not delivered")??;

    let added = |name| after.2.added(&before.2, name);
    Ok(Round {
        lasted: window.until - window.from,
        replies,
        deliveries,
        server: after.0.since(before.0),
        client: after.1.since(before.1),
        commits: added("deskwire_commit_seconds_count"),
        commit_seconds: added("deskwire_commit_seconds_sum"),
        frames_a_flush: added("deskwire_frames_sent_total") / added("deskwire_flushes_total"),
    })
}

struct Shop {
    buyers: Vec<(Client, String)>,
    agent: Client,
}

async fn shops(nodes: [&Server; 2], senders: usize) -> anyhow::Result<Vec<Shop>> {
    let numbers: Vec<usize> = (0..senders).collect();
    stream::iter(numbers.chunks(BUYERS_OF_A_SHOP).enumerate())
        .map(|(number, buyers)| open_shop(nodes, format!("shop-{number}"), buyers.len()))
        .buffered(OPENING)
        .try_collect()
        .await
}

async fn open_shop([server, other]: [&Server; 2], shop: String, size: usize) -> anyhow::Result<Shop> {
    let mut agent = Client::join(other, &Person::agent(&shop, "agent")).await?;
    let mut buyers = Vec::with_capacity(size);
    for number in 0..size {
        let mut buyer = Client::join(server, &Person::buyer(&shop, format!("buyer-{number}"))).await?;
        let conversation = buyer.open().await?;
        agent.attach(&conversation).await?;
        buyers.push((buyer, conversation));
    }
    Ok(Shop { buyers, agent })
}

/// Sends, waits for the reply, sends again. The latencies of the replies, and how many there were in all.
async fn send(
    mut buyer: Client,
    conversation: &str,
    window: Window,
) -> anyhow::Result<(Histogram<u64>, u64)> {
    let mut took = latencies();
    let mut sends = 0;
    loop {
        let sent = Instant::now();
        if sent >= window.until {
            return Ok((took, sends));
        }
        let id = 1_000_000 + sends;
        buyer.send(id, conversation, window.key(sent)).await?;
        while replied(&buyer.frame().await?)? != Some(id) {}
        window.sample(&mut took, sent, Instant::now());
        sends += 1;
    }
}

/// Takes all messages of a shop until there have been as many as its buyers had acknowledged, none missing, doubled or
/// out of order.
async fn receive(
    mut agent: Client,
    shop: usize,
    window: Window,
    mut of_shops: watch::Receiver<Option<HashMap<usize, u64>>>,
) -> anyhow::Result<Histogram<u64>> {
    let mut took = latencies();
    let mut received = 0;
    let mut expected = None;
    let mut last = HashMap::<String, u64>::new();
    while expected.is_none_or(|expected| received < expected) {
        let frame = tokio::select! {
            biased;
            frame = agent.frame() => frame?,
            changed = of_shops.changed(), if expected.is_none() => {
                changed?;
                expected = Some(of_shops.borrow().as_ref().and_then(|of| of.get(&shop)).copied().unwrap_or(0));
                continue;
            }
        };
        if !is_created(&frame) {
            continue;
        }
        let now = Instant::now();
        let Pushed { params } = serde_json::from_str(&frame)?;
        let sent = window.start + Duration::from_nanos(params.message.client_message_id.parse()?);
        window.sample(&mut took, sent, now);
        let last = match last.get_mut(params.conversation_id) {
            Some(last) => last,
            None => last.entry(params.conversation_id.to_owned()).or_default(),
        };
        ensure!(params.prev_seq == *last && params.seq > *last, "lost, doubled or out of order: {frame}");
        *last = params.seq;
        received += 1;
    }
    ensure!(Some(received) == expected, "{received} messages instead of {expected:?}");
    Ok(took)
}
