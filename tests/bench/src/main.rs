//! The benchmark: starts `deskwire serve` for each part, puts load on it over real sockets, and writes down what was
//! measured, as a table for people and as JSON for programs. Called by `scripts/bench`.

#![expect(clippy::cast_precision_loss, reason = "figures are shown to a few digits")]

mod client;
mod figures;
mod machine;
mod pair;
mod parts;
mod peers;
mod people;
mod process;
mod server;

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use figures::Outcome;
use server::Program;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The disk alone: one forced write after the other.
    Disk,
    /// The store alone: one message a commit, and 256.
    Store,
    /// Durable sends per second at 1, 64 and 512 senders, with latencies.
    Sends,
    /// Memory of idle, attached sockets.
    Memory,
    /// Frames a flush, and what one flush for many is worth.
    Flush,
    /// One large shop: its import, and fifty agents at its workbench.
    Workbench,
    /// A coupon in ten thousand conversations that is taken back.
    Cards,
    /// Two nodes over `PostgreSQL` and Redis beside one on `SQLite`.
    Nodes,
    /// Five thousand sockets whose node has died, on their way to another one.
    Reconnect,
    /// Deskwire beside servers that keep nothing: rooms, pairs, arrivals.
    Peers,
}

impl Part {
    /// All but the one that needs what others wrote.
    fn usual() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|part| *part != Self::Peers).collect()
    }
}

/// Measures one node on `SQLite`, and two over `PostgreSQL` and Redis.
#[derive(Debug, Parser)]
#[command(name = "deskwire-bench")]
pub(crate) struct Options {
    /// The parts to run; all of them when none is named.
    parts: Vec<Part>,
    /// The `deskwire` binary, built for release.
    #[arg(long)]
    server: PathBuf,
    /// Run the server on this core alone, by `taskset`.
    #[arg(long)]
    server_core: Option<usize>,
    /// Where databases are put while they are needed; it decides which disk is measured.
    #[arg(long)]
    work_dir: PathBuf,
    /// Where npm has installed what the part `peers` compares with; the scripts are beside it.
    #[arg(long)]
    node_modules: Option<PathBuf>,
    /// Where the part `peers` puts its plots.
    #[arg(long)]
    plots: Option<PathBuf>,
    /// Of the part `peers`, only these comparisons: A, B, C, D, durable, arrivals, never-reads.
    #[arg(long, value_delimiter = ',')]
    comparisons: Vec<String>,
    /// Of the services that are compared, only these.
    #[arg(long, value_delimiter = ',')]
    services: Vec<peers::Kind>,
    /// The JSON file to write.
    #[arg(long)]
    out: PathBuf,
    /// Rounds of the measurements that are repeated; the median of each figure is shown.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Short rounds and few sockets: shows that it works, measures nothing worth keeping.
    #[arg(long)]
    quick: bool,
    /// How it was called, to be written into the results.
    #[arg(long, default_value = "deskwire-bench")]
    command: String,
}

impl Options {
    /// Whether this comparison is to be made.
    pub(crate) fn compares(&self, name: &str) -> bool {
        self.comparisons.is_empty() || self.comparisons.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    }

    /// The services that are compared.
    pub(crate) fn compared(&self) -> Vec<peers::Kind> {
        if self.services.is_empty() { peers::Kind::ALL.into() } else { self.services.clone() }
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    ensure!(options.rounds > 0, "--rounds must be at least 1");
    // The load comes from one core, as the server's work is done on the other.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&options))
}

async fn run(options: &Options) -> anyhow::Result<()> {
    fs::create_dir_all(&options.work_dir).context("the work directory cannot be made")?;
    let program = Program { path: options.server.clone(), core: options.server_core };
    let parts = if options.parts.is_empty() { Part::usual() } else { options.parts.clone() };
    let load_before = machine::load_average();
    let mut measured = serde_json::Map::new();
    for part in parts {
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        eprintln!("== {name}");
        let outcome = match part {
            Part::Disk => parts::disk::measure(options)?,
            Part::Store => parts::store::measure(options).await?,
            Part::Sends => parts::sends::measure(options, &program).await?,
            Part::Memory => parts::memory::measure(options, &program).await?,
            Part::Flush => parts::flush::measure(options, &program).await?,
            Part::Workbench => parts::workbench::measure(options, &program).await?,
            Part::Cards => parts::cards::measure(options, &program).await?,
            Part::Nodes => parts::nodes::measure(options, &program).await?,
            Part::Reconnect => parts::reconnect::measure(options, &program).await?,
            Part::Peers => peers::measure(options, &program).await?,
        };
        show(&outcome);
        measured.insert(name, outcome.to_json());
    }
    let results = json!({
        "command": options.command,
        "quick": options.quick,
        "rounds": options.rounds,
        "machine": machine::describe(),
        "server_core": options.server_core,
        "load_average": { "before": load_before, "after": machine::load_average() },
        "parts": Value::Object(measured),
    });
    fs::write(&options.out, serde_json::to_string_pretty(&results)? + "\n")
        .with_context(|| format!("{} cannot be written", options.out.display()))?;
    eprintln!("results: {}", options.out.display());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are what this program is called for")]
fn show(outcome: &Outcome) {
    println!("{outcome}");
}
