//! E and F: sockets that come, and then sit idle. They connect, authenticate (a peer knows nobody, and lets everyone in) and
//! enter a room, each a buyer's own conversation with the shop; then they say nothing, and take memory. The same people come
//! twice: Deskwire writes down whom it has never seen and makes their conversations, and knows both the second time.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Kind, Seat, Service, Services, plot};
use crate::{
    Options,
    figures::{Aim, Outcome, Table, median, shown},
    process::CpuTime,
};

/// Of each shop.
const BUYERS: usize = 10;
/// Sockets that are opened side by side.
const OPENING: usize = 64;
/// What was needed only to open them is given back by then.
const SETTLE: Duration = Duration::from_secs(2);

/// So many sockets that came.
struct Crowd {
    took: Duration,
    server: CpuTime,
    bytes_each: f64,
}

struct Round {
    sockets: f64,
    first: Crowd,
    again: Crowd,
}

impl Round {
    fn rate(&self, crowd: &Crowd) -> f64 {
        self.sockets / crowd.server.seconds()
    }
}

pub(crate) async fn measure(options: &Options, services: &Services<'_>) -> anyhow::Result<Outcome> {
    let sockets = if options.quick { 500 } else { 5_000 };
    let mut all: Vec<_> = options.compared().into_iter().map(|kind| (kind, Vec::new())).collect();
    for number in 1..=options.rounds {
        for (kind, rounds) in &mut all {
            let service = services.start(*kind).await?;
            let round = round(&service, sockets).await.with_context(|| kind.name())?;
            service.end().await?;
            let (first, again) = (round.rate(&round.first), round.rate(&round.again));
            eprintln!(
                "round {number}, F, {}: {}, then {} a core-second",
                kind.name(),
                shown(first),
                shown(again)
            );
            rounds.push(round);
        }
    }
    let of = |kind: Kind, figure: &dyn Fn(&Round) -> f64| {
        let found = all.iter().find(|(of, _)| *of == kind);
        found.map_or(f64::NAN, |(_, rounds)| median(rounds.iter().map(figure)))
    };
    let first = |kind| of(kind, &|round: &Round| round.rate(&round.first));
    let rate = |kind| of(kind, &|round: &Round| round.rate(&round.again));
    let table = Table {
        title: format!(
            "E, F: {sockets} sockets connect, authenticate and enter a room, {OPENING} at a time, and sit idle; twice"
        ),
        columns: &[
            "service",
            "first: a core-second",
            "again: a core-second",
            "sockets/s",
            "bytes each, idle",
        ],
        rows: Kind::ALL
            .map(|kind| {
                vec![
                    kind.name().to_owned(),
                    shown(first(kind)),
                    shown(rate(kind)),
                    shown(of(kind, &|round| round.sockets / round.again.took.as_secs_f64())),
                    shown(of(kind, &|round| round.first.bytes_each)),
                ]
            })
            .into(),
    };
    if let Some(dir) = &options.plots {
        let title = "F: sockets that connect, authenticate and enter, a core-second";
        plot::bars(dir, "peers-f", title, &Kind::ALL.map(|kind| (kind, rate(kind))))?;
    }
    let ratio = rate(Kind::TwoNodes) / rate(Kind::SocketIo);
    let aims = vec![
        Aim {
            name: "F: at least 2 times Socket.IO's rate".into(),
            measured: format!(
                "{} times (one node: {})",
                shown(ratio),
                shown(rate(Kind::OneNode) / rate(Kind::SocketIo))
            ),
            is_met: ratio >= 2.0,
        },
        Aim {
            name: "F: 5 000 new sessions a second and core".into(),
            measured: format!("{} on one node", shown(rate(Kind::OneNode))),
            is_met: rate(Kind::OneNode) >= 5_000.0,
        },
    ];
    let raw = all.iter().map(|(kind, rounds)| {
        let crowd = |crowd: &Crowd| {
            json!({
                "seconds": crowd.took.as_secs_f64(), "server_cpu": crowd.server.to_json(), "bytes_each": crowd.bytes_each,
            })
        };
        let rounds = rounds.iter().map(|round| {
            json!({ "sockets": round.sockets, "first": crowd(&round.first), "again": crowd(&round.again) })
        });
        json!({ "service": kind.name(), "rounds": rounds.collect::<Vec<Value>>() })
    });
    let raw = raw.collect();
    Ok(Outcome { tables: vec![table], aims, raw })
}

async fn round(service: &Service, sockets: usize) -> anyhow::Result<Round> {
    let first = crowd(service, sockets).await?;
    let again = crowd(service, sockets).await?;
    Ok(Round { sockets: sockets as f64, first, again })
}

async fn crowd(service: &Service, sockets: usize) -> anyhow::Result<Crowd> {
    sleep(SETTLE).await;
    let (before, memory_before, began) = (service.cpu_time()?, service.memory()?, Instant::now());
    let seated: Vec<Seat> = stream::iter(0..sockets)
        .map(|number| async move {
            let (shop, buyer) = (format!("shop-{}", number / BUYERS), format!("buyer-{number}"));
            Seat::take(service, number, &shop, &buyer, None, None).await
        })
        .buffer_unordered(OPENING)
        .try_collect()
        .await?;
    let (took, after) = (began.elapsed(), service.cpu_time()?);
    sleep(SETTLE).await;
    let memory = service.memory()?;
    drop(seated);
    Ok(Crowd {
        took,
        server: after.since(before),
        bytes_each: memory.saturating_sub(memory_before) as f64 / sockets as f64,
    })
}
