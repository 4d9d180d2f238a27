//! Rooms: what is said in one reaches all who are in it. One large room, many small ones, and many at a steady pace.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant as Moment, sleep_until},
};

use super::{Kind, Seat, Service, Services, never_reads::LASTS, plot};
use crate::{
    Options,
    figures::{Aim, Outcome, Table, latencies, median, micros, millis, note, shown},
    process::CpuTime,
};

/// Rooms that are filled side by side.
const OPENING: usize = 16;

/// Who is where, and who says how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    rooms: usize,
    seats: usize,
    /// Of each room, so many talk.
    senders: usize,
    talk: Talk,
}

#[derive(Debug, Clone, Copy)]
enum Talk {
    /// So many messages of a sender are under way; the next is sent when one of them has come back.
    InFlight(usize),
    /// Messages a second of all senders together, whatever comes back.
    Paced(u32),
}

/// One conversation watched by 200, 4 senders with 4 messages under way.
const A: Shape = Shape { name: "A", rooms: 1, seats: 200, senders: 4, talk: Talk::InFlight(4) };
/// 100 conversations of 10, in each one who waits for the own message.
const B: Shape = Shape { name: "B", rooms: 100, seats: 10, senders: 1, talk: Talk::InFlight(1) };
/// 1,000 pairs of buyer and agent, the reply awaited.
const C: Shape = Shape { name: "C", rooms: 1_000, seats: 2, senders: 1, talk: Talk::InFlight(1) };
/// 100 conversations of 10 at 1,000 messages a second.
const D: Shape = Shape { name: "D", rooms: 100, seats: 10, senders: 1, talk: Talk::Paced(1_000) };

/// What one round has shown.
pub(crate) struct Round {
    deliveries: f64,
    messages: f64,
    lasted: Duration,
    server: CpuTime,
    client: CpuTime,
    latencies: Histogram<u64>,
}

impl Round {
    /// What the services are compared by.
    fn deliveries_a_core_second(&self) -> f64 {
        self.deliveries / self.server.seconds()
    }

    fn to_json(&self) -> Value {
        json!({
            "deliveries": self.deliveries, "messages": self.messages, "seconds": self.lasted.as_secs_f64(),
            "server_cpu": self.server.to_json(), "client_cpu": self.client.to_json(),
            "p50_us": micros(&self.latencies, 0.5), "p99_us": micros(&self.latencies, 0.99), "max_us": self.latencies.max() as f64 / 1e3,
        })
    }
}

pub(crate) async fn measure(options: &Options, services: &Services<'_>) -> anyhow::Result<Outcome> {
    let mut all: Vec<(Shape, Kind, Vec<Round>)> = Vec::new();
    for shape in [A, B, C, D].into_iter().filter(|shape| options.compares(shape.name)) {
        all.extend(options.compared().into_iter().map(|kind| (shape, kind, Vec::new())));
    }
    for number in 1..=options.rounds {
        for (shape, kind, rounds) in &mut all {
            let service = services.start(*kind).await?;
            let round = round(options.quick, &service, *shape).await;
            let round = round.with_context(|| format!("{}, {}", shape.name, kind.name()))?;
            service.end().await?;
            eprintln!(
                "round {number}, {}, {}: {} deliveries a core-second, {} messages/s, p99 {} ms",
                shape.name,
                kind.name(),
                shown(round.deliveries_a_core_second()),
                shown(round.messages / round.lasted.as_secs_f64()),
                millis(micros(&round.latencies, 0.99)),
            );
            rounds.push(round);
        }
    }
    let found = Found(all);
    if let Some(dir) = &options.plots {
        found.plot(dir)?;
    }
    Ok(Outcome { tables: found.tables().into(), aims: found.aims(), raw: found.raw() })
}

/// All rounds of every shape and service.
struct Found(Vec<(Shape, Kind, Vec<Round>)>);

impl Found {
    fn median(&self, name: &str, kind: Kind, figure: &dyn Fn(&Round) -> f64) -> f64 {
        let found = self.0.iter().find(|(shape, of, _)| shape.name == name && *of == kind);
        found.map_or(f64::NAN, |(_, _, rounds)| median(rounds.iter().map(figure)))
    }

    fn tables(&self) -> [Table; 4] {
        [
            (A, "A: one conversation watched by 200 sockets, 4 senders with 4 messages in flight"),
            (B, "B: 100 conversations of 10 sockets, 100 senders, each waits for its own message"),
            (C, "C: 1 000 pairs of buyer and agent, each buyer waits for its own message"),
            (D, "D: 100 conversations of 10 sockets at 1 000 messages a second"),
        ]
        .map(|(shape, title)| Table {
            title: title.into(),
            columns: &[
                "service",
                "deliveries a core-second",
                "messages/s",
                "delivery p50 ms",
                "p99 ms",
                "server cores",
                "client cores",
            ],
            rows: Kind::ALL.map(|kind| self.row(shape, kind)).into(),
        })
    }

