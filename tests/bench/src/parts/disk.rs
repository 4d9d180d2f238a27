//! The disk alone: what a commit waits for, without a database. One write, forced to the disk, after the other.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::json;

use crate::{
    Options,
    figures::{Outcome, Table, latencies, median, micros, note, shown},
};

/// A page of the database; a commit of one message writes about five.
const PAGE: usize = 4096;
/// Where an overwritten file begins again, so that its blocks are there already.
const WRAP: u64 = 16 * 1024 * 1024;

/// Where the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind the end: the file's new length is forced too.
    Appended,
    /// Over bytes that are there, as in a write-ahead log after its first checkpoint.
    Overwritten,
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Outcome> {
    let spans = [
        ("4 KiB appended", PAGE, Place::Appended),
        ("20 KiB appended", 5 * PAGE, Place::Appended),
        ("20 KiB overwritten", 5 * PAGE, Place::Overwritten),
        ("256 KiB overwritten", 64 * PAGE, Place::Overwritten),
    ];
    let span = if options.quick { Duration::from_millis(100) } else { Duration::from_secs(1) };
    let mut rounds = vec![Vec::new(); spans.len()];
    for _ in 0..options.rounds {
        for ((_, bytes, place), rounds) in spans.iter().zip(&mut rounds) {
            rounds.push(forced_writes(options, *bytes, *place, span)?);
        }
    }
    let rows = spans.iter().zip(&rounds).map(|((name, ..), rounds)| {
        let quantile = |quantile| shown(median(rounds.iter().map(|round| micros(round, quantile))));
        let a_second = median(rounds.iter().map(|round| 1e9 / round.mean()));
        vec![(*name).to_owned(), shown(a_second), quantile(0.5), quantile(0.99)]
    });
    let table = Table {
        title: "Forced writes (write, fdatasync), one after the other".into(),
        columns: &["write", "a second", "p50 us", "p99 us"],
        rows: rows.collect(),
    };
    let raw = spans.iter().zip(&rounds).map(|((name, ..), rounds)| {
        let rounds = rounds.iter().map(|round| {
            json!({ "count": round.len(), "mean_us": round.mean() / 1000.0, "p50_us": micros(round, 0.5), "p99_us": micros(round, 0.99) })
        });
        json!({ "write": name, "rounds": rounds.collect::<Vec<_>>() })
    });
    let raw = raw.collect();
    Ok(Outcome { tables: vec![table], aims: Vec::new(), raw })
}

fn forced_writes(
    options: &Options,
    bytes: usize,
    place: Place,
    span: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let mut file = tempfile::tempfile_in(&options.work_dir)?;
    let page = vec![7; bytes];
    if place == Place::Overwritten {
        fill(&mut file)?;
    }
    let mut took = latencies();
    let mut at = 0;
    let begin = Instant::now();
    while begin.elapsed() < span {
        let started = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        note(&mut took, started.elapsed());
        at += bytes as u64;
        if place == Place::Overwritten && at + bytes as u64 > WRAP {
            at = file.seek(SeekFrom::Start(0))?;
        }
    }
    Ok(took)
}

fn fill(file: &mut File) -> anyhow::Result<()> {
    let chunk = vec![1; 1024 * 1024];
    for _ in 0..WRAP / chunk.len() as u64 {
        file.write_all(&chunk)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}
