//! The workbench of one large shop: how fast its things are imported, and how soon fifty agents who work at once have a
//! buyer's orders, products by a part of their name, the valid coupons, and a card on the buyer's screen.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep_until};

use crate::{
    Options,
    client::{Client, Pushed, is_created},
    figures::{Aim, Outcome, Table, latencies, micros, millis, note, shown},
    people::Person,
    server::{Program, Server},
};

const SHOP: &str = "large";
const AGENTS: usize = 50;
/// Each agent asks or sends something so often: someone who works fast.
const PACE: Duration = Duration::from_millis(250);
/// Orders of one buyer.
const ORDERS_OF_A_BUYER: u32 = 20;
/// Before the year 2026 ends; the server refuses what was made in its future.
const MADE: i64 = 1_760_000_000_000;

const ADJECTIVES: [&str; 12] = [
    "Linen", "Woollen", "Cotton", "Waxed", "Enamel", "Bamboo", "Ceramic", "Brushed", "Folding", "Quilted",
    "Crème", "Oak",
];
const NOUNS: [&str; 12] = [
    "shirt",
    "kettle",
    "notebook",
    "lamp",
    "blanket",
    "trousers",
    "jacket",
    "basket",
    "candle",
    "chair",
    "brûlée torch",
    "mug",
];

/// How many things the shop has.
#[derive(Debug, Clone, Copy)]
struct Size {
    orders: u32,
    products: u32,
    coupons: u32,
}

impl Size {
    const fn of(quick: bool) -> Self {
        if quick {
            Self { orders: 2_000, products: 500, coupons: 100 }
        } else {
            Self { orders: 1_000_000, products: 100_000, coupons: 10_000 }
        }
    }

    fn buyers(self) -> u32 {
        (self.orders / ORDERS_OF_A_BUYER).max(1)
    }
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Orders,
    Products,
    Coupons,
    Card,
}

impl Work {
    const ALL: [Self; 4] = [Self::Orders, Self::Products, Self::Coupons, Self::Card];

    const fn name(self) -> &'static str {
        match self {
            Self::Orders => "workbench.orders.list",
            Self::Products => "workbench.products.list, part of a name",
            Self::Coupons => "workbench.coupons.list",
            Self::Card => "card, from send to the buyer's socket",
        }
    }

    /// At most so long, 99 times of 100.
    const fn aim(self) -> Duration {
        match self {
            Self::Orders | Self::Products | Self::Coupons => Duration::from_millis(10),
            Self::Card => Duration::from_millis(20),
        }
    }
}

pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let size = Size::of(options.quick);
    let directory = Program::directory(&options.work_dir)?;
    let mut imports = Vec::new();
    for (kind, rows, line) in [
        ("products", size.products, product as fn(u32, Size, &mut String)),
        ("coupons", size.coupons, coupon),
        ("orders", size.orders, order),
    ] {
        let file = directory.path().join(format!("{kind}.ndjson"));
        write(&file, rows, size, line)?;
        let took = program.import(&directory, SHOP, kind, &file).await?;
        std::fs::remove_file(&file)?;
        let rate = f64::from(rows) / took.as_secs_f64();
        eprintln!("imported {rows} {kind} in {:.1} s: {} rows/s", took.as_secs_f64(), shown(rate));
        imports.push((kind, rows, took, rate));
    }
    let server = program.start_in(directory).await?;
    let took = work(options, &server, size).await?;
    server.end().await?;

    let import_table = Table {
        title: format!(
            "Import into SQLite, one shop, {} orders, {} products, {} coupons",
            size.orders, size.products, size.coupons
        ),
        columns: &["things", "rows", "seconds", "rows/s"],
        rows: imports
            .iter()
            .map(|(kind, rows, took, rate)| {
                vec![(*kind).to_owned(), shown(f64::from(*rows)), shown(took.as_secs_f64()), shown(*rate)]
            })
            .collect(),
    };
    let table = Table {
        title: format!(
            "{AGENTS} agents at once, each with a request every {} ms; latencies at the clients",
            PACE.as_millis()
        ),
        columns: &["what", "count", "p50 ms", "p90 ms", "p99 ms", "max ms"],
        rows: Work::ALL
            .iter()
            .zip(&took)
            .map(|(work, took)| {
                let at = |quantile| millis(micros(took, quantile));
                vec![work.name().to_owned(), took.len().to_string(), at(0.5), at(0.9), at(0.99), at(1.0)]
            })
            .collect(),
    };
    let mut aims: Vec<Aim> = Work::ALL
        .iter()
        .zip(&took)
        .map(|(work, took)| {
            let p99 = micros(took, 0.99);
            Aim {
                name: format!("{}: p99 under {} ms", work.name(), work.aim().as_millis()),
                measured: format!("{} ms", millis(p99)),
                is_met: p99 < work.aim().as_secs_f64() * 1e6,
            }
        })
        .collect();
    let rows: f64 = imports.iter().map(|(_, rows, ..)| f64::from(*rows)).sum();
    let seconds: f64 = imports.iter().map(|(_, _, took, _)| took.as_secs_f64()).sum();
    aims.push(Aim {
        name: "20 000 rows a second imported into SQLite".into(),
        measured: shown(rows / seconds),
        is_met: rows / seconds >= 20_000.0,
    });
    let raw = json!({
        "imports": imports.iter().map(|(kind, rows, took, rate)| json!({
            "kind": kind, "rows": rows, "seconds": took.as_secs_f64(), "rows_per_second": rate,
        })).collect::<Vec<_>>(),
        "work": Work::ALL.iter().zip(&took).map(|(work, took)| json!({
            "what": work.name(), "count": took.len(), "p50_us": micros(took, 0.5), "p99_us": micros(took, 0.99),
            "max_us": micros(took, 1.0),
        })).collect::<Vec<_>>(),
    });
    Ok(Outcome { tables: vec![import_table, table], aims, raw })
}

