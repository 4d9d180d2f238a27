//! What came of a run: figures, errors, the verdict, and whether the limits of the scenario were kept. The same document as
//! text, as JSON and as a page.

mod figures;
mod html;
mod limits;
mod plot;
mod text;

use std::collections::BTreeMap;

use deskwire_protocol::{CloseCode, Timestamp};
use serde::Serialize;

pub(crate) use figures::{Latencies, Second};
use limits::LimitRow;

use crate::{
    client,
    person::World,
    record::{Count, Failure, Metric, Tally},
    verdict::Verdict,
};

/// The version of the JSON document: it grows by fields, and counts up when one changes or goes.
const FORMAT: u32 = 1;

/// Later than this, in milliseconds, a client is no longer on time.
const LATE_MS: f64 = 20.0;

/// What was measured.
pub(crate) struct Measured {
    pub(crate) total: Tally,
    pub(crate) seconds: Vec<Second>,
    /// Cores that this process kept busy during the load.
    pub(crate) cpu: Option<f64>,
    /// Whether it was ended by hand.
    pub(crate) is_stopped: bool,
}

/// What came of a run. Its fields are those of the JSON document; times are milliseconds where nothing else is said.
#[derive(Debug, Serialize)]
pub struct Report {
    format: u32,
    passed: bool,
    scenario: ScenarioRow,
    target: String,
    run: String,
    seed: u64,
    began: Timestamp,
    /// How long people acted.
    seconds: f64,
    stopped: bool,
    people: People,
    counts: BTreeMap<&'static str, u64>,
    rates: Rates,
    latencies: BTreeMap<&'static str, Latencies>,
    methods: BTreeMap<&'static str, Latencies>,
    errors: Vec<ErrorRow>,
    closes: Vec<CloseRow>,
    verdict: Verdict,
    limits: Vec<LimitRow>,
    client: Client,
    timeline: Vec<Second>,
    distributions: BTreeMap<&'static str, Vec<(f64, f64)>>,
}

#[derive(Debug, Serialize)]
struct ScenarioRow {
    name: String,
    description: String,
    own_texts: bool,
}

#[derive(Debug, Serialize)]
struct People {
    buyers: u32,
    agents: u32,
    slow_readers: u32,
}

/// A second of the load, on the average.
#[derive(Debug, Serialize)]
struct Rates {
    messages: f64,
    deliveries: f64,
    rpcs: f64,
    connections: f64,
}

#[derive(Debug, Serialize)]
struct ErrorRow {
    method: &'static str,
    /// As the contract's table names it, or what happened to the socket.
    #[serde(rename = "type")]
    kind: String,
    /// Of the contract's table; absent where nothing was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    count: u64,
    /// Whether the scenario says that it belongs to it.
    expected: bool,
}

#[derive(Debug, Serialize)]
struct CloseRow {
    /// 0 where none was told: the connection just ended.
    code: u16,
    sentence: &'static str,
    count: u64,
}

/// Whether the load was what it was meant to be.
#[derive(Debug, Serialize)]
struct Client {
    /// Cores kept busy; absent where the kernel does not tell.
    cpu_cores: Option<f64>,
    cores: usize,
    /// Whether the figures tell of this process rather than of the service.
    is_bottleneck: bool,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        world: &World,
        began: Timestamp,
        seed: u64,
        measured: Measured,
        verdict: Verdict,
    ) -> Self {
        let Measured { total, seconds: timeline, cpu, is_stopped } = measured;
        let scenario = &world.scenario;
        let load = timeline.iter().rfind(|second| second.at <= scenario.duration.0.as_secs_f64() + 0.5);
        let seconds = load.map_or(0.0, |second| second.at);
        let each = |count| total.count(count) as f64 / seconds.max(0.001);
        let rates = Rates {
            messages: each(Count::Acknowledged),
            deliveries: each(Count::Deliveries),
            rpcs: each(Count::Answered),
            connections: each(Count::Connections),
        };
        let expected = &scenario.limits.expected_errors;
        let errors: Vec<ErrorRow> = total
            .failures
            .iter()
            .map(|(&(method, failure), &count)| {
                let code = match failure {
                    Failure::Refused(code) => Some(code),
                    Failure::NotConnected | Failure::Unreadable | Failure::Unanswered => None,
                };
                let expected = code.is_some_and(|code| expected.iter().any(|kind| kind.code() == code));
                ErrorRow { method, kind: failure.name(), code, count, expected }
            })
            .collect();
        let unexpected = errors.iter().filter(|row| !row.expected).map(|row| row.count).sum();
        let limits = limits::check(&scenario.limits, &total, unexpected, rates.messages);
        let latencies = |metric: Metric| (metric.name(), Latencies::of(total.of(metric)));
        Self {
            format: FORMAT,
            passed: verdict.is_clean() && limits.iter().all(|limit| limit.kept),
            scenario: ScenarioRow {
                name: scenario.name.clone(),
                description: scenario.description.trim().to_owned(),
                own_texts: world.texts.are_own,
            },
            target: world.target.shown(),
            run: world.run.clone(),
            seed,
            began,
            seconds,
            stopped: is_stopped,
            people: People {
                buyers: scenario.buyers.count,
                agents: scenario.agents.count,
                slow_readers: scenario.slow_readers.count,
            },
            counts: Count::ALL.iter().map(|&count| (count.name(), total.count(count))).collect(),
            rates,
            latencies: Metric::ALL.into_iter().map(latencies).collect(),
            methods: total
                .methods
                .iter()
                .map(|(method, took)| (method.as_str(), Latencies::of(took)))
                .collect(),
            errors,
            closes: total.closes.iter().map(|(&code, &count)| CloseRow::new(code, count)).collect(),
            verdict,
            limits,
            client: Client::new(cpu, &total),
            timeline,
            distributions: Metric::ALL
                .into_iter()
                .map(|metric| (metric.name(), figures::distribution(total.of(metric))))
                .collect(),
        }
    }

    /// Whether every limit was kept and nothing was lost, doubled or out of order.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.passed
    }

    /// As a JSON document.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// As text for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::text(self)
    }

    /// As one page that needs nothing else.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}

impl CloseRow {
    fn new(code: u16, count: u64) -> Self {
        let sentence = match (CloseCode::from_code(code), code) {
            (Some(known), _) => known.sentence(),
            (None, 0) => "the connection ended without a close frame",
            (None, _) => "not a code of the contract",
        };
        Self { code, sentence, count }
    }
}

impl Client {
    fn new(cpu: Option<f64>, total: &Tally) -> Self {
        let cores = client::cores();
        let lag = Latencies::of(total.of(Metric::Lag));
        let mut notes = Vec::new();
        if lag.p99 > LATE_MS {
            notes.push(format!(
                "this client acted late: {:.1} ms at the 99th percentile. Latencies hold its own delay; put it on a machine \
                 of its own, or make the load smaller",
                lag.p99
            ));
        }
        if cpu.is_some_and(|cpu| cpu > 0.9 * cores as f64) {
            notes.push(format!(
                "this client kept {:.1} of {cores} cores busy: it had no time left",
                cpu.unwrap_or_default()
            ));
        }
        Self { cpu_cores: cpu, cores, is_bottleneck: !notes.is_empty(), notes }
    }
}
