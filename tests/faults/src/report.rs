//! What a run found, as a page of Markdown.

use std::{fmt::Write, fs, time::Duration};

use crate::{
    checker::{Figures, Spread},
    run::Outcome,
};

/// The page. `command` is what was run.
pub fn page(command: &str, seed: u64, sockets: usize, outcome: &Outcome) -> String {
    let mut page = String::new();
    // Writing into a string does not fail.
    write(&mut page, command, seed, sockets, outcome).ok();
    page
}

fn write(page: &mut String, command: &str, seed: u64, sockets: usize, outcome: &Outcome) -> std::fmt::Result {
    let Figures {
        sent,
        tries,
        acknowledged,
        recalled,
        refused,
        lost,
        doubled,
        disordered,
        arrived,
        sockets: opened,
        closed,
        late_live,
        late_backlog,
        away,
        caught_up,
        by_fault,
    } = &outcome.verdict.figures;
    let faults: usize = by_fault.values().map(|of| of.number).sum();
    writeln!(page, "`{command}`, seed {seed}. Machine: {}.\n", machine())?;
    writeln!(
        page,
        "{faults} faults in {}, {sockets} sockets in both encodings at a time, {} conversations, three nodes.\n",
        minutes(outcome.talked),
        outcome.conversations
    )?;
    writeln!(page, "| what | number |\n|---|---:|")?;
    for (what, number) in [
        ("messages sent", *sent),
        ("tries of them", *tries),
        ("acknowledged", *acknowledged),
        ("refused for good", *refused),
        ("recalls acknowledged", *recalled),
        ("**lost**", *lost),
        ("**doubled**", *doubled),
        ("**disordered**", *disordered),
        ("other violations", outcome.verdict.violations.len() - lost - doubled - disordered),
        ("events that arrived", *arrived),
        ("sockets opened", *opened),
    ] {
        writeln!(page, "| {what} | {number} |")?;
    }
    writeln!(page, "\n| time | number | p50 | p99 | worst |\n|---|---:|---:|---:|---:|")?;
    for (what, spread) in [
        ("an event is pushed, after anyone knew of it", late_live),
        ("an event comes to who was away", late_backlog),
        ("from the end of a socket to being attached again", away),
    ] {
        writeln!(page, "| {what} | {} | {} |", spread.number, times(spread))?;
    }
    writeln!(page, "\nEveryone had everything {} after the last answer.\n", time(*caught_up))?;
    let codes: Vec<_> = closed.iter().map(|(code, number)| format!("{code}: {number}")).collect();
    writeln!(
        page,
        "Sockets ended by close code (0: cut, or given up by the client): {}.\n",
        codes.join(", ")
    )?;
    writeln!(
        page,
        "| fault | number | sockets ended | attached again: p50 | p99 | worst | pushed to those attached: p50 | p99 | worst |"
    )?;
    writeln!(page, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for (kind, of) in by_fault {
        writeln!(
            page,
            "| {kind} | {} | {} | {} | {} |",
            of.number,
            of.sockets,
            times(&of.away),
            times(&of.late)
        )?;
    }
    if !outcome.verdict.violations.is_empty() {
        writeln!(page, "\n```text\n{}```", outcome.verdict)?;
    }
    Ok(())
}

fn times(spread: &Spread) -> String {
    if spread.number == 0 {
        return "– | – | –".into();
    }
    format!("{} | {} | {}", time(spread.p50), time(spread.p99), time(spread.worst))
}

fn time(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}

fn minutes(time: Duration) -> String {
    format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
}

/// The kind of machine, and nothing that names this one.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let model = field(&cpu, "model name").unwrap_or_else(|| "an unknown processor".into());
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 =
        field(&memory, "MemTotal").and_then(|total| total.trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    let mib = (kib + 512) / 1_024;
    format!("{cores} cores ({model}), {} GiB of memory", (mib + 512) / 1_024)
}

fn field(text: &str, name: &str) -> Option<String> {
    let of = |line: &str| {
        line.split_once(':').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(of).find(|(key, _)| key == name).map(|(_, value)| value)
}
