//! The limits of a scenario held against what was measured.

use serde::Serialize;

use super::figures::{Latencies, millis};
use crate::{
    record::{Count, Metric, Tally},
    scenario::{Limits, Quantiles, Span},
};

/// One limit, and whether it was kept.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LimitRow {
    /// The key in the scenario, after `limits.`.
    pub(crate) name: String,
    pub(crate) limit: f64,
    /// Absent where there was nothing to measure: then it is not kept.
    pub(crate) measured: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) kept: bool,
}

pub(super) fn check(
    limits: &Limits,
    total: &Tally,
    unexpected: u64,
    messages_per_second: f64,
) -> Vec<LimitRow> {
    let mut rows = Vec::new();
    for (metric, quantiles) in [
        (Metric::Connect, &limits.connect),
        (Metric::Resume, &limits.resume),
        (Metric::Reply, &limits.reply),
        (Metric::Delivery, &limits.delivery),
        (Metric::Rpc, &limits.rpc),
    ] {
        latencies(&mut rows, metric, quantiles, total);
    }
    let asked = total.count(Count::Requests) + total.count(Count::Connections);
    let share = unexpected as f64 / asked.max(1) as f64;
    rows.push(at_most("errors", limits.errors.unwrap_or(0.0), Some(share), "of all requests"));
    let disconnects = total.count(Count::Disconnects) as f64;
    let most = limits.disconnects.unwrap_or(0) as f64;
    rows.push(at_most("disconnects", most, Some(disconnects), "sockets"));
    if let Some(least) = limits.messages_per_second {
        rows.push(LimitRow {
            name: "messages_per_second".into(),
            limit: least,
            measured: Some(messages_per_second),
            unit: "at least",
            kept: messages_per_second >= least,
        });
    }
    rows
}

fn latencies(rows: &mut Vec<LimitRow>, metric: Metric, quantiles: &Quantiles, total: &Tally) {
    let took = total.of(metric);
    let Quantiles { p50, p90, p99, p999, max } = quantiles;
    for (name, limit, quantile) in
        [("p50", p50, 0.5), ("p90", p90, 0.9), ("p99", p99, 0.99), ("p99.9", p999, 0.999), ("max", max, 1.0)]
    {
        if let Some(Span(limit)) = limit {
            let measured = if quantile < 1.0 { millis(took, quantile) } else { Latencies::of(took).max };
            let measured = (!took.is_empty()).then_some(measured);
            rows.push(at_most(
                &format!("{}.{name}", metric.name()),
                limit.as_secs_f64() * 1_000.0,
                measured,
                "ms",
            ));
        }
    }
}

fn at_most(name: &str, limit: f64, measured: Option<f64>, unit: &'static str) -> LimitRow {
    let kept = measured.is_some_and(|measured| measured <= limit);
    LimitRow { name: name.into(), limit, measured, unit, kept }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::{Failure, Recorder};

    #[test]
    fn a_limit_is_kept_or_broken_or_was_not_measured() {
        let recorder = Recorder::new(1, 0);
        recorder.latency(0, Metric::Reply, None, 0, 20_000);
        recorder.add(0, Count::Requests, 100);
        recorder.failed(0, "x", Failure::NotConnected);
        let total = recorder.gather();
        let p99 =
            |millis| Quantiles { p99: Some(Span(Duration::from_millis(millis))), ..Quantiles::default() };
        let limits = Limits {
            reply: p99(21),
            rpc: p99(21),
            errors: Some(0.01),
            messages_per_second: Some(5.0),
            ..Limits::default()
        };
        let kept = |limits: &Limits, unexpected| {
            let rows = check(limits, &total, unexpected, 4.0);
            rows.into_iter().map(|row| (row.name, row.kept)).collect::<Vec<_>>()
        };
        let rows = kept(&limits, 1);
        let expected = [
            ("reply.p99", true),
            ("rpc.p99", false),
            ("errors", true),
            ("disconnects", true),
            ("messages_per_second", false),
        ];
        assert_eq!(rows, expected.map(|(name, kept)| (name.to_owned(), kept)));
        let broken = Limits { reply: p99(19), ..Limits::default() };
        assert_eq!(
            kept(&broken, 1)[..2],
            [("reply.p99".into(), false), ("errors".into(), false)],
            "none, unless told"
        );
    }
}
