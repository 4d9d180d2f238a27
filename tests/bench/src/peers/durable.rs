//! What durability costs one node on `SQLite`, beside its store alone: 256 messages under way, and half of that rate at a pace.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Kind, Services, rooms};
use crate::{
    Options,
    figures::{Aim, Outcome, Table, median, micros, millis, shown},
    parts::{sends, store},
    server::Program,
};

const IN_FLIGHT: usize = 256;

struct Round {
    /// Of the store alone: messages a second by 1 and by 256 a commit; how long a commit of 1 takes, p99.
    one: f64,
    one_p99: f64,
    batch: f64,
    /// Of the server: acknowledged a second with 256 under way.
    sends: f64,
    /// At half of that rate: until the own message is back, which leaves with the reply, and the agent has it.
    paced_p50: f64,
    paced_p99: f64,
}

pub(crate) async fn measure(
    options: &Options,
    program: &Program,
    services: &Services<'_>,
) -> anyhow::Result<Outcome> {
    let span = if options.quick { Duration::from_millis(300) } else { Duration::from_secs(3) };
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let (one, one_p99) = store::round(options, 1, span).await?;
        let (batch, _) = store::round(options, IN_FLIGHT, span).await?;
        let server = program.start(&options.work_dir).await?;
        let sends = sends::round_at([&server, &server], options.quick, IN_FLIGHT).await?.rate();
        server.end().await?;
        let service = services.start(Kind::OneNode).await?;
        let paced = rooms::paced_pairs(options.quick, &service, IN_FLIGHT, sends / 2.0).await?;
        service.end().await?;
        let (paced_p50, paced_p99) = (micros(&paced, 0.5), micros(&paced, 0.99));
        eprintln!("round {number}, C: {} sends/s, at half of it p99 {} ms", shown(sends), millis(paced_p99));
        rounds.push(Round { one, one_p99, batch, sends, paced_p50, paced_p99 });
    }
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure));
    let (one, one_p99, batch) =
        (of(&|round| round.one), of(&|round| round.one_p99), of(&|round| round.batch));
    let (sends, p50, p99) =
        (of(&|round| round.sends), of(&|round| round.paced_p50), of(&|round| round.paced_p99));
    let table = Table {
        title: "C: durable sends on one node, SQLite, synchronous=FULL".into(),
        columns: &["what", "messages/s", "p50 ms", "p99 ms"],
        rows: vec![
            vec!["the store alone, one message a commit".into(), shown(one), String::new(), millis(one_p99)],
            vec!["the store alone, 256 messages a commit".into(), shown(batch), String::new(), String::new()],
            vec![
                "the server, 256 in flight, acknowledged".into(),
                shown(sends),
                String::new(),
                String::new(),
            ],
            vec!["the server at half of that rate".into(), shown(sends / 2.0), millis(p50), millis(p99)],
        ],
    };
    let aims = vec![
        Aim {
            name: "C: 256 in flight at least 5 times one row a commit".into(),
            measured: format!("{} times", shown(sends / one)),
            is_met: sends >= 5.0 * one,
        },
        Aim {
            name: "C: at least a quarter of the store's own rate at 256 a commit".into(),
            measured: format!("{} of it", shown(sends / batch)),
            is_met: sends >= batch / 4.0,
        },
        Aim {
            name: "C: p99 at half of that rate at most 3 times a one-row commit's, and under 10 ms".into(),
            measured: format!("{} ms, {} times", millis(p99), shown(p99 / one_p99)),
            is_met: p99 <= 3.0 * one_p99 && p99 < 10_000.0,
        },
    ];
    let raw = rounds.iter().map(|round| {
        json!({
            "one_a_commit": round.one, "one_a_commit_p99_us": round.one_p99, "batch_of_256": round.batch,
            "sends_256_in_flight": round.sends, "paced_p50_us": round.paced_p50, "paced_p99_us": round.paced_p99,
        })
    });
    let raw = Value::Array(raw.collect());
    Ok(Outcome { tables: vec![table], aims, raw })
}
