//! The report as one page: no script, nothing from elsewhere, light or dark as its reader has it.

use std::fmt::Write;

use super::{
    Latencies, Report, Second,
    plot::{Line, Plot, Scale},
    text::figure,
};

const STYLE: &str = include_str!("page.css");

pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    write(&mut out, report).unwrap_or(());
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let Report { scenario, people, rates, client, .. } = report;
    let name = escaped(&scenario.name);
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{name}</title><style>{STYLE}</style></head><body><main>\
         <header><h1>{name}</h1><p class=\"{}\">{}</p></header>",
        if report.passed { "verdict passed" } else { "verdict failed" },
        if report.passed { "Passed" } else { "Failed" }
    )?;
    if !scenario.description.is_empty() {
        write!(out, "<p>{}</p>", escaped(&scenario.description))?;
    }
    let slow = if people.slow_readers > 0 {
        format!(", {} slow readers", people.slow_readers)
    } else {
        String::new()
    };
    write!(
        out,
        "<p class=\"quiet\">{} buyers, {} agents{slow} at <code>{}</code> for {:.1} s, run <code>{}</code>, seed {}.</p>",
        people.buyers,
        people.agents,
        escaped(&report.target),
        report.seconds,
        escaped(&report.run),
        report.seed
    )?;
    for note in &client.notes {
        write!(out, "<p class=\"note\">{}</p>", escaped(note))?;
    }
    let count = |name: &str| report.counts.get(name).copied().unwrap_or_default();
    write!(out, "<section class=\"tiles\">")?;
    for (name, rate, total) in [
        ("messages a second", rates.messages, "messages_acknowledged"),
        ("deliveries a second", rates.deliveries, "deliveries"),
        ("other requests a second", rates.rpcs, "rpcs_answered"),
        ("sockets opened a second", rates.connections, "connections"),
    ] {
        write!(
            out,
            "<div><b>{}</b><span>{name}</span><small>{} in all</small></div>",
            figure(rate),
            count(total)
        )?;
    }
    write!(out, "</section>")?;
    verdict(out, report)?;
    limits(out, report)?;
    write!(out, "<h2>Course</h2>")?;
    for plot in plots(report) {
        out.push_str(&plot.figure());
    }
    write!(
        out,
        "<h2>Latencies</h2><p class=\"quiet\">Milliseconds, from the moment at which someone meant to begin: who waited for a turn is counted.</p>"
    )?;
    let measured = report.latencies.iter().filter(|(_, took)| took.count > 0);
    latencies(out, measured.map(|(name, took)| (*name, took)))?;
    latencies(out, report.methods.iter().map(|(name, took)| (*name, took)))?;
    failures(out, report)?;
    write!(out, "<h2>Client</h2><p>")?;
    if let Some(cpu) = client.cpu_cores {
        write!(out, "{cpu:.2} of {} cores busy. ", client.cores)?;
    }
    write!(out, "{} deeds were due and not begun.</p></main></body></html>", count("deeds_omitted"))
}

fn verdict(out: &mut String, report: &Report) -> std::fmt::Result {
    let verdict = &report.verdict;
    write!(out, "<h2>Every message, once and in order</h2><div class=\"wide\"><table><tr>")?;
    let figures = [
        ("lost", verdict.lost),
        ("doubled", verdict.doubled),
        ("disordered", verdict.disordered),
        ("altered", verdict.altered),
        ("claims too many", verdict.overclaimed),
        ("conversations unchecked", verdict.unchecked),
    ];
    for (name, _) in figures {
        write!(out, "<th>{name}</th>")?;
    }
    write!(out, "</tr><tr>")?;
    for (_, figure) in figures {
        write!(out, "<td class=\"{}\">{figure}</td>", if figure == 0 { "good" } else { "bad" })?;
    }
    write!(
        out,
        "</tr></table></div><p class=\"quiet\">{} acknowledged messages held against the history, {} chains of events followed.</p>",
        verdict.checked_messages, verdict.checked_receivers
    )?;
    if !verdict.findings.is_empty() {
        write!(out, "<ul>")?;
        for finding in &verdict.findings {
            write!(out, "<li>{}</li>", escaped(finding))?;
        }
        write!(out, "</ul>")?;
    }
    Ok(())
}

