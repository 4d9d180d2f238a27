//! What is broken, when, and for how long: a schedule that one number decides, and the hands that do it.

use std::{ops::Range, time::Duration};

use anyhow::Context;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::{
    nodes::{Backends, NODES, Service, Shared},
    people::Place,
    proxy::{Proxy, Weather},
    record::{NOBODY, What},
};

/// To begin or end a fault; a restart of everything takes less.
const HANDS: Duration = Duration::from_mins(3);

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    KillNode,
    TerminateNode,
    StopNode,
    KillRedis,
    FlushRedis,
    KillPubsub,
    PauseRedis,
    StallBus,
    CutBus,
    KillPostmaster,
    KillBackend,
    CutSockets,
    ResetSockets,
    StallSockets,
    HalfOpenSockets,
    SlowSockets,
    OneByteChunks,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::KillNode,
        Self::TerminateNode,
        Self::StopNode,
        Self::KillRedis,
        Self::FlushRedis,
        Self::KillPubsub,
        Self::PauseRedis,
        Self::StallBus,
        Self::CutBus,
        Self::KillPostmaster,
        Self::KillBackend,
        Self::CutSockets,
        Self::ResetSockets,
        Self::StallSockets,
        Self::HalfOpenSockets,
        Self::SlowSockets,
        Self::OneByteChunks,
    ];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillNode => "node: kill -9",
            Self::TerminateNode => "node: SIGTERM",
            Self::StopNode => "node: SIGSTOP",
            Self::KillRedis => "Redis: kill -9",
            Self::FlushRedis => "Redis: FLUSHALL",
            Self::KillPubsub => "Redis: CLIENT KILL TYPE pubsub",
            Self::PauseRedis => "Redis: CLIENT PAUSE",
            Self::StallBus => "line to Redis: stalled",
            Self::CutBus => "line to Redis: cut",
            Self::KillPostmaster => "PostgreSQL: kill -9 of the postmaster",
            Self::KillBackend => "PostgreSQL: kill -9 of a backend",
            Self::CutSockets => "sockets: cut",
            Self::ResetSockets => "sockets: reset",
            Self::StallSockets => "sockets: stalled",
            Self::HalfOpenSockets => "sockets: half open",
            Self::SlowSockets => "sockets: latency",
            Self::OneByteChunks => "sockets: one-byte chunks",
        }
    }

    /// Faults that would undo each other wait for each other.
    const fn lane(self, node: usize) -> usize {
        match self {
            Self::KillNode | Self::TerminateNode | Self::StopNode => node,
            Self::CutSockets
            | Self::ResetSockets
            | Self::StallSockets
            | Self::HalfOpenSockets
            | Self::SlowSockets
            | Self::OneByteChunks => NODES + node,
            Self::StallBus | Self::CutBus => NODES * 2 + node,
            Self::KillRedis | Self::FlushRedis | Self::KillPubsub | Self::PauseRedis => NODES * 3,
            Self::KillPostmaster | Self::KillBackend => NODES * 3 + 1,
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// After the first.
    pub at: Duration,
    /// What is done.
    pub kind: Kind,
    /// To which node, where it is done to one.
    pub node: usize,
    /// How long it lasts, where it lasts.
    pub lasts: Duration,
    /// Of a thousand sockets, where some are hit.
    pub per_mille: u32,
}

/// How the faults follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rhythm {
    /// Milliseconds from the beginning of one to that of the next.
    pub gap: Range<u64>,
    /// Milliseconds that what lasts lasts.
    pub lasts: Range<u64>,
    /// Milliseconds that a node stands still.
    pub stops: Range<u64>,
}

/// For a run that was given none. It is printed, so that it can be given again.
#[expect(clippy::disallowed_methods, reason = "all other chance of a run follows from this")]
pub fn draw_seed() -> u64 {
    rand::random()
}

/// So many faults of these kinds: each kind once before any comes again.
pub fn schedule(seed: u64, number: usize, kinds: &[Kind], rhythm: &Rhythm) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck: Vec<Kind> = Vec::new();
    let mut at = Duration::ZERO;
    let mut faults = Vec::with_capacity(number);
    while faults.len() < number {
        if deck.is_empty() {
            deck = kinds.to_vec();
            deck.shuffle(&mut random);
        }
        let Some(kind) = deck.pop() else { break };
        let lasts = if kind == Kind::StopNode { rhythm.stops.clone() } else { rhythm.lasts.clone() };
        faults.push(Fault {
            at,
            kind,
            node: random.random_range(0..NODES),
            lasts: Duration::from_millis(random.random_range(lasts)),
            per_mille: random.random_range(200..=1_000),
        });
        at += Duration::from_millis(random.random_range(rhythm.gap.clone()));
    }
    faults
}

