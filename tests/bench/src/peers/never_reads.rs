//! One reader among a thousand that never reads: what the others notice of it, and what it takes of the server's memory until it
//! is given up.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{Kind, Services, rooms};
use crate::{
    Options,
    client::Client,
    figures::{Aim, Outcome, Table, median, micros, millis, shown},
    people::Person,
};

/// The outbox's bound as by default, in bytes.
const BOUND: f64 = 1024.0 * 1024.0;

struct Round {
    p50: [f64; 2],
    p99: [f64; 2],
    /// How much more memory the server has at the end than where everyone reads.
    more_bytes: f64,
    given_up: f64,
}

pub(crate) async fn measure(options: &Options, services: &Services<'_>) -> anyhow::Result<Outcome> {
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let (mut p50, mut p99, mut memory, mut given_up) = ([0.0; 2], [0.0; 2], [0.0; 2], 0.0);
        for (place, deaf) in [false, true].into_iter().enumerate() {
            let service = services.start_usual(Kind::OneNode).await?;
            let crowd = rooms::Crowd::of(&service, if options.quick { 100 } else { 1_000 }).await?;
            let never_reads =
                if deaf { Some(never_reads(service.address(0), crowd.room()).await?) } else { None };
            let before = service.memory()?;
            let latencies = crowd.listen(options.quick).await?;
            memory[place] = service.memory()? as f64 - before as f64;
            (p50[place], p99[place]) = (micros(&latencies, 0.5), micros(&latencies, 0.99));
            given_up += service.slow_consumers().await?;
            drop(never_reads);
            service.end().await?;
        }
        eprintln!(
            "round {number}, one that never reads: p99 {} ms, {} ms without",
            millis(p99[1]),
            millis(p99[0])
        );
        rounds.push(Round { p50, p99, more_bytes: memory[1] - memory[0], given_up });
    }
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure));
    let rows = [(0, "all read"), (1, "one never reads")].map(|(place, name)| {
        vec![name.to_owned(), millis(of(&|round| round.p50[place])), millis(of(&|round| round.p99[place]))]
    });
    let table = Table {
        title:
            "1 000 sockets in one conversation, 50 messages of 7.6 KB a second: delivery to those who read"
                .into(),
        columns: &["who reads", "p50 ms", "p99 ms"],
        rows: rows.into(),
    };
    let ratio = of(&|round| round.p99[1] / round.p99[0]);
    let more = of(&|round| round.more_bytes);
    let aims = vec![
        Aim {
            name: "one that never reads among 1 000: the others' p99 at most 1.2 times".into(),
            measured: format!("{} times; {} given up", shown(ratio), shown(of(&|round| round.given_up))),
            is_met: ratio <= 1.2,
        },
        Aim {
            name: "one that never reads: no more memory than its queue's bound, 1 MiB".into(),
            measured: format!("{} bytes", shown(more)),
            is_met: more <= BOUND,
        },
    ];
    let raw = rounds.iter().map(|round| {
        json!({ "p50_us": round.p50, "p99_us": round.p99, "more_bytes": round.more_bytes, "given_up": round.given_up })
    });
    let raw = Value::Array(raw.collect());
    Ok(Outcome { tables: vec![table], aims, raw })
}

/// A socket that is attached and from then on is left alone, with little room for what it is sent.
async fn never_reads(address: &str, conversation: &str) -> anyhow::Result<Client> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let stream = socket.connect(address.parse().context("an address")?).await?;
    stream.set_nodelay(true)?;
    let mut client = Client::over(stream, address, 4_096).await?;
    let token = Person::agent("shop-0", "never-reads").token()?;
    client.call("session.start", json!({ "token": token })).await?;
    client.attach(conversation).await?;
    Ok(client)
}

/// How long it lasts: long enough for the kernel's buffers to be full.
pub(crate) const LASTS: Duration = Duration::from_secs(20);