fn write(file: &Path, rows: u32, size: Size, line: fn(u32, Size, &mut String)) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut text = String::new();
    for number in 0..rows {
        text.clear();
        line(number, size, &mut text);
        text.push('\n');
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(())
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    out.write_fmt(text).unwrap_or_default();
}

fn product(number: u32, _: Size, out: &mut String) {
    let adjective = ADJECTIVES[number as usize % ADJECTIVES.len()];
    let noun = NOUNS[number as usize / ADJECTIVES.len() % NOUNS.len()];
    let stock = number % 7;
    put(
        out,
        format_args!(
            r#"{{"id":"p-{number}","title":"{adjective} {noun} No {number}","category":"{noun}","status":"ACTIVATE","update_time":{MADE},"skus":[{{"id":"p-{number}-1","seller_sku":"SKU-{number}-A","name":"M","price":{{"currency":"EUR","sale_price":{{"amount":"19.90","currency":"EUR"}}}},"inventory":{stock},"status":"ACTIVATE"}},{{"id":"p-{number}-2","seller_sku":"SKU-{number}-B","name":"L","price":{{"currency":"EUR","sale_price":{{"amount":"21.90","currency":"EUR"}}}},"inventory":5,"status":"ACTIVATE"}}]}}"#
        ),
    );
}

fn coupon(number: u32, _: Size, out: &mut String) {
    let adjective = ADJECTIVES[number as usize % ADJECTIVES.len()];
    // Valid until the year 2100.
    put(
        out,
        format_args!(
            r#"{{"id":"c-{number}","title":"{adjective} days No {number}","status":"ONGOING","display_type":"REGULAR","discount":{{"type":"AMOUNT_OFF","reduction_amount":{{"amount":"5.00","currency":"EUR"}}}},"claim_duration":{{"start_time":{MADE},"end_time":4102444800000}},"redemption_duration":{{"type":"RELATIVE","relative_days":7}},"usage_limits":{{"total_claim_limit":100000,"single_buyer_claim_limit":1}},"create_time":{MADE},"update_time":{MADE}}}"#
        ),
    );
}

fn order(number: u32, size: Size, out: &mut String) {
    let buyer = number % size.buyers();
    let product = number % size.products;
    let status =
        ["AWAITING_SHIPMENT", "IN_TRANSIT", "DELIVERED", "COMPLETED", "CANCELLED"][number as usize / 7 % 5];
    let made = MADE + i64::from(number) * 1_000;
    put(
        out,
        format_args!(
            r#"{{"id":"5764614130{number:08}","status":"{status}","create_time":{made},"update_time":{made},"user_id":"buyer-{buyer}","payment":{{"currency":"EUR","sub_total":{{"amount":"39.80","currency":"EUR"}},"shipping_fee":{{"amount":"3.50","currency":"EUR"}},"tax":{{"amount":"0.00","currency":"EUR"}},"total_amount":{{"amount":"43.30","currency":"EUR"}}}},"payment_method_name":"Card","recipient_address":{{"name":"Buyer {buyer}","full_address":"1 Example Street, 10115 Exampleton","postal_code":"10115","region_code":"DE"}},"line_items":[{{"id":"1","product_id":"p-{product}","product_name":"Product No {product}","sku_id":"p-{product}-1","sku_name":"M","sale_price":{{"amount":"19.90","currency":"EUR"}},"quantity":2}}]}}"#
        ),
    );
}