fn limits(out: &mut String, report: &Report) -> std::fmt::Result {
    write!(
        out,
        "<h2>Limits</h2><div class=\"wide\"><table><tr><th>limit</th><th></th><th>measured</th><th></th></tr>"
    )?;
    for row in &report.limits {
        write!(
            out,
            "<tr><td>{} <small>{}</small></td><td>{}</td><td>{}</td><td class=\"{}\">{}</td></tr>",
            escaped(&row.name),
            row.unit,
            figure(row.limit),
            row.measured.map_or("not measured".into(), figure),
            if row.kept { "good" } else { "bad" },
            if row.kept { "kept" } else { "broken" }
        )?;
    }
    write!(out, "</table></div>")
}

fn latencies<'a>(
    out: &mut String,
    rows: impl Iterator<Item = (&'static str, &'a Latencies)>,
) -> std::fmt::Result {
    write!(out, "<div class=\"wide\"><table><tr><th></th>")?;
    for column in ["count", "mean", "p50", "p90", "p99", "p99.9", "max"] {
        write!(out, "<th>{column}</th>")?;
    }
    write!(out, "</tr>")?;
    for (name, took) in rows {
        write!(out, "<tr><td>{name}</td><td>{}</td>", took.count)?;
        for figure in [took.mean, took.p50, took.p90, took.p99, took.p999, took.max] {
            write!(out, "<td>{figure:.2}</td>")?;
        }
        write!(out, "</tr>")?;
    }
    write!(out, "</table></div>")
}

fn failures(out: &mut String, report: &Report) -> std::fmt::Result {
    if !report.errors.is_empty() {
        write!(
            out,
            "<h2>Errors</h2><div class=\"wide\"><table><tr><th>request</th><th>type</th><th>code</th><th>count</th><th></th></tr>"
        )?;
        for row in &report.errors {
            write!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                row.method,
                escaped(&row.kind),
                row.code.map(|code| code.to_string()).unwrap_or_default(),
                row.count,
                if row.expected { "as expected" } else { "" }
            )?;
        }
        write!(out, "</table></div>")?;
    }
    if !report.closes.is_empty() {
        write!(
            out,
            "<h2>Sockets closed by the service</h2><div class=\"wide\"><table><tr><th>reason</th><th>code</th><th>count</th></tr>"
        )?;
        for row in &report.closes {
            write!(out, "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", row.sentence, row.code, row.count)?;
        }
        write!(out, "</table></div>")?;
    }
    Ok(())
}

fn plots(report: &Report) -> Vec<Plot> {
    let line = |name, colour, is_dashed, value: fn(&Second) -> f64| Line {
        name,
        colour,
        is_dashed,
        points: report.timeline.iter().map(|second| (second.at, value(second))).collect(),
    };
    // A second in which nothing was measured has no latency, and is no second of latency 0.
    let latency = |name, colour, is_dashed, value: fn(&Second) -> f64| {
        let mut line = line(name, colour, is_dashed, value);
        line.points.retain(|point| point.1 > 0.0);
        line
    };
    let spread = |name, colour, key: &str| Line {
        name,
        colour,
        is_dashed: false,
        points: report.distributions.get(key).cloned().unwrap_or_default(),
    };
    vec![
        Plot {
            title: "Rates",
            x: ("seconds", Scale::Linear),
            y: ("a second", Scale::Linear),
            lines: vec![
                line("messages", 1, false, |second| second.messages as f64),
                line("deliveries", 2, false, |second| second.deliveries as f64),
                line("other requests", 3, false, |second| second.rpcs as f64),
            ],
        },
        Plot {
            title: "Latencies",
            x: ("seconds", Scale::Linear),
            y: ("ms", Scale::Decades),
            lines: vec![
                latency("reply p99", 1, false, |second| second.reply_p99),
                latency("reply p50", 1, true, |second| second.reply_p50),
                latency("delivery p99", 2, false, |second| second.delivery_p99),
                latency("delivery p50", 2, true, |second| second.delivery_p50),
                latency("request p99", 3, false, |second| second.rpc_p99),
                latency("request p50", 3, true, |second| second.rpc_p50),
            ],
        },
        Plot {
            title: "Latencies by percentile",
            x: ("percentile", Scale::Nines),
            y: ("ms", Scale::Decades),
            lines: vec![
                spread("reply", 1, "reply"),
                spread("delivery", 2, "delivery"),
                spread("other requests", 3, "rpc"),
                spread("connect", 4, "connect"),
                spread("resume", 5, "resume"),
            ],
        },
        Plot {
            title: "Sockets",
            x: ("seconds", Scale::Linear),
            y: ("", Scale::Linear),
            lines: vec![
                line("open", 1, false, |second| second.sockets as f64),
                line("opened a second", 4, false, |second| second.connections as f64),
                line("errors a second", 5, false, |second| second.errors as f64),
            ],
        },
    ]
}

/// Names come from files, and may hold anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
