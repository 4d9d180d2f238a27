//! The store alone: the same loads, checks and rows as a send, without sockets, rules and delivery around them. What
//! the server reaches is to be seen beside this.

use std::time::{Duration, Instant};

use anyhow::Context;
use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, ParticipantRole, Role, Sender, ShopId, Timestamp, UserId,
    Visibility,
};
use deskwire_store::{Changes, Loaded, MessageRecord, Needs, Scope, SendKey, Store, StoreConfig, UserRecord};
use hdrhistogram::Histogram;
use serde_json::json;

use crate::{
    Options,
    figures::{Outcome, Table, latencies, median, micros, millis, note, shown},
    process::CpuTime,
};

/// Messages of one commit, each into a conversation of its own.
const BATCHES: [usize; 4] = [1, 16, 64, 256];
/// Nothing here asks what time it is.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Round {
    rows_a_second: f64,
    /// On all threads, for each message: what stays the same on a busy machine.
    cpu_micros: f64,
    commits: Histogram<u64>,
}

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Outcome> {
    let span = if options.quick { Duration::from_millis(300) } else { Duration::from_secs(3) };
    let mut rounds: Vec<Vec<Round>> = BATCHES.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (batch, rounds) in BATCHES.iter().zip(&mut rounds) {
            let bench = Bench::open(options, *batch).await?;
            rounds.push(bench.run(span).await?);
        }
    }
    let rate = |rounds: &[Round]| median(rounds.iter().map(|round| round.rows_a_second));
    let rows = BATCHES.iter().zip(&rounds).map(|(batch, rounds)| {
        let quantile = |quantile| millis(median(rounds.iter().map(|round| micros(&round.commits, quantile))));
        vec![
            format!("{batch}"),
            shown(rate(rounds)),
            shown(rate(rounds) / *batch as f64),
            shown(median(rounds.iter().map(|round| round.cpu_micros))),
            quantile(0.5),
            quantile(0.99),
        ]
    });
    let table = Table {
        title: "Store alone, SQLite, synchronous=FULL".into(),
        columns: &[
            "messages a commit",
            "messages/s",
            "commits/s",
            "cpu us/message",
            "commit p50 ms",
            "p99 ms",
        ],
        rows: rows.collect(),
    };
    let raw = BATCHES.iter().zip(&rounds).map(|(batch, rounds)| {
        let rates: Vec<f64> = rounds.iter().map(|round| round.rows_a_second).collect();
        let cpu: Vec<f64> = rounds.iter().map(|round| round.cpu_micros).collect();
        json!({ "batch": batch, "messages_per_second": rates, "cpu_micros_per_message": cpu })
    });
    let raw = raw.collect();
    Ok(Outcome { tables: vec![table], aims: Vec::new(), raw })
}

/// Messages a second, and the p99 of a commit in microseconds, by so many messages a commit.
pub(crate) async fn round(options: &Options, batch: usize, span: Duration) -> anyhow::Result<(f64, f64)> {
    let round = Bench::open(options, batch).await?.run(span).await?;
    Ok((round.rows_a_second, micros(&round.commits, 0.99)))
}

/// An empty database with a buyer and a conversation for each message of a commit.
struct Bench {
    _directory: tempfile::TempDir,
    store: Store,
    scopes: Vec<(Scope, ConversationId)>,
}

impl Bench {
    async fn open(options: &Options, batch: usize) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("deskwire-bench-").tempdir_in(&options.work_dir)?;
        let path = directory.path().join("store.sqlite");
        let store = Store::open(&StoreConfig::at(format!("sqlite://{}", path.display()))).await?;
        store.migrate().await?;
        let mut scopes = Vec::new();
        for number in 1..=i64::try_from(batch)? {
            let user_id = UserId::new(format!("buyer-{number}"))?;
            let scope = Scope { shop_id: ShopId::new("shop")?, role: Role::Buyer, user_id: user_id.clone() };
            store.put_user(&scope, &UserRecord { user_id, name: "Buyer".into(), locale: None }, NOW).await?;
            let id = ConversationId::new(number).context("it is positive")?;
            let record = store.open_conversation(&scope, id, NOW).await?;
            scopes.push((scope, record.conversation_id));
        }
        Ok(Self { _directory: directory, store, scopes })
    }

    async fn run(&self, span: Duration) -> anyhow::Result<Round> {
        let mut commits = latencies();
        let mut messages = 0;
        let (begin, cpu) = (Instant::now(), CpuTime::of("self")?);
        let mut number = 0_u64;
        while begin.elapsed() < span {
            let started = Instant::now();
            number += 1;
            let sends = self.sends(number)?;
            let conversations = self.scopes.iter().map(|(_, id)| *id).collect();
            let needs = Needs { conversations, sends: sends.clone(), ..Needs::default() };
            self.store.commit(&needs, |loaded| (changes(loaded, sends.clone()), ())).await?;
            note(&mut commits, started.elapsed());
            messages += self.scopes.len();
        }
        let messages = messages as f64;
        Ok(Round {
            rows_a_second: messages / begin.elapsed().as_secs_f64(),
            cpu_micros: CpuTime::of("self")?.since(cpu).micros_each(messages),
            commits,
        })
    }

    fn sends(&self, number: u64) -> anyhow::Result<Vec<SendKey>> {
        let key = |(scope, conversation_id): &(Scope, ConversationId)| {
            Ok(SendKey {
                conversation_id: *conversation_id,
                role: ParticipantRole::Buyer,
                user_id: scope.user_id.clone(),
                client_message_id: ClientMessageId::new(number.to_string())?,
            })
        };
        self.scopes.iter().map(key).collect()
    }
}

/// What the rules of chat make of a send, without the rules.
fn changes(mut loaded: Loaded, sends: Vec<SendKey>) -> Changes {
    let mut changes = Changes::default();
    for send in sends {
        let Some(mut record) = loaded.conversations.remove(&send.conversation_id) else { continue };
        let buyer_prev_seq = record.buyer_last_seq;
        let seq = record.last_seq.next();
        record.last_seq = seq;
        record.buyer_last_seq = seq;
        record.latest_message_seq = seq;
        record.buyer_latest_message_seq = seq;
        record.shop_unread += 1;
        record.update_time = NOW;
        changes.messages.push(MessageRecord {
            conversation_id: send.conversation_id,
            seq,
            buyer_prev_seq,
            sender: Sender { role: send.role, user_id: Some(send.user_id), name: "Buyer".into() },
            client_message_id: Some(send.client_message_id),
            content: Content::Text { text: crate::client::TEXT.into() },
            visibility: Visibility::All,
            revision: 0,
            recalled: false,
            create_time: NOW,
        });
        changes.conversations.push(record);
    }
    changes
}