/// The latencies of each kind of work.
async fn work(options: &Options, server: &Server, size: Size) -> anyhow::Result<Vec<Histogram<u64>>> {
    let desks: Vec<Desk> = stream::iter(0..AGENTS)
        .map(|number| Desk::open(server, number, size))
        .buffered(8)
        .try_collect()
        .await?;
    let start = Instant::now();
    let (warm_up, span) = if options.quick { (1, 2) } else { (5, 60) };
    let from = start + Duration::from_secs(warm_up);
    let until = from + Duration::from_secs(span);
    let mut agents = JoinSet::new();
    let mut buyers = JoinSet::new();
    for desk in desks {
        let Desk { agent, buyer, conversation, number } = desk;
        agents.spawn(answer(agent, conversation, number, size, (start, from, until)));
        buyers.spawn(watch(buyer, (start, from, until)));
    }
    let mut took: Vec<Histogram<u64>> = Work::ALL.iter().map(|_| latencies()).collect();
    while let Some(done) = agents.join_next().await {
        for (all, one) in took.iter_mut().zip(done??) {
            all.add(&one)?;
        }
    }
    while let Some(seen) = buyers.join_next().await {
        took[3].add(&seen??)?;
    }
    Ok(took)
}

struct Desk {
    agent: Client,
    buyer: Client,
    conversation: String,
    number: usize,
}

impl Desk {
    async fn open(server: &Server, number: usize, size: Size) -> anyhow::Result<Self> {
        let mut agent = Client::join(server, &Person::agent(SHOP, format!("agent-{number}"))).await?;
        let of = number % usize::try_from(size.buyers())?;
        let mut buyer = Client::join(server, &Person::buyer(SHOP, format!("buyer-{of}"))).await?;
        let conversation = buyer.open().await?;
        agent.attach(&conversation).await?;
        Ok(Self { agent, buyer, conversation, number })
    }
}

type Span = (Instant, Instant, Instant);

/// One agent's work: the next thing at its time, however long the last one took.
async fn answer(
    mut agent: Client,
    conversation: String,
    number: usize,
    size: Size,
    (start, from, until): Span,
) -> anyhow::Result<Vec<Histogram<u64>>> {
    let mut random = StdRng::seed_from_u64(u64::try_from(number)?);
    let mut took: Vec<Histogram<u64>> = Work::ALL.iter().map(|_| latencies()).collect();
    let mut at = start + PACE.mul_f64(random.random_range(0.0..1.0));
    for turn in number.. {
        sleep_until(at.into()).await;
        if at >= until {
            break;
        }
        let work = turn % Work::ALL.len();
        let (method, params) = match Work::ALL[work] {
            Work::Orders => {
                let buyer = random.random_range(0..size.buyers());
                ("workbench.orders.list", json!({ "buyer_id": format!("buyer-{buyer}") }))
            }
            Work::Products => {
                let adjective = ADJECTIVES[random.random_range(0..ADJECTIVES.len())];
                let noun = NOUNS[random.random_range(0..NOUNS.len())];
                // Someone who is still typing, without the accents.
                let part: String =
                    adjective.to_lowercase().replace('è', "e").chars().skip(1).take(3).collect();
                let end: String = noun.chars().take(3).collect();
                ("workbench.products.list", json!({ "query": format!("{part} {end}") }))
            }
            Work::Coupons => ("workbench.coupons.list", json!({})),
            Work::Card => {
                let key = u64::try_from(start.elapsed().as_nanos())?.to_string();
                let product = random.random_range(0..size.products);
                let params = json!({
                    "conversation_id": conversation, "client_message_id": key,
                    "product_ids": [format!("p-{product}")],
                });
                ("workbench.products.send_card", params)
            }
        };
        // From the time at which it was due: what waits behind a slow answer counts as slow.
        let asked = at;
        let answer: Value = agent.call(method, params).await.with_context(|| method.to_owned())?;
        let now = Instant::now();
        if Work::ALL[work] == Work::Products {
            ensure!(
                answer["products"].as_array().is_some_and(|found| !found.is_empty()),
                "nothing was found"
            );
        }
        if Work::ALL[work] != Work::Card && asked >= from {
            note(&mut took[work], now - asked);
        }
        at += PACE;
    }
    Ok(took)
}

/// The buyer's screen: when the cards come.
async fn watch(mut buyer: Client, (start, from, until): Span) -> anyhow::Result<Histogram<u64>> {
    let mut took = latencies();
    // The last cards are on their way when the agents stop.
    let end = until + Duration::from_secs(2);
    loop {
        let frame = tokio::select! {
            frame = buyer.frame() => frame?,
            () = sleep_until(end.into()) => return Ok(took),
        };
        if !is_created(&frame) {
            continue;
        }
        let now = Instant::now();
        let Pushed { params } = serde_json::from_str(&frame)?;
        let sent = start + Duration::from_nanos(params.message.client_message_id.parse()?);
        if sent >= from {
            note(&mut took, now - sent);
        }
    }
}
