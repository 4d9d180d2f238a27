//! One coupon in thousands of conversations is taken back: how soon all of its cards say so, and what those who talk
//! meanwhile notice of it.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, sleep_until},
};

use crate::{
    Options,
    client::{Client, replied},
    figures::{Outcome, Table, latencies, micros, millis, note, shown},
    people::Person,
    server::{Program, Server},
};

const SHOP: &str = "shop";
const COUPON: &str = r#"{"id":"c-1","title":"Five off","status":"ONGOING","display_type":"REGULAR","discount":{"type":"AMOUNT_OFF","reduction_amount":{"amount":"5.00","currency":"EUR"}},"claim_duration":{"start_time":1760000000000,"end_time":4102444800000},"redemption_duration":{"type":"RELATIVE","relative_days":7},"usage_limits":{"total_claim_limit":100000,"single_buyer_claim_limit":1},"create_time":1760000000000,"update_time":1760000000000}"#;
/// Those who send the cards, and those who talk.
const AT_ONCE: usize = 32;
const TALKERS: usize = 50;
const PACE: Duration = Duration::from_millis(100);
/// Between two looks at how far the server is.
const LOOK: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let conversations = if options.quick { 300 } else { 10_000 };
    let quiet = if options.quick { Duration::from_secs(1) } else { Duration::from_secs(10) };
    let directory = Program::directory(&options.work_dir)?;
    let file = directory.path().join("coupons.ndjson");
    fs::write(&file, format!("{COUPON}\n"))?;
    program.import(&directory, SHOP, "coupons", &file).await?;
    let server = program.start_in(directory).await?;
    send_cards(&server, conversations).await?;

    let (stop, stopped) = watch::channel(false);
    let mut talkers = JoinSet::new();
    for number in 0..TALKERS {
        let mut buyer = Client::join(&server, &Person::buyer(SHOP, format!("talker-{number}"))).await?;
        let conversation = buyer.open().await?;
        talkers.spawn(talk(buyer, conversation, number, stopped.clone()));
    }
    sleep(quiet).await;
    let before = server.counters().await?;
    let began = Instant::now();
    let mut agent = Client::join(&server, &Person::agent(SHOP, "ada")).await?;
    agent.call("workbench.coupons.deactivate", json!({ "coupon_id": "c-1" })).await?;
    let revised = |now: &crate::server::Counters| now.added(&before, "deskwire_card_refresh_seconds_count");
    while revised(&server.counters().await?) < 1.0 {
        ensure!(began.elapsed() < PATIENCE, "the cards are not rendered again");
        sleep(LOOK).await;
    }
    let ended = Instant::now();
    stop.send_replace(true);
    let (mut before_it, mut meanwhile) = (latencies(), latencies());
    while let Some(talked) = talkers.join_next().await {
        for (sent, took) in talked?? {
            if sent >= began && sent < ended {
                note(&mut meanwhile, took);
            } else if sent < began {
                note(&mut before_it, took);
            }
        }
    }
    server.end().await?;

    let seconds = (ended - began).as_secs_f64();
    let row = |what: &str, took: &Histogram<u64>| {
        let at = |quantile| millis(micros(took, quantile));
        vec![what.to_owned(), took.len().to_string(), at(0.5), at(0.99), at(1.0)]
    };
    let cards = Table {
        title: "A coupon that is taken back, in so many conversations".into(),
        columns: &["conversations", "all cards revised after s", "cards/s"],
        rows: vec![vec![conversations.to_string(), shown(seconds), shown(conversations as f64 / seconds)]],
    };
    let talk = Table {
        title: format!("{TALKERS} buyers who talk, a message every {} ms each: replies", PACE.as_millis()),
        columns: &["when", "messages", "p50 ms", "p99 ms", "max ms"],
        rows: vec![row("before", &before_it), row("while the cards are revised", &meanwhile)],
    };
    let raw = json!({
        "conversations": conversations, "seconds": seconds,
        "p99_before_us": micros(&before_it, 0.99), "p99_meanwhile_us": micros(&meanwhile, 0.99),
    });
    Ok(Outcome { tables: vec![cards, talk], aims: vec![], raw })
}

/// Opens that many conversations and sends the coupon into each.
async fn send_cards(server: &Server, conversations: usize) -> anyhow::Result<()> {
    let opened: Vec<String> = stream::iter(0..conversations)
        .map(async |number| {
            Client::join(server, &Person::buyer(SHOP, format!("buyer-{number}"))).await?.open().await
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut senders = JoinSet::new();
    for (number, part) in opened.chunks(conversations.div_ceil(AT_ONCE)).enumerate() {
        let mut agent = Client::join(server, &Person::agent(SHOP, format!("agent-{number}"))).await?;
        let part = part.to_vec();
        senders.spawn(async move {
            for conversation in part {
                let card = json!({ "conversation_id": conversation, "client_message_id": "card", "coupon_id": "c-1" });
                agent.call("workbench.coupons.send_card", card).await.context("a card")?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    Ok(())
}

/// Says something at every tick, however long the last reply took; when each was due, and how long its reply took.
async fn talk(
    mut buyer: Client,
    conversation: String,
    number: usize,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Vec<(Instant, Duration)>> {
    let mut took = Vec::new();
    let mut due = Instant::now() + PACE.mul_f64(number as f64 / TALKERS as f64);
    for key in 0.. {
        sleep_until(due.into()).await;
        if *stopped.borrow() {
            break;
        }
        let id = 1_000_000 + key;
        buyer.send(id, &conversation, key).await?;
        while replied(&buyer.frame().await?)? != Some(id) {}
        took.push((due, due.elapsed()));
        due += PACE;
    }
    Ok(took)
}