    fn row(&self, shape: Shape, kind: Kind) -> Vec<String> {
        let of = |figure: &dyn Fn(&Round) -> f64| self.median(shape.name, kind, figure);
        vec![
            kind.name().to_owned(),
            shown(of(&Round::deliveries_a_core_second)),
            shown(of(&|round| round.messages / round.lasted.as_secs_f64())),
            millis(of(&|round| micros(&round.latencies, 0.5))),
            millis(of(&|round| micros(&round.latencies, 0.99))),
            shown(of(&|round| round.server.share(round.lasted))),
            shown(of(&|round| round.client.share(round.lasted))),
        ]
    }

    fn plot(&self, dir: &Path) -> anyhow::Result<()> {
        for (shape, title) in [
            (A, "A: one conversation of 200 sockets: deliveries a core-second"),
            (B, "B: 100 conversations of 10 sockets: deliveries a core-second"),
            (C, "C: 1 000 pairs: deliveries a core-second"),
        ] {
            let of = |kind| self.median(shape.name, kind, &Round::deliveries_a_core_second);
            let name = format!("peers-{}", shape.name.to_lowercase());
            plot::bars(dir, &name, title, &Kind::ALL.map(|kind| (kind, of(kind))))?;
        }
        let p99 = |round: &Round| micros(&round.latencies, 0.99) / 1e3;
        let figures = Kind::ALL.map(|kind| (kind, self.median("D", kind, &p99)));
        plot::bars(dir, "peers-d", "D: 1 000 messages a second: delivery p99 in ms", &figures)
    }

    fn aims(&self) -> Vec<Aim> {
        let rate = |name: &str, kind| self.median(name, kind, &Round::deliveries_a_core_second);
        let p99 = |kind| self.median("D", kind, &|round: &Round| micros(&round.latencies, 0.99));
        let cores = |kind| self.median("D", kind, &|round: &Round| round.server.share(round.lasted));
        let mut aims = Vec::new();
        for (name, times, part) in [("A", 5.0, 0.5), ("B", 1.2, 0.6)] {
            for (ours, theirs, least, against) in [
                (Kind::TwoNodes, Kind::SocketIo, times, "Socket.IO over Redis"),
                (Kind::TwoNodes, Kind::FanOutOverRedis, part, "L over Redis"),
                (Kind::OneNode, Kind::FanOut, part, "L alone"),
            ] {
                let ratio = rate(name, ours) / rate(name, theirs);
                aims.push(Aim {
                    name: format!("{name}: {} at least {least} times {against}", ours.name()),
                    measured: format!("{} times", shown(ratio)),
                    is_met: ratio >= least,
                });
            }
        }
        for (name, ratio, most) in [
            (
                "D: p99 of two nodes at most 0.7 of Socket.IO's",
                p99(Kind::TwoNodes) / p99(Kind::SocketIo),
                0.7,
            ),
            (
                "D: two nodes need no more of a core than Socket.IO",
                cores(Kind::TwoNodes) / cores(Kind::SocketIo),
                1.0,
            ),
        ] {
            aims.push(Aim {
                name: name.into(),
                measured: format!("{} times", shown(ratio)),
                is_met: ratio <= most,
            });
        }
        aims
    }

    fn raw(&self) -> Value {
        let raw = self.0.iter().map(|(shape, kind, rounds)| {
            let rounds: Vec<Value> = rounds.iter().map(Round::to_json).collect();
            json!({ "shape": shape.name, "service": kind.name(), "rounds": rounds })
        });
        raw.collect()
    }
}

/// So many pairs at a pace, messages a second of all together: how long deliveries took.
pub(crate) async fn paced_pairs(
    quick: bool,
    service: &Service,
    pairs: usize,
    rate: f64,
) -> anyhow::Result<Histogram<u64>> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is a small positive number"
    )]
    let talk = Talk::Paced(rate as u32);
    let shape = Shape { name: "C, paced", rooms: pairs, seats: 2, senders: 1, talk };
    Ok(round(quick, service, shape).await?.latencies)
}

/// Many in one room, of whom one says something long fifty times a second.
pub(crate) struct Crowd {
    seats: Vec<Seat>,
}

impl Crowd {
    pub(crate) async fn of(service: &Service, size: usize) -> anyhow::Result<Self> {
        let shape = Shape { name: "a crowd", rooms: 1, seats: size, senders: 1, talk: Talk::Paced(50) };
        let mut seats = fill(service, shape, 0).await?;
        seats[0].will_say("\u{1f642}".repeat(1_900));
        Ok(Self { seats })
    }

    pub(crate) fn room(&self) -> &str {
        self.seats[0].room()
    }

