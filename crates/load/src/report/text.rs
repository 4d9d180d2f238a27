//! The report for a terminal, in tables that are Markdown too.

use std::fmt::Write;

use super::{Latencies, Report};

pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    write(&mut out, report).unwrap_or(());
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let Report { scenario, people, rates, verdict, client, .. } = report;
    writeln!(out, "# {}\n", scenario.name)?;
    writeln!(
        out,
        "{} buyers, {} agents{} at {} for {:.1} s{}\n",
        people.buyers,
        people.agents,
        if people.slow_readers > 0 {
            format!(", {} slow readers", people.slow_readers)
        } else {
            String::new()
        },
        report.target,
        report.seconds,
        if report.stopped { " (ended by hand)" } else { "" }
    )?;
    let row = |name: &str, rate: f64, count: &str| {
        let count = report.counts.get(count).copied().unwrap_or_default();
        vec![name.to_owned(), count.to_string(), format!("{rate:.1}")]
    };
    table(
        out,
        &["", "count", "a second"],
        &[
            row("messages acknowledged", rates.messages, "messages_acknowledged"),
            row("deliveries", rates.deliveries, "deliveries"),
            row("other requests answered", rates.rpcs, "rpcs_answered"),
            row("sockets opened", rates.connections, "connections"),
        ],
    )?;
    let latencies = |(name, took): (&&str, &Latencies)| latency_row(name, took);
    let measured = report.latencies.iter().filter(|(_, took)| took.count > 0);
    table(out, LATENCY_COLUMNS, &measured.map(latencies).collect::<Vec<_>>())?;
    table(out, LATENCY_COLUMNS, &report.methods.iter().map(latencies).collect::<Vec<_>>())?;
    if !report.errors.is_empty() {
        let rows = report.errors.iter().map(|row| {
            let expected = if row.expected { "as expected" } else { "" };
            vec![row.method.to_owned(), row.kind.clone(), row.count.to_string(), expected.to_owned()]
        });
        table(out, &["errors", "type", "count", ""], &rows.collect::<Vec<_>>())?;
    }
    if !report.closes.is_empty() {
        let rows = report
            .closes
            .iter()
            .map(|row| vec![row.sentence.to_owned(), row.code.to_string(), row.count.to_string()]);
        table(out, &["sockets closed by the service", "code", "count"], &rows.collect::<Vec<_>>())?;
    }
    let rows = report.limits.iter().map(|row| {
        vec![
            format!("{} ({})", row.name, row.unit),
            figure(row.limit),
            row.measured.map_or("not measured".into(), figure),
            if row.kept { "kept" } else { "BROKEN" }.to_owned(),
        ]
    });
    table(out, &["limits", "limit", "measured", ""], &rows.collect::<Vec<_>>())?;
    writeln!(
        out,
        "messages: {} lost, {} doubled, {} disordered, {} altered; {} claims too many; {} conversations unchecked",
        verdict.lost,
        verdict.doubled,
        verdict.disordered,
        verdict.altered,
        verdict.overclaimed,
        verdict.unchecked
    )?;
    writeln!(
        out,
        "checked: {} acknowledged messages against the history, {} chains of events\n",
        verdict.checked_messages, verdict.checked_receivers
    )?;
    for finding in &verdict.findings {
        writeln!(out, "- {finding}")?;
    }
    for note in &client.notes {
        writeln!(out, "note: {note}")?;
    }
    let omitted = report.counts.get("deeds_omitted").copied().unwrap_or_default();
    if omitted > 0 {
        writeln!(
            out,
            "note: {omitted} deeds were due and not begun: their socket was away, or waited for answers"
        )?;
    }
    writeln!(out, "{}", if report.passed { "PASSED" } else { "FAILED" })
}

const LATENCY_COLUMNS: &[&str] = &["milliseconds", "count", "mean", "p50", "p90", "p99", "p99.9", "max"];

fn latency_row(name: &str, took: &Latencies) -> Vec<String> {
    let figures =
        [took.mean, took.p50, took.p90, took.p99, took.p999, took.max].map(|figure| format!("{figure:.2}"));
    [name.to_owned(), took.count.to_string()].into_iter().chain(figures).collect()
}

/// With as many digits as it deserves.
pub(super) fn figure(figure: f64) -> String {
    match figure.abs() {
        size if size == 0.0 || size >= 100.0 => format!("{figure:.0}"),
        size if size >= 1.0 => format!("{figure:.1}"),
        _ => format!("{figure:.4}"),
    }
}

fn table(out: &mut String, columns: &[&str], rows: &[Vec<String>]) -> std::fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([columns[column].chars().count(), 2]).max().unwrap_or(2)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(index, (cell, &width))| {
            // What is named stands left, figures stand right.
            if index == 0 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") }
        });
        writeln!(out, "|{}", padded.collect::<String>())
    };
    line(&columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>())?;
    let rules = widths.iter().enumerate().map(|(index, &width)| {
        if index == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width - 1)) }
    });
    line(&rules.collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| line(row))?;
    writeln!(out)
}
