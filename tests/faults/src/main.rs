//! `soak`: the fault suite for as long as one likes, with a report. Started by `scripts/soak`.

use std::{env, fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;
use deskwire_faults::{
    faults::{Kind, Rhythm, draw_seed, schedule},
    nodes::Program,
    report,
    run::{Plan, run},
};

/// Breaks three nodes, PostgreSQL and Redis while people talk, and says what came of it.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many faults.
    #[arg(long, default_value_t = 1_000)]
    faults: usize,
    /// What is drawn at random is drawn from this; the schedule of faults follows from it alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Where record and report go.
    #[arg(long)]
    out: PathBuf,
    /// Sockets that are open at a time.
    #[arg(long, default_value_t = 300)]
    sockets: usize,
    /// Milliseconds from one fault to the next, on average.
    #[arg(long, default_value_t = 6_000)]
    gap: u64,
    /// Milliseconds that a person waits between two things that they do, on average.
    #[arg(long, default_value_t = 2_500)]
    pace: u64,
    /// The `deskwire` to break; the one beside this program when not named.
    #[arg(long)]
    deskwire: Option<PathBuf>,
    /// What the report says was run.
    #[arg(long, default_value = "soak")]
    command: String,
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(soak(Arguments::parse()))
}

async fn soak(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let seed = arguments.seed.unwrap_or_else(draw_seed);
    eprintln!("seed {seed}: the same faults come again by --seed {seed}");
    let binary = match arguments.deskwire {
        Some(binary) => binary,
        None => env::current_exe()?.with_file_name("deskwire"),
    };
    fs::create_dir_all(&arguments.out).with_context(|| format!("{}", arguments.out.display()))?;
    let rhythm =
        Rhythm { gap: arguments.gap / 4..arguments.gap * 7 / 4, lasts: 500..5_000, stops: 5_000..30_000 };
    let plan = Plan {
        program: Program { binary, environment: vec![] },
        sockets: arguments.sockets,
        shops: (arguments.sockets / 40).max(1),
        pace: Duration::from_millis(arguments.pace),
        seed,
        faults: schedule(seed, arguments.faults, &Kind::ALL, &rhythm),
        talk: Duration::ZERO,
        record: Some(arguments.out.join("record.ndjson")),
    };
    let outcome = run(plan).await?;
    let page = report::page(&arguments.command, seed, arguments.sockets, &outcome);
    let report = arguments.out.join("report.md");
    fs::write(&report, &page)?;
    eprintln!("{page}\n{}", outcome.logs);
    eprintln!("report: {}", report.display());
    let clean = outcome.verdict.violations.is_empty();
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