/// The hands: faults that would undo each other wait for each other.
#[derive(Debug)]
pub struct Hands {
    lanes: Vec<Mutex<()>>,
}

impl Default for Hands {
    fn default() -> Self {
        Self { lanes: (0..NODES * 3 + 2).map(|_| Mutex::default()).collect() }
    }
}

impl Hands {
    /// Does it, and makes it whole again.
    pub async fn break_and_heal(
        &self,
        number: usize,
        fault: &Fault,
        service: &Service,
        place: &Place,
    ) -> anyhow::Result<()> {
        let _lane = self.lanes[fault.kind.lane(fault.node)].lock().await;
        place.record.note(NOBODY, What::Broke { fault: number, kind: fault.kind.name(), node: fault.node });
        let done = timeout(HANDS + fault.lasts, act(fault, service, place)).await;
        done.with_context(|| format!("{}: not done in time", fault.kind.name()))?
            .with_context(|| format!("fault {number}, {}", fault.kind.name()))?;
        place.record.note(NOBODY, What::Healed { fault: number });
        Ok(())
    }
}

async fn act(fault: &Fault, service: &Service, place: &Place) -> anyhow::Result<()> {
    let node = &service.nodes[fault.node];
    let line = &place.lines[fault.node];
    let Backends::Shared(shared) = &service.backends else { anyhow::bail!("there is but one node") };
    let Shared { postgres, redis, bus_lines } = &**shared;
    match fault.kind {
        Kind::KillNode => {
            node.kill().await?;
            sleep(fault.lasts).await;
            node.start().await
        }
        Kind::TerminateNode => {
            node.terminate().await?;
            node.start().await
        }
        Kind::StopNode => {
            node.signal("STOP").await?;
            sleep(fault.lasts).await;
            node.signal("CONT").await
        }
        Kind::KillRedis => {
            let mut redis = redis.lock().await;
            redis.kill().await?;
            sleep(fault.lasts).await;
            redis.start_again().await
        }
        Kind::FlushRedis => redis.lock().await.command(&["flushall"]).await.map(drop),
        Kind::KillPubsub => redis.lock().await.command(&["client", "kill", "type", "pubsub"]).await.map(drop),
        Kind::PauseRedis => {
            let time = fault.lasts.as_millis().to_string();
            redis.lock().await.command(&["client", "pause", &time, "all"]).await?;
            sleep(fault.lasts).await;
            Ok(())
        }
        Kind::KillPostmaster => {
            postgres.kill().await?;
            sleep(fault.lasts).await;
            postgres.start_again().await
        }
        Kind::KillBackend => postgres.kill_backend().await.map(drop),
        Kind::CutBus => {
            bus_lines[fault.node].cut(1_000);
            Ok(())
        }
        Kind::StallBus => weather(&bus_lines[fault.node], Weather::Stall, fault).await,
        Kind::CutSockets => {
            line.cut(fault.per_mille);
            Ok(())
        }
        Kind::ResetSockets => {
            line.reset(fault.per_mille);
            Ok(())
        }
        Kind::StallSockets => weather(line, Weather::Stall, fault).await,
        Kind::HalfOpenSockets => {
            line.set(Weather::HalfOpen);
            sleep(fault.lasts).await;
            // The answers that hang in the line never arrive.
            line.reset(1_000);
            line.set(Weather::Clear);
            Ok(())
        }
        Kind::SlowSockets => {
            let time = Duration::from_millis(u64::from(fault.per_mille) / 4);
            weather(line, Weather::Latency(time), fault).await
        }
        Kind::OneByteChunks => weather(line, Weather::Trickle, fault).await,
    }
}

async fn weather(line: &Proxy, weather: Weather, fault: &Fault) -> anyhow::Result<()> {
    line.set(weather);
    sleep(fault.lasts).await;
    line.set(Weather::Clear);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHYTHM: Rhythm = Rhythm { gap: 100..2_000, lasts: 500..900, stops: 5_000..30_000 };

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_seed_another() {
        let schedule = |seed| schedule(seed, 100, &Kind::ALL, &RHYTHM);
        assert_eq!(schedule(7), schedule(7));
        assert_ne!(schedule(7), schedule(8));
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_again() {
        let faults = schedule(7, Kind::ALL.len() * 2, &Kind::ALL, &RHYTHM);
        for kind in Kind::ALL {
            assert_eq!(faults.iter().filter(|fault| fault.kind == kind).count(), 2, "{kind:?}");
        }
        assert!(faults.is_sorted_by_key(|fault| fault.at));
    }
}