    /// How long deliveries take.
    pub(crate) async fn listen(self, quick: bool) -> anyhow::Result<Histogram<u64>> {
        let window = Window { until: Instant::now() + LASTS, ..Window::begin(quick) };
        let tally = Tally { deliveries: 0, messages: 0, latencies: latencies() };
        let tally = Arc::new(Mutex::new(tally));
        let mut listening = JoinSet::new();
        for (number, seat) in self.seats.into_iter().enumerate() {
            let talk = (number == 0).then_some(Talk::Paced(50));
            listening.spawn(take_part(seat, talk, (0, 1), window, Arc::clone(&tally)));
        }
        tokio::select! {
            () = sleep_until(window.until.into()) => {}
            ended = listening.join_next() => ended.context("nobody listens")???,
        }
        listening.shutdown().await;
        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(tally.latencies.clone())
    }
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
        let (warm_up, span) = if quick { (300, 700) } else { (1_500, 5_000) };
        let from = start + Duration::from_millis(warm_up);
        Self { start, from, until: from + Duration::from_millis(span) }
    }

    fn contains(self, now: Instant) -> bool {
        now >= self.from && now < self.until
    }
}

#[derive(Debug)]
struct Tally {
    deliveries: u64,
    messages: u64,
    latencies: Histogram<u64>,
}

async fn round(quick: bool, service: &Service, shape: Shape) -> anyhow::Result<Round> {
    let rooms: Vec<Vec<Seat>> = stream::iter(0..shape.rooms)
        .map(|number| fill(service, shape, number))
        .buffered(OPENING)
        .try_collect()
        .await?;
    let window = Window::begin(quick);
    let tally = Tally { deliveries: 0, messages: 0, latencies: latencies() };
    let tally = Arc::new(Mutex::new(tally));
    let mut taking_part = JoinSet::new();
    let talkers = u32::try_from(shape.rooms * shape.senders)?;
    for (room, seats) in rooms.into_iter().enumerate() {
        for (number, seat) in seats.into_iter().enumerate() {
            let talk = (number < shape.senders).then_some(shape.talk);
            // Who talks at a pace begins at a moment of the own.
            let turn = u32::try_from(room * shape.senders + number)?;
            taking_part.spawn(take_part(seat, talk, (turn, talkers), window, Arc::clone(&tally)));
        }
    }
    sleep_until(window.from.into()).await;
    let before = (service.cpu_time()?, CpuTime::of("self")?);
    let ended = async {
        match taking_part.join_next().await {
            Some(ended) => ended.context("a task")?,
            None => bail!("nobody takes part"),
        }
    };
    tokio::select! {
        () = sleep_until(window.until.into()) => {}
        ended = ended => ended?,
    }
    let after = (service.cpu_time()?, CpuTime::of("self")?);
    taking_part.shutdown().await;
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Round {
        deliveries: tally.deliveries as f64,
        messages: tally.messages as f64,
        lasted: window.until - window.from,
        server: after.0.since(before.0),
        client: after.1.since(before.1),
        latencies: tally.latencies.clone(),
    })
}

async fn fill(service: &Service, shape: Shape, number: usize) -> anyhow::Result<Vec<Seat>> {
    let (shop, room) = (format!("shop-{number}"), format!("buyer-{number}"));
    let mut seats = vec![Seat::take(service, number, &shop, &room, None, None).await?];
    let conversation = seats[0].room().to_owned();
    for agent in 1..shape.seats {
        let seat =
            Seat::take(service, number + agent, &shop, &room, Some(agent), Some(&conversation)).await?;
        seats.push(seat);
    }
    Ok(seats)
}

/// Sits and, where it is to, talks, until it is ended.
async fn take_part(
    mut seat: Seat,
    talk: Option<Talk>,
    (turn, talkers): (u32, u32),
    window: Window,
    tally: Arc<Mutex<Tally>>,
) -> anyhow::Result<()> {
    let mut own = Vec::new();
    let mut last_key = 0;
    // The key of a message is the time, which only grows.
    let mut key = move || {
        let now = u64::try_from(window.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        last_key = now.max(last_key + 1);
        last_key
    };
    let mut every = Duration::MAX;
    let mut next = Moment::from(window.until) + Duration::from_hours(1);
    match talk {
        Some(Talk::InFlight(number)) => {
            for _ in 0..number {
                let key = key();
                own.push(key);
                seat.say(key).await?;
            }
        }
        Some(Talk::Paced(all)) => {
            every = Duration::from_secs(1) * talkers / all;
            next = Moment::from(window.start) + every * turn / talkers;
        }
        None => {}
    }
    loop {
        let frame = tokio::select! {
            frame = seat.frame() => frame?,
            () = sleep_until(next), if every < Duration::MAX => {
                next += every;
                seat.say(key()).await?;
                continue;
            }
        };
        let Some(said) = seat.key(&frame)? else { continue };
        let now = Instant::now();
        let is_own = own.iter().position(|key| *key == said);
        if window.contains(now) {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.deliveries += 1;
            tally.messages += u64::from(is_own.is_some() || (every < Duration::MAX && talk.is_some()));
            let began = window.start + Duration::from_nanos(said);
            note(&mut tally.latencies, now.saturating_duration_since(began));
        }
        if let Some(place) = is_own {
            let key = key();
            own[place] = key;
            seat.say(key).await?;
        }
    }
}
