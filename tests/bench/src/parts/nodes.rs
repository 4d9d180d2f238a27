//! Two nodes over `PostgreSQL` and Redis, buyers on one and agents on the other, beside one node on `SQLite` in the same run:
//! how long a message takes from socket to socket, and how many can be acknowledged.

use serde_json::{Value, json};

use super::sends::{Round, round_at};
use crate::{
    Options,
    figures::{Aim, Outcome, Table, median, micros, millis, shown},
    pair::{Backends, Pair},
    server::Program,
};

/// One at a time, a busy service, and as many as it can take.
const SENDERS: [usize; 3] = [1, 64, 512];

/// What the messages go through.
#[derive(Debug, Clone, Copy)]
enum Way {
    OneNode,
    TwoNodes,
}

impl Way {
    const ALL: [Self; 2] = [Self::OneNode, Self::TwoNodes];

    const fn name(self) -> &'static str {
        match self {
            Self::OneNode => "one node, SQLite",
            Self::TwoNodes => "two nodes, PostgreSQL and Redis",
        }
    }
}

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let backends = Backends::start().await?;
    let mut levels = Vec::new();
    for senders in SENDERS {
        for way in Way::ALL {
            levels.push((senders, way, Vec::new()));
        }
    }
    for number in 1..=options.rounds {
        for (senders, way, rounds) in &mut levels {
            let round = round(options, program, &backends, *way, *senders).await?;
            eprintln!("round {number}, {}, {senders} senders: {} sends/s", way.name(), shown(round.rate()));
            rounds.push(round);
        }
    }
    let table = Table {
        title: "Durable sends, one message in flight each; buyers on one node, agents on the other".into(),
        columns: &[
            "senders, way",
            "sends/s",
            "reply p50 ms",
            "p99 ms",
            "delivery p50 ms",
            "p99 ms",
            "nodes us/send",
        ],
        rows: levels.iter().map(|(senders, way, rounds)| row(*senders, *way, rounds)).collect(),
    };
    let raw = levels.iter().map(|(senders, way, rounds)| {
        let rounds: Vec<Value> = rounds.iter().map(Round::to_json).collect();
        json!({ "senders": senders, "way": way.name(), "rounds": rounds })
    });
    let raw = raw.collect();
    Ok(Outcome { tables: vec![table], aims: Vec::<Aim>::new(), raw })
}

fn row(senders: usize, way: Way, rounds: &[Round]) -> Vec<String> {
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure));
    vec![
        format!("{senders}, {}", way.name()),
        shown(of(&Round::rate)),
        millis(of(&|round| micros(&round.replies, 0.5))),
        millis(of(&|round| micros(&round.replies, 0.99))),
        millis(of(&|round| micros(&round.deliveries, 0.5))),
        millis(of(&|round| micros(&round.deliveries, 0.99))),
        shown(of(&Round::server_micros)),
    ]
}

async fn round(
    options: &Options,
    program: &Program,
    backends: &Backends,
    way: Way,
    senders: usize,
) -> anyhow::Result<Round> {
    match way {
        Way::OneNode => {
            let server = program.start(&options.work_dir).await?;
            let round = round_at([&server, &server], options.quick, senders).await?;
            server.end().await?;
            Ok(round)
        }
        Way::TwoNodes => {
            let pair = Pair::start(backends, program, &options.work_dir).await?;
            let round = round_at([&pair.one, &pair.two], options.quick, senders).await?;
            pair.one.end().await?;
            pair.two.end().await?;
            Ok(round)
        }
    }
}
