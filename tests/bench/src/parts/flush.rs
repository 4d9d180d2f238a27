//! What waits for a socket is written in one go: how many frames the server sends with each flush, by its own count,
//! and what that is worth to a client with many requests in flight.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    Options,
    client::{Client, replied},
    figures::{Aim, Outcome, Table, median, shown},
    people::Person,
    server::Program,
};

/// Requests in flight on the one socket.
const IN_FLIGHT: [usize; 3] = [1, 4, 16];

struct Round {
    rate: f64,
    frames: f64,
    flushes: f64,
    server_micros: f64,
}

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let span = if options.quick { Duration::from_millis(300) } else { Duration::from_secs(2) };
    let mut levels: Vec<Vec<Round>> = IN_FLIGHT.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (&in_flight, rounds) in IN_FLIGHT.iter().zip(&mut levels) {
            rounds.push(round(options, program, in_flight, span).await?);
        }
    }
    let of = |rounds: &[Round], figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
    let per_flush = |rounds: &[Round]| of(rounds, |round| round.frames / round.flushes);
    let rows = IN_FLIGHT.iter().zip(&levels).map(|(in_flight, rounds)| {
        vec![
            in_flight.to_string(),
            shown(of(rounds, |round| round.rate)),
            shown(per_flush(rounds)),
            shown(of(rounds, |round| round.server_micros)),
        ]
    });
    let table = Table {
        title: "`session.ping` on one socket".into(),
        columns: &["in flight", "replies/s", "frames a flush", "server us/reply"],
        rows: rows.collect(),
    };
    let most = per_flush(&levels[IN_FLIGHT.len() - 1]);
    let aim = Aim {
        name: "16 replies that wait for one socket leave by one flush".into(),
        measured: format!("{} frames a flush", shown(most)),
        is_met: most > 15.0,
    };
    let raw: Vec<Value> = IN_FLIGHT
        .iter()
        .zip(&levels)
        .map(|(in_flight, rounds)| {
            let rounds: Vec<Value> = rounds
                .iter()
                .map(|round| json!({ "per_second": round.rate, "frames": round.frames, "flushes": round.flushes }))
                .collect();
            json!({ "in_flight": in_flight, "rounds": rounds })
        })
        .collect();
    Ok(Outcome { tables: vec![table], aims: vec![aim], raw: raw.into() })
}

async fn round(
    options: &Options,
    program: &Program,
    in_flight: usize,
    span: Duration,
) -> anyhow::Result<Round> {
    let server = program.start(&options.work_dir).await?;
    let mut client = Client::join(&server, &Person::buyer("shop", "buyer")).await?;
    let before = (server.counters().await?, server.cpu_time()?);
    let begin = Instant::now();
    let mut replies = 0;
    let mut id = 1_000_000;
    while begin.elapsed() < span {
        for _ in 0..in_flight {
            id += 1;
            client
                .feed(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"session.ping","params":{{}}}}"#))
                .await?;
        }
        client.flush().await?;
        for _ in 0..in_flight {
            replied(&client.frame().await?)?.context("nothing is pushed here")?;
            replies += 1;
        }
    }
    let lasted = begin.elapsed();
    let after = (server.counters().await?, server.cpu_time()?);
    drop(client);
    server.end().await?;
    let added = |name| after.0.added(&before.0, name);
    Ok(Round {
        rate: f64::from(replies) / lasted.as_secs_f64(),
        frames: added("deskwire_frames_sent_total"),
        flushes: added("deskwire_flushes_total"),
        server_micros: after.1.since(before.1).micros_each(f64::from(replies)),
    })
}
